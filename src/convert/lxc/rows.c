/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "convert/document/words.h"
#include "convert/lxc/take.h"
#include "convert/model/values.h"

#define LXC_TAKE(name)                                                                        \
        static void take_##name(struct lxc *lxc, const struct lxc_row *row, const char *rest, \
                                const char *value)

/* ---- Plain ---- */

LXC_TAKE(text)
{
        convert_text(lxc->conversion, row->key, value);
}

LXC_TAKE(size)
{
        convert_size(lxc->conversion, row->key, value);
}

LXC_TAKE(integer)
{
        if (strcmp(value, "max") == 0) {
                convert_text(lxc->conversion, row->key, value);
        } else {
                convert_integer(lxc->conversion, row->key, value);
        }
}

LXC_TAKE(boolean)
{
        convert_boolean(lxc->conversion, row->key, value_is_true(value));
}

LXC_TAKE(element)
{
        convert_add(lxc->conversion, row->key, value);
}

/* "44,1500" */
LXC_TAKE(groups)
{
        _cleanup_strv_ char **groups = NULL;

        if (strv_split(value, ',', &groups) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(group, groups) {
                convert_add(lxc->conversion, row->key, *group + strspn(*group, " "));
        }
}

LXC_TAKE(weight)
{
        convert_weight(lxc->conversion, row->key, value, 100, 10000);
}

LXC_TAKE(lost)
{
        convert_lost(lxc->conversion, "%s", row->text);
}

LXC_TAKE(no_effect)
{
}

/* ---- The root ---- */

/* "dir:/path", "overlay:LOWER:UPPER", "/path". */
LXC_TAKE(root)
{
        struct conversion *conversion = lxc->conversion;
        const char *path = strchr(value, ':') ? strchr(value, ':') + 1 : value;
        const char *upper = strchr(path, ':');

        if (value[0] == '/' || string_after(value, "dir:") || string_after(value, "btrfs:")) {
                convert_text(conversion, row->key, path);
        } else if (upper && string_after(value, "overlay")) {
                convert_unset(conversion, row->key);
                convert_value(conversion, "overlay", json_pack("[s#]", path, (int)(upper - path)));
                convert_text(conversion, "upper", upper + 1);
        } else {
                convert_lost(conversion,
                             "the root must be a directory: mount it, and set \"rootfs\"");
        }
}

LXC_TAKE(root_options)
{
        _cleanup_strv_ char **options = NULL;

        if (strv_split(value, ',', &options) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(option, options) {
                if (strcmp(*option, "ro") == 0) {
                        convert_boolean(lxc->conversion, "read_only", true);
                } else if (!string_after(*option, "idmap=") && **option &&
                           strcmp(*option, "rw") != 0) {
                        convert_lost(lxc->conversion, "the option \"%s\" has no equivalent",
                                     *option);
                }
        }
}

LXC_TAKE(ephemeral)
{
        if (value_is_true(value)) {
                convert_text(lxc->conversion, "upper", "volatile");
        }
}

/* ---- What runs ---- */

LXC_TAKE(command)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        /* The usual one. */
        if (words && !words[1] && strcmp(words[0], "/sbin/init") == 0) {
                return;
        }
        strv_free(lxc->command);
        lxc->command = TAKE_PTR(words);
        lxc->execute = strcmp(row->name, "lxc.execute.cmd") == 0;
}

LXC_TAKE(user)
{
        if (string_replace(row->text[0] == 'u' ? &lxc->uid : &lxc->gid, value) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
}

/* "u 0 100000 65536": one range, the same for groups. */
LXC_TAKE(id_map)
{
        struct conversion *conversion = lxc->conversion;
        unsigned long inside, outside, count;
        char type;

        lxc->mapped = true;
        if (sscanf(value, " %c %lu %lu %lu", &type, &inside, &outside, &count) != 4) {
                convert_lost(conversion, "\"%.60s\" is not a map of ids", value);
        } else if (inside != 0 || (type == 'u' && convert_get(conversion, "user_namespace"))) {
                convert_lost(conversion, "ids are mapped as one range from 0");
        } else if (type == 'u') {
                convert_value(conversion, "user_namespace",
                              json_sprintf("%lu:%lu", outside, count));
        }
}

/* ---- Network ---- */

LXC_TAKE(link_type)
{
        if (lxc->link > 0) {
                if (strcmp(value, "veth") != 0) {
                        convert_lost(lxc->conversion,
                                     "a further link of a machine is on a bridge, not of the type "
                                     "\"%s\"",
                                     value);
                        lxc_link(lxc)->lost = true;
                }
                return;
        }
        lxc->networked = true;
        if (strcmp(value, "none") == 0) {
                convert_text(lxc->conversion, row->key, "host");
        } else if (strcmp(value, "empty") == 0) {
                convert_text(lxc->conversion, row->key, "none");
        } else if (strcmp(value, "macvlan") == 0 || strcmp(value, "ipvlan") == 0) {
                convert_text(lxc->conversion, row->key, value);
        } else if (strcmp(value, "veth") != 0) {
                convert_lost(lxc->conversion, "there is no link of the type \"%s\"", value);
        }
}

/* The network has the bridge's name. */
static void define_bridge(struct lxc *lxc, const char *bridge)
{
        struct conversion *conversion = lxc->conversion;
        struct convert_file *file = conversion->file;

        if (!convert_find(conversion, bridge, ".network") &&
            convert_open(conversion, bridge, ".network", lxc->file)) {
                convert_text(conversion, "bridge", bridge);
        }
        conversion->file = file;
}

/* The bridge, or the interface that a macvlan is on. */
LXC_TAKE(link)
{
        struct conversion *conversion = lxc->conversion;
        const char *mode = json_string_value(convert_get(conversion, "network.mode"));

        if (lxc->link == 0 && mode &&
            (strcmp(mode, "macvlan") == 0 || strcmp(mode, "ipvlan") == 0)) {
                convert_value(conversion, "network.mode", json_sprintf("%s:%s", mode, value));
                return;
        }
        if (lxc->link == 0) {
                convert_text(conversion, "network.name", value);
        } else {
                lxc_set_link(lxc, "name", json_string(value));
        }
        define_bridge(lxc, value);
}

/* Text and numbers of a link. */
LXC_TAKE(of_link)
{
        const char *key = strchr(row->key, '.') + 1;

        if (lxc->link > 0) {
                lxc_set_link(lxc, key,
                             strcmp(key, "mtu") == 0 ? json_integer(strtol(value, NULL, 10))
                                                     : json_string(value));
        } else if (strcmp(key, "mtu") == 0) {
                take_integer(lxc, row, rest, value);
        } else {
                take_text(lxc, row, rest, value);
        }
}

/* "10.0.3.5/24 10.0.3.255": the prefix is the network's, see finish(). */
LXC_TAKE(address)
{
        size_t length = strcspn(value, "/ ");
        char **whole = lxc->link > 0 ? &lxc_link(lxc)->address : &lxc->address;

        if (strcmp(row->key, "network.address") == 0 && string_replace(whole, value) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        if (lxc->link > 0) {
                lxc_set_link(lxc, strchr(row->key, '.') + 1, json_stringn(value, length));
        } else {
                convert_value(lxc->conversion, row->key, json_pack("s#", value, (int)length));
        }
}

/* The links have the same names in each machine, which programs rarely depend on. */
LXC_TAKE(link_name)
{
        _cleanup_free_ char *usual = string_format("eth%zu", lxc->link);

        if (!string_equal(value, usual)) {
                convert_lost(lxc->conversion, "the link's name in the machine is \"%s\"",
                             usual ? usual : "");
        }
}

/* Of the network as well. */
LXC_TAKE(gateway)
{
        if (lxc->link > 0) {
                convert_lost(lxc->conversion, "the way out of a machine is that of its first link");
                return;
        }
        if (strcmp(value, "auto") != 0 && strcmp(row->text, "ipv4") == 0 &&
            string_replace(&lxc->gateway, value) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
}

/* ---- Limits ---- */

/* "cpu.max = 50000 100000". */
LXC_TAKE(cpu_max)
{
        unsigned long long quota, period = 100000;

        if (sscanf(value, "%llu %llu", &quota, &period) >= 1) {
                convert_cpu_quota(lxc->conversion, quota, period);
        } else if (strncmp(value, "max", 3) != 0) {
                convert_lost(lxc->conversion, "\"%.40s\" is not a quota", value);
        }
}

/* Of cgroup v1: 1024 is the default. */
LXC_TAKE(shares)
{
        convert_weight(lxc->conversion, row->key, value, 1024, 262144);
}

LXC_TAKE(process_limit)
{
        convert_ulimit(lxc->conversion, rest, value);
}

LXC_TAKE(sysctl)
{
        convert_add_value(lxc->conversion, row->key, json_sprintf("%s=%s", rest, value));
}

/* ---- Security ---- */

LXC_TAKE(capabilities)
{
        _cleanup_strv_ char **names = NULL;

        if (words_split_unit(value, &names) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(name, names) {
                if (strcmp(*name, "none") == 0) {
                        convert_add(lxc->conversion, "capabilities.drop", "all");
                } else {
                        convert_capability(lxc->conversion, row->key, *name);
                }
        }
}

/* What is kept is everything else dropped. */
LXC_TAKE(keep)
{
        if (!convert_get(lxc->conversion, "capabilities.drop")) {
                convert_add(lxc->conversion, "capabilities.drop", "all");
        }
        take_capabilities(lxc, row, rest, value);
}

LXC_TAKE(apparmor)
{
        if (strcmp(value, "generated") == 0 || strcmp(value, "unchanged") == 0 ||
            string_after(value, "lxc-container-default")) {
                convert_differs(lxc->conversion, NULL,
                                "a machine has no AppArmor profile unless one is set");
        } else if (strcmp(value, "unconfined") != 0) {
                convert_text(lxc->conversion, row->key, value);
        }
}

LXC_TAKE(seccomp)
{
        if (!*value) {
                lxc->profile_off = true;
        } else if (strstr(value, "/share/lxc/config/")) {
                return; /* that of all containers */
        } else {
                convert_lost(lxc->conversion, "write the profile in the format of OCI, or in "
                                              "seccomp.deny");
        }
}

/* ---- Life ---- */

LXC_TAKE(delay)
{
        convert_time(lxc->conversion, row->key, value);
}

LXC_TAKE(group)
{
        _cleanup_strv_ char **names = NULL;

        if (strv_split(value, ',', &names) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(name, names) {
                convert_add_value(lxc->conversion, row->key,
                                  json_sprintf("lxc.group.%s=", *name + strspn(*name, " ")));
        }
}

#define LOST(name, reason)                    \
        {                                     \
                name, take_lost, NULL, reason \
        }
#define NO_EFFECT(name)                          \
        {                                        \
                name, take_no_effect, NULL, NULL \
        }

const struct lxc_row lxc_rows[] = {
        { "lxc.rootfs.path", take_root, "rootfs", NULL },
        { "lxc.rootfs.options", take_root_options, NULL, NULL },
        NO_EFFECT("lxc.rootfs.mount"),
        NO_EFFECT("lxc.rootfs.backend"),
        NO_EFFECT("lxc.rootfs.managed"),
        { "lxc.ephemeral", take_ephemeral, NULL, NULL },
        { "lxc.uts.name", take_text, "hostname", NULL },
        { "lxc.init.cmd", take_command, NULL, NULL },
        { "lxc.execute.cmd", take_command, NULL, NULL },
        { "lxc.init.cwd", take_text, "working_directory", NULL },
        { "lxc.init.uid", take_user, NULL, "uid" },
        { "lxc.init.gid", take_user, NULL, "gid" },
        { "lxc.init.groups", take_groups, "groups", NULL },
        { "lxc.environment", take_element, "environment", NULL },
        NO_EFFECT("lxc.arch"),
        { "lxc.idmap", take_id_map, NULL, NULL },

        { "lxc.net.type", take_link_type, "network.mode", NULL },
        { "lxc.net.link", take_link, NULL, NULL },
        NO_EFFECT("lxc.net.flags"),
        { "lxc.net.name", take_link_name, NULL, NULL },
        { "lxc.net.hwaddr", take_of_link, "network.mac", NULL },
        { "lxc.net.mtu", take_of_link, "network.mtu", NULL },
        { "lxc.net.ipv4.address", take_address, "network.address", NULL },
        { "lxc.net.ipv6.address", take_address, "network.address6", NULL },
        { "lxc.net.ipv4.gateway", take_gateway, NULL, "ipv4" },
        { "lxc.net.ipv6.gateway", take_gateway, NULL, "ipv6" },
        NO_EFFECT("lxc.net.veth.pair"),
        NO_EFFECT("lxc.net.veth.mode"),
        NO_EFFECT("lxc.net.macvlan.mode"),
        NO_EFFECT("lxc.net.l2proxy"),
        LOST("lxc.net.script.up", "no commands run when the link is set up"),
        LOST("lxc.net.script.down", "no commands run when the link is removed"),
        LOST("lxc.net.vlan.id", "make the VLAN interface on the host, and use macvlan on it"),

        { "lxc.mount.entry", lxc_take_mount, "mounts", NULL },
        LOST("lxc.mount.fstab", "write its lines into \"mounts\""),
        NO_EFFECT("lxc.mount.auto"),
        NO_EFFECT("lxc.autodev"),
        NO_EFFECT("lxc.autodev.tmpfs.size"),
        NO_EFFECT("lxc.kmsg"),
        NO_EFFECT("lxc.tty."),
        NO_EFFECT("lxc.pty."),
        NO_EFFECT("lxc.console."),
        NO_EFFECT("lxc.log."),

        { "lxc.cgroup2.memory.max", take_size, "limits.memory", NULL },
        { "lxc.cgroup2.memory.high", take_size, "limits.memory_high", NULL },
        { "lxc.cgroup2.memory.low", take_size, "limits.memory_low", NULL },
        { "lxc.cgroup2.memory.swap.max", take_size, "limits.swap", NULL },
        { "lxc.cgroup2.cpu.max", take_cpu_max, NULL, NULL },
        { "lxc.cgroup2.cpu.weight", take_weight, "limits.cpu_weight", NULL },
        { "lxc.cgroup2.cpuset.cpus", take_text, "limits.cpus", NULL },
        { "lxc.cgroup2.cpuset.mems", take_text, "limits.memory_nodes", NULL },
        { "lxc.cgroup2.pids.max", take_integer, "limits.tasks", NULL },
        { "lxc.cgroup2.io.weight", take_weight, "limits.io_weight", NULL },
        { "lxc.cgroup2.devices.allow", lxc_take_device_rule, "devices", NULL },
        NO_EFFECT("lxc.cgroup2.devices.deny"),
        LOST("lxc.cgroup2.", "use a key of \"limits\""),
        { "lxc.cgroup.memory.limit_in_bytes", take_size, "limits.memory", NULL },
        { "lxc.cgroup.memory.soft_limit_in_bytes", take_size, "limits.memory_low", NULL },
        LOST("lxc.cgroup.memory.memsw.limit_in_bytes",
             "it is the sum of memory and swap: set limits.swap"),
        { "lxc.cgroup.cpu.shares", take_shares, "limits.cpu_weight", NULL },
        { "lxc.cgroup.cpuset.cpus", take_text, "limits.cpus", NULL },
        { "lxc.cgroup.cpuset.mems", take_text, "limits.memory_nodes", NULL },
        { "lxc.cgroup.pids.max", take_integer, "limits.tasks", NULL },
        { "lxc.cgroup.devices.allow", lxc_take_device_rule, "devices", NULL },
        NO_EFFECT("lxc.cgroup.devices.deny"),
        LOST("lxc.cgroup.", "it is of cgroup v1: use a key of \"limits\""),
        { "lxc.prlimit.", take_process_limit, NULL, NULL },
        { "lxc.sysctl.", take_sysctl, "sysctl", NULL },
        LOST("lxc.proc.", "see limits.oom_score_adjust"),

        { "lxc.cap.drop", take_capabilities, "capabilities.drop", NULL },
        { "lxc.cap.keep", take_keep, "capabilities.add", NULL },
        { "lxc.no_new_privs", take_boolean, "no_new_privileges", NULL },
        { "lxc.apparmor.profile", take_apparmor, "apparmor", NULL },
        NO_EFFECT("lxc.apparmor.allow_incomplete"),
        LOST("lxc.apparmor.allow_nesting", "it is for a profile that LXC makes"),
        LOST("lxc.apparmor.raw", "it is for a profile that LXC makes"),
        { "lxc.selinux.context", take_text, "selinux", NULL },
        { "lxc.seccomp.profile", take_seccomp, NULL, NULL },
        LOST("lxc.seccomp.", "system calls are not passed on to another process"),
        LOST("lxc.keyring.session", "a machine has a keyring of its own"),

        { "lxc.signal.halt", take_text, "stop.signal", NULL },
        NO_EFFECT("lxc.signal.reboot"),
        NO_EFFECT("lxc.signal.stop"),
        { "lxc.start.auto", take_boolean, "autostart", NULL },
        { "lxc.start.delay", take_delay, "start_delay", NULL },
        LOST("lxc.start.order", "list the machines that come first in \"after\""),
        { "lxc.group", take_group, "labels", NULL },
        NO_EFFECT("lxc.monitor.unshare"),
        NO_EFFECT("lxc.monitor.signal.pdeath"),
        NO_EFFECT("lxc.hook.version"),
        LOST("lxc.hook.", "no commands of the host run around a start: write a drop-in for the "
                          "unit container@.service of the machine"),
        LOST("lxc.namespace.share.", "namespaces are shared in a pod"),
        LOST("lxc.namespace.", "see \"namespaces\" in machine(5)"),
        { NULL, NULL, NULL, NULL },
};
