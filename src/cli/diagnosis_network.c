/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether machines on bridges reach others, and others them. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cli/diagnosis.h"
#include "network/nftables.h"
#include "network/obstacle.h"

/* The network that machines are on unless they say otherwise. */
#define TABLE  "machinectl-lite"
#define BRIDGE "mlb-default"

int examine_nftables(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_nftables_ struct nftables *nftables = NULL;

        if (nftables_open(&nftables, &error) < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        if (geteuid() != 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "the library is there, but only root can ask the kernel");
                return diagnosis_way_out(ret, "run machinectl-lite doctor as root");
        }
        if (nftables_run(nftables, "list tables", &error) < 0) {
                diagnosis_say(ret, DIAGNOSIS_BAD, "the kernel does not list its tables");
                return diagnosis_way_out(ret, "modprobe nf_tables; a container needs "
                                              "CAP_NET_ADMIN for its network");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "the library and the kernel's part are there");
}

/* What one family's forwarding is at. */
struct forwarding_file {
        const char *name; /* of the family */
        const char *all;
        const char *each; /* one interface's own, where the kernel has it; the loopback has all */
        const char *key;  /* for sysctl(8) */
};

static const struct forwarding_file forwarding4 = {
        "IPv4",
        "/proc/sys/net/ipv4/conf/all/forwarding",
        "/proc/sys/net/ipv4/conf/lo/forwarding",
        "net.ipv4.ip_forward",
};

static const struct forwarding_file forwarding6 = {
        "IPv6",
        "/proc/sys/net/ipv6/conf/all/forwarding",
        "/proc/sys/net/ipv6/conf/lo/force_forwarding",
        "net.ipv6.conf.all.forwarding",
};

static int examine_family(const struct forwarding_file *file, struct diagnosis *ret)
{
        _cleanup_free_ char *text = NULL;

        if (file_read(AT_FDCWD, file->all, 64, &text, NULL) < 0) {
                diagnosis_say(ret, DIAGNOSIS_BAD, "%s cannot be read", file->all);
                return diagnosis_way_out(ret, "mount /proc, or use network mode \"host\"");
        }
        if (text[0] == '1') {
                return diagnosis_say(ret, DIAGNOSIS_GOOD, "%s is forwarded by every interface",
                                     file->name);
        }
        if (access(file->all, W_OK) < 0 && errno == EROFS) {
                diagnosis_say(ret, DIAGNOSIS_BAD,
                              "it is off for %s, and %s is read-only: machines on bridges do not "
                              "reach other hosts",
                              file->name, file->all);
                return diagnosis_way_out(ret,
                                         "sysctl %s=1 where it can be written, or network mode "
                                         "\"host\"",
                                         file->key);
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "off, a start switches it on for %s",
                             access(file->each, F_OK) == 0
                                     ? "the interfaces that need it"
                                     : "all interfaces: this kernel cannot do it for one");
}

int examine_forwarding(const struct cli *cli, struct diagnosis *ret)
{
        return examine_family(&forwarding4, ret);
}

int examine_forwarding_ipv6(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", 64, &text, NULL);

        if (r == -ENOENT || (r == 0 && text[0] == '1')) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD,
                                     "IPv6 is off on this host, machines get IPv4 addresses alone");
        }
        return examine_family(&forwarding6, ret);
}

/* firewalld is asked to trust a bridge when it is made. */
static int tell_obstacle(const struct obstacle_list *list, struct diagnosis *ret)
{
        const struct obstacle *worst = NULL;
        _cleanup_free_ char *table = NULL;
        _cleanup_free_ char *command = NULL;

        for (size_t i = 0; i < list->count && !worst; i++) {
                worst = list->items[i].owner == OBSTACLE_FIREWALLD ? NULL : &list->items[i];
        }
        if (!worst) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD,
                                     list->count > 0 ? "firewalld is asked to trust bridges"
                                                     : "none drops what machines send and get");
        }
        table = obstacle_describe(worst);
        command = obstacle_mend(worst, BRIDGE);
        if (!table || !command) {
                return -ENOMEM;
        }
        diagnosis_say(ret, DIAGNOSIS_WARNING,
                      "%s drops what is forwarded: machines on bridges reach no other host, and "
                      "their ports are out of reach",
                      table);
        return diagnosis_way_out(ret, "for the network \"default\": %s", command);
}

int examine_firewall(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_obstacle_list_ struct obstacle_list list = { 0 };
        int r;

        if (geteuid() != 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "what it drops only root can tell");
                return diagnosis_way_out(ret, "run machinectl-lite doctor as root");
        }
        r = obstacle_find_nftables(TABLE, BRIDGE, &list);
        if (r == 0) {
                r = obstacle_find_legacy(BRIDGE, &list);
        }
        if (r < 0) {
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

                error_set(&error, r, "cannot list the rules of other firewalls");
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        return tell_obstacle(&list, ret);
}
