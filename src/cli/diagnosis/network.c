/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of the network of machines on bridges. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/diagnosis/diagnosis.h"
#include "network/firewall/conflict.h"
#include "network/firewall/nftables.h"
#include "network/network.h"

/* The default network. */
#define TABLE  "machinectl-lite"
#define BRIDGE "mlb-default"

/* Returns whether firewall rules of a running machine are missing. */
static bool lacks_rules(const json_t *network, const json_t *machine)
{
        return json_is_integer(json_object_get(machine, "pid")) &&
               (!json_is_true(json_object_get(network, "rules")) ||
                json_array_size(json_object_get(machine, "ports_missing")) > 0 ||
                (!json_is_true(json_object_get(network, "spoofing")) &&
                 !json_is_true(json_object_get(machine, "guarded"))));
}

/* Finds the first machine whose rules were removed by another program. */
static int examine_rules(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *directory = path_join(cli->directories.runtime, "network");
        _cleanup_json_ json_t *networks = NULL;
        const json_t *network, *machine;
        size_t i, j;

        if (!directory) {
                return -ENOMEM;
        }
        /* If it does not exist no machine has used a network, and the report would create it. */
        if (access(directory, F_OK) == 0 &&
            network_report(cli->directories.runtime, &networks, NULL) < 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "cannot check the rules of machines");
                return diagnosis_way_out(ret, "machinectl-lite network list shows the reason");
        }
        json_array_foreach(networks, i, network)
        {
                json_array_foreach(json_object_get(network, "machines"), j, machine)
                {
                        if (lacks_rules(network, machine)) {
                                diagnosis_say(ret, DIAGNOSIS_BAD,
                                              "rules of machine \"%s\" were removed by another "
                                              "program: it is not guarded, or not reachable",
                                              json_get_string(machine, "name"));
                                return diagnosis_way_out(ret, "machinectl-lite network reload");
                        }
                }
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "supported by the library and the kernel");
}

int examine_nftables(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        /* An empty text only loads the library. */
        int r = nftables_run(geteuid() == 0 ? "list tables" : "", &error);

        if (r == -ENOENT) {
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        if (geteuid() != 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "the library is installed, but only root can check the kernel");
                return diagnosis_way_out(ret, "run machinectl-lite doctor as root");
        }
        if (r < 0) {
                diagnosis_say(ret, DIAGNOSIS_BAD, "the kernel refuses to list its tables");
                return diagnosis_way_out(ret, "modprobe nf_tables; a container needs "
                                              "CAP_NET_ADMIN for its network");
        }
        if (!nftables_has_bridges()) {
                diagnosis_say(ret, DIAGNOSIS_BAD,
                              "the kernel does not support rules for bridges, which prevent "
                              "spoofing");
                return diagnosis_way_out(ret, "boot a kernel with CONFIG_NF_TABLES_BRIDGE, or set "
                                              "spoofing = true in the definition of each network");
        }
        return examine_rules(cli, ret);
}

/* The files and the sysctl(8) key of forwarding for one address family. */
struct forwarding_file {
        const char *name; /* of the family */
        const char *all;
        const char *each; /* per interface, if supported; the loopback device always exists */
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
                return diagnosis_say(ret, DIAGNOSIS_GOOD, "%s forwarding is on for all interfaces",
                                     file->name);
        }
        if (access(file->all, W_OK) < 0 && errno == EROFS) {
                diagnosis_say(
                        ret, DIAGNOSIS_BAD,
                        "%s forwarding is off, and %s is read-only: machines on bridges cannot "
                        "reach other hosts",
                        file->name, file->all);
                return diagnosis_way_out(ret,
                                         "sysctl %s=1 where it is writable, or use network mode "
                                         "\"host\"",
                                         file->key);
        }
        return diagnosis_say(
                ret, DIAGNOSIS_GOOD, "off; a start turns it on for %s",
                access(file->each, F_OK) == 0
                        ? "the interfaces that need it"
                        : "all interfaces: this kernel does not support it per interface");
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
                return diagnosis_say(
                        ret, DIAGNOSIS_GOOD,
                        "IPv6 is disabled on this host; machines get only IPv4 addresses");
        }
        return examine_family(&forwarding6, ret);
}

/* firewalld is no conflict: a bridge is added to its trusted zone when it is created. */
static int report_conflict(const struct conflict_list *list, struct diagnosis *ret)
{
        const struct firewall_conflict *worst = NULL;
        _cleanup_free_ char *table = NULL;
        _cleanup_free_ char *command = NULL;

        for (size_t i = 0; i < list->count && !worst; i++) {
                worst = list->items[i].owner == CONFLICT_FIREWALLD ? NULL : &list->items[i];
        }
        if (!worst) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD,
                                     list->count > 0
                                             ? "bridges are in the trusted zone of firewalld"
                                             : "no other firewall drops the traffic of machines");
        }
        table = conflict_describe(worst);
        command = conflict_command(worst, BRIDGE);
        if (!table || !command) {
                return -ENOMEM;
        }
        diagnosis_say(
                ret, DIAGNOSIS_WARNING,
                "%s drops forwarded traffic: machines on bridges cannot reach other hosts, and "
                "their ports are not reachable",
                table);
        return diagnosis_way_out(ret, "for the network \"default\": %s", command);
}

int examine_firewall(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_conflict_list_ struct conflict_list list = { 0 };
        int r;

        if (geteuid() != 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "only root can check this");
                return diagnosis_way_out(ret, "run machinectl-lite doctor as root");
        }
        r = conflict_find_nftables(TABLE, BRIDGE, &list);
        if (r == 0) {
                r = conflict_find_legacy(BRIDGE, &list);
        }
        if (r < 0) {
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

                error_set(&error, r, "cannot list the rules of other firewalls");
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        return report_conflict(&list, ret);
}
