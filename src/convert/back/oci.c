/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/back/document.h"

/* config.json of an OCI bundle. Its root is a directory: an image has to be unpacked next to it. */

/* ---- Values; `name` of a row is the path ---- */

static BACK_TAKE(value)
{
        oci_set(back, row->name, json_deep_copy(value));
}

static BACK_TAKE(size)
{
        unsigned long long bytes = back_bytes(value);

        oci_set(back, row->name, json_integer(bytes ? (json_int_t)bytes : -1));
}

static BACK_TAKE(number)
{
        oci_set(back, row->name,
                json_integer(json_is_integer(value) ? json_integer_value(value) : -1));
}

/* "A=B" of a list as a member. */
static BACK_TAKE(pairs)
{
        size_t index;
        json_t *pair;

        json_array_foreach(value, index, pair)
        {
                const char *text = json_string_value(pair), *equals = strchr(text, '=');
                _cleanup_free_ char *name = strndup(text, (size_t)(equals - text));

                back->document = back->document ? back->document : json_object();
                (void)json_object_set_new(oci_object_at(back, row->name), name ? name : "",
                                          json_string(equals + 1));
        }
}

static BACK_TAKE(user)
{
        unsigned int uid, gid = 0;
        const char *text = json_string_value(value);

        if (sscanf(text, "%u:%u", &uid, &gid) < 1) {
                convert_lost(back->conversion, "names of users are not looked up there: write "
                                               "UID:GID");
                return;
        }
        oci_set(back, "process.user.uid", json_integer(uid));
        oci_set(back, "process.user.gid", json_integer(gid));
}

static BACK_TAKE(groups)
{
        size_t index;
        json_t *group;

        json_array_foreach(value, index, group)
        {
                unsigned int gid;

                if (sscanf(json_string_value(group), "%u", &gid) == 1) {
                        (void)json_array_append_new(
                                oci_array_at(back, "process.user.additionalGids"),
                                json_integer(gid));
                } else {
                        convert_lost(back->conversion, "names of groups are not looked up there");
                }
        }
}

static BACK_TAKE(upper)
{
        if (strcmp(json_string_value(value), "none") == 0) {
                oci_set(back, "root.readonly", json_true());
        } else {
                convert_lost(back->conversion, "a bundle's root is written to as it is");
        }
}

static BACK_TAKE(rlimit)
{
        _cleanup_free_ char *text = back_text(value);
        unsigned long long soft, hard;
        int count = text ? sscanf(text, "%llu:%llu", &soft, &hard) : 0;

        if (count < 1) {
                convert_lost(back->conversion, "write it as a number");
                return;
        }
        (void)json_array_append_new(oci_array_at(back, "process.rlimits"),
                                    json_pack("{s:s, s:I, s:I}", "type", row->name, "soft",
                                              (json_int_t)soft, "hard",
                                              (json_int_t)(count == 2 ? hard : soft)));
}

static BACK_TAKE(swap)
{
        _cleanup_json_ json_t *memory = back_get(back, "limits.memory");

        oci_set(back, row->name,
                json_integer((json_int_t)(back_bytes(memory) + back_bytes(value))));
}

static BACK_TAKE(cpu)
{
        uint64_t period = back->machine->limits.cpu_period;

        oci_set(back, "linux.resources.cpu.quota",
                json_integer((json_int_t)back->machine->limits.cpu_quota));
        oci_set(back, "linux.resources.cpu.period",
                json_integer(period && period != MACHINE_UNSET ? (json_int_t)period : 100000));
}

static BACK_TAKE(shares)
{
        oci_set(back, row->name, json_integer(json_integer_value(value) * 1024 / 100));
}

static void add_option(json_t *options, bool given, const char *name, const char *value)
{
        if (given) {
                (void)json_array_append_new(options, json_sprintf("%s%s", name, value));
        }
}

static BACK_TAKE(mounts)
{
        size_t index, number;
        json_t *mount, *option;

        json_array_foreach(value, index, mount)
        {
                const char *type = json_get_string(mount, "type");
                const char *source = json_get_string(mount, "source");
                const char *target = json_get_string(mount, "target");
                const char *size = json_get_string(mount, "size");
                const char *mode = json_get_string(mount, "mode");
                bool bind = !type || strcmp(type, "bind") == 0;
                json_t *options = json_array();

                if (!bind && strcmp(type, "tmpfs") != 0) {
                        json_decref(options);
                        convert_lost(back->conversion, "the mount of type \"%s\" at %s", type,
                                     target);
                        continue;
                }
                add_option(options, bind, "rbind", "");
                add_option(options, json_is_true(json_object_get(mount, "read_only")), "ro", "");
                add_option(options, size, "size=", size ? size : "");
                add_option(options, !bind, "mode=", mode ? mode : "0755");
                json_array_foreach(json_object_get(mount, "options"), number, option)
                {
                        (void)json_array_append(options, option);
                }
                (void)json_array_append_new(oci_array_at(back, "mounts"),
                                            json_pack("{s:s, s:s, s:s, s:o}", "destination", target,
                                                      "type", bind ? "bind" : "tmpfs", "source",
                                                      bind ? source : "tmpfs", "options", options));
        }
}

static BACK_TAKE(no_privileges)
{
        oci_set(back, row->name, json_boolean(json_is_true(value)));
}

/* Every capability key has been resolved by finish(). */
#define CAPABILITIES(key)                                  \
        {                                                  \
                key, back_take_no_effect, NULL, NULL, NULL \
        }
#define TO(key, take, path)                             \
        {                                               \
                key, back_take_##take, NULL, path, NULL \
        }
#define LOST(key, reason)                               \
        {                                               \
                key, back_take_lost, NULL, NULL, reason \
        }
#define CALLER(key) LOST(key, "it is up to the caller of the runtime")
#define RLIMIT(key, name)                                                   \
        {                                                                   \
                "limits." key, back_take_rlimit, NULL, "RLIMIT_" name, NULL \
        }

static const struct back_row rows[] = {
        LOST("description", "a bundle has none"),
        TO("rootfs", value, "root.path"),
        LOST("overlay", "mount it, and set root.path"),
        LOST("image", "unpack it into rootfs/ next to config.json"),
        { "pull", back_take_no_effect, NULL, NULL, NULL },
        TO("upper", upper, NULL),
        TO("read_only", value, "root.readonly"),
        TO("command", value, "process.args"),
        LOST("arguments", "they belong to an image's entry point"),
        LOST("boot", "name the init in process.args"),
        LOST("init", "a bundle's command is its first process"),
        TO("environment", value, "process.env"),
        LOST("environment_files", "write the variables into process.env"),
        TO("working_directory", value, "process.cwd"),
        TO("user", user, NULL),
        TO("groups", groups, NULL),
        LOST("terminal", "it is up to the caller of the runtime"),
        LOST("timezone", "bind a file over /etc/localtime"),
        LOST("machine_id", "bind a file over /etc/machine-id"),
        TO("hostname", value, "hostname"),
        TO("domainname", value, "domainname"),
        { "user_namespace", back_take_no_effect, NULL, NULL, NULL }, /* see finish() */
        { "namespaces.ipc", back_take_no_effect, NULL, NULL, NULL },
        { "namespaces.uts", back_take_no_effect, NULL, NULL, NULL },
        { "namespaces.cgroup", back_take_no_effect, NULL, NULL, NULL },
        { "namespaces.time", back_take_no_effect, NULL, NULL, NULL },
        TO("limits.memory", size, "linux.resources.memory.limit"),
        TO("limits.memory_low", size, "linux.resources.memory.reservation"),
        TO("limits.swap", swap, "linux.resources.memory.swap"),
        TO("limits.cpu", cpu, NULL),
        TO("limits.cpu_weight", shares, "linux.resources.cpu.shares"),
        TO("limits.cpus", value, "linux.resources.cpu.cpus"),
        TO("limits.memory_nodes", value, "linux.resources.cpu.mems"),
        TO("limits.tasks", number, "linux.resources.pids.limit"),
        TO("limits.oom_score_adjust", number, "process.oomScoreAdj"),
        RLIMIT("cpu_time", "CPU"),
        RLIMIT("processes", "NPROC"),
        RLIMIT("open_files", "NOFILE"),
        RLIMIT("pending_signals", "SIGPENDING"),
        RLIMIT("nice_ceiling", "NICE"),
        RLIMIT("realtime_priority", "RTPRIO"),
        TO("network.mode", no_effect, NULL), /* see finish() */
        CALLER("network.name"),
        CALLER("network.address"),
        CALLER("network.address6"),
        CALLER("network.mac"),
        CALLER("network.aliases"),
        CALLER("networks"),
        CALLER("network.dns"),
        CALLER("network.search"),
        CALLER("network.hosts"),
        CALLER("ports"),
        TO("mounts", mounts, NULL),
        TO("sysctl", pairs, "linux.sysctl"),
        CAPABILITIES("capabilities.profile"),
        CAPABILITIES("capabilities.add"),
        CAPABILITIES("capabilities.drop"),
        CAPABILITIES("capabilities.ambient"),
        LOST("seccomp.profile", "write the filter into linux.seccomp"),
        TO("no_new_privileges", no_privileges, "process.noNewPrivileges"),
        { "masked_paths", back_take_no_effect, NULL, NULL, NULL },    /* see finish() */
        { "read_only_paths", back_take_no_effect, NULL, NULL, NULL }, /* see finish() */
        TO("apparmor", value, "process.apparmorProfile"),
        TO("selinux", value, "process.selinuxLabel"),
        CALLER("stop.signal"),
        CALLER("stop.timeout"),
        CALLER("restart.policy"),
        CALLER("restart.delay"),
        CALLER("restart.limit"),
        CALLER("requires"),
        CALLER("after"),
        CALLER("autostart"),
        TO("labels", pairs, "annotations"),
        { NULL, NULL, NULL, NULL, NULL },
};

static char *write_document(struct back *back)
{
        _cleanup_free_ char *text = json_dumps(back->document, JSON_INDENT(8));

        return text ? string_format("%s\n", text) : NULL;
}

const struct back_target back_oci = {
        .name = "oci",
        .suffix = "/config.json",
        .rows = rows,
        .finish = oci_add_defaults,
        .write = write_document,
};
