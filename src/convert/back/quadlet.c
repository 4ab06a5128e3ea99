/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/back/quadlet.h"

/* NAME.container, podman-systemd.unit(5). */

/* ---- The root and the command ---- */

static BACK_TAKE(upper)
{
        const char *text = json_string_value(value);

        if (strcmp(text, "none") == 0) {
                back_line(back, "Container", "ReadOnly", "true");
        } else if (strcmp(text, "volatile") != 0) {
                convert_lost(back->conversion,
                             "Podman removes a container of a Quadlet, with its changes, when it "
                             "stops");
        }
}

/* A command replaces the entry point of an image; a root has none. */
static BACK_TAKE(command)
{
        _cleanup_json_ json_t *rest = json_array();
        size_t index;
        json_t *word;
        bool image = back->machine->root.image != NULL;

        if (image) {
                back_take_text(back,
                               &(struct back_row){ .section = "Container", .name = "Entrypoint" },
                               json_array_get(value, 0));
        }
        json_array_foreach(value, index, word)
        {
                if (index > 0 || !image) {
                        (void)json_array_append(rest, word);
                }
        }
        if (json_array_size(rest) > 0) {
                back_take_words(back, row, rest);
        }
}

static BACK_TAKE(user)
{
        const char *text = json_string_value(value), *colon = strchr(text, ':');

        back_line(back, "Container", "User", "%.*s", (int)strcspn(text, ":"), text);
        if (colon) {
                back_line(back, "Container", "Group", "%s", colon + 1);
        }
}

static BACK_TAKE(user_namespace)
{
        const char *text = json_string_value(value);

        if (strcmp(text, "none") == 0) {
                back_line(back, "Container", "UserNS", "host");
        } else if (strchr(text, ':')) {
                back_line(back, "Container", "UIDMap", "0:%s", text);
                back_line(back, "Container", "GIDMap", "0:%s", text);
        } else {
                back_line(back, "Container", "UserNS", "auto");
        }
}

static BACK_TAKE(boot)
{
        if (json_is_true(value)) {
                back_line(back, "Container", "PodmanArgs", "--systemd=always");
        }
}

/* Namespaces that are private are so there as well. */
static BACK_TAKE(namespace)
{
        if (strcmp(json_string_value(value), "host") == 0) {
                back_take_option(back, row, value);
        }
}

/* ---- Network ---- */

static BACK_TAKE(mode)
{
        const char *text = json_string_value(value);
        const char *machine = string_after(text, "machine:"), *path = string_after(text, "path:");

        if (machine) {
                back_line(back, "Container", "Network", "%s.container", machine);
        } else if (path) {
                back_line(back, "Container", "Network", "ns:%s", path);
        } else if (strcmp(text, "host") == 0 || strcmp(text, "none") == 0) {
                back_line(back, "Container", "Network", "%s", text);
        } else if (strcmp(text, "bridge") != 0) {
                convert_lost(back->conversion,
                             "make a network with podman network create --driver "
                             "for %s, and name it",
                             text);
        }
}

static BACK_TAKE(network)
{
        back_take_text(back, row, value);
        convert_differs(back->conversion, NULL,
                        "the network must exist in Podman: write %s.network",
                        json_string_value(value));
}

static BACK_TAKE(networks)
{
        static const char *const options[][2] = { { "address", "ip" },
                                                  { "address6", "ip6" },
                                                  { "mac", "mac" } };
        size_t index, k;
        json_t *network, *alias;

        json_array_foreach(value, index, network)
        {
                const char *name = json_get_string(network, "name");
                _cleanup_strv_ char **words = NULL;
                _cleanup_free_ char *joined = NULL;

                for (size_t i = 0; i < ELEMENTS_OF(options); i++) {
                        const char *text = json_get_string(network, options[i][0]);

                        if (text) {
                                (void)strv_take(&words,
                                                string_format("%s=%s", options[i][1], text));
                        }
                }
                json_array_foreach(json_object_get(network, "aliases"), k, alias)
                {
                        (void)strv_take(&words,
                                        string_format("alias=%s", json_string_value(alias)));
                }
                if (json_object_get(network, "mtu")) {
                        convert_lost(back->conversion,
                                     "the MTU of the link to \"%s\" is set for "
                                     "the whole network",
                                     name);
                }
                joined = strv_join(words, ",");
                back_line(back, "Container", "Network", "%s%s%s", name,
                          joined && *joined ? ":" : "", joined ? joined : "");
        }
        convert_differs(back->conversion, NULL, "the networks must exist in Podman");
}

/* ---- Mounts ---- */

static void add_options(json_t *mount, char ***options, bool tmpfs)
{
        const char *size = json_get_string(mount, "size"), *mode = json_get_string(mount, "mode");
        size_t index;
        json_t *option;

        if (json_is_true(json_object_get(mount, "read_only"))) {
                (void)strv_append(options, "ro");
        }
        json_array_foreach(json_object_get(mount, "options"), index, option)
        {
                (void)strv_append(options, json_string_value(option));
        }
        if (tmpfs && size) {
                (void)strv_take(options, string_format("size=%llu",
                                                       back_bytes(json_object_get(mount, "size"))));
        }
        if (tmpfs) {
                (void)strv_take(options, string_format("mode=%s", mode ? mode : "0755"));
        }
}

static BACK_TAKE(mounts)
{
        size_t index;
        json_t *mount;

        json_array_foreach(value, index, mount)
        {
                const char *type = json_get_string(mount, "type");
                const char *source = json_get_string(mount, "source");
                const char *target = json_get_string(mount, "target");
                bool tmpfs = type && strcmp(type, "tmpfs") == 0;
                _cleanup_strv_ char **options = NULL;
                _cleanup_free_ char *joined = NULL;

                if (type && (strcmp(type, "overlay") == 0 || strcmp(type, "mqueue") == 0)) {
                        convert_lost(back->conversion, "the mount of type \"%s\" at %s", type,
                                     target);
                        continue;
                }
                add_options(mount, &options, tmpfs);
                joined = strv_join(options, ",");
                back_line(back, "Container", tmpfs ? "Tmpfs" : "Volume", "%s%s%s%s%s",
                          tmpfs ? "" : source, tmpfs ? "" : ":", target,
                          joined && *joined ? ":" : "", joined ? joined : "");
        }
}

/* ---- Security ---- */

static BACK_TAKE(seccomp)
{
        const char *text = json_string_value(value);

        if (strcmp(text, "default") != 0) {
                back_line(back, "Container", "SeccompProfile", "%s",
                          strcmp(text, "off") == 0 ? "unconfined" : text);
        }
}

static BACK_TAKE(masked)
{
        size_t index;
        json_t *path;

        json_array_foreach(value, index, path)
        {
                back_line(back, "Container", "Mask", "%s", json_string_value(path));
        }
}

/* ---- Life ---- */

static BACK_TAKE(restart_limit)
{
        if (json_is_integer(value)) {
                back_take_text(back, row, value);
        } else {
                back_line(back, "Unit", "StartLimitIntervalSec", "0");
        }
}

static BACK_TAKE(ready)
{
        static const char *const policies[][2] = { { "exec", "conmon" },
                                                   { "notify", "container" },
                                                   { "health", "healthy" } };

        for (size_t i = 0; i < ELEMENTS_OF(policies); i++) {
                if (strcmp(policies[i][0], json_string_value(value)) == 0) {
                        back_line(back, "Container", "Notify", "%s",
                                  i == 1   ? "true"
                                  : i == 0 ? "false"
                                           : policies[i][1]);
                }
        }
}

static BACK_TAKE(units)
{
        size_t index;
        json_t *name;

        json_array_foreach(value, index, name)
        {
                back_line(back, "Unit", row->name, "%s.service", json_string_value(name));
                if (strcmp(row->name, "Requires") == 0 &&
                    !strv_contains(back->machine->life.after, json_string_value(name))) {
                        back_line(back, "Unit", "After", "%s.service", json_string_value(name));
                }
        }
}

static BACK_TAKE(autostart)
{
        if (json_is_true(value)) {
                back_line(back, "Install", "WantedBy", "multi-user.target default.target");
        }
}

static BACK_TAKE(log_driver)
{
        static const char *const drivers[][2] = { { "journal", "journald" },
                                                  { "file", "k8s-file" },
                                                  { "none", "none" } };

        for (size_t i = 0; i < ELEMENTS_OF(drivers); i++) {
                if (strcmp(drivers[i][0], json_string_value(value)) == 0) {
                        back_line(back, "Container", "LogDriver", "%s", drivers[i][1]);
                }
        }
}

/* [ "/bin/sh", "-c", TEXT ] is what Podman makes of a text. */
static BACK_TAKE(health_command)
{
        bool shell = json_array_size(value) == 3 &&
                     string_equal(json_string_value(json_array_get(value, 0)), "/bin/sh") &&
                     string_equal(json_string_value(json_array_get(value, 1)), "-c");
        _cleanup_free_ char *text = NULL;

        if (shell) {
                back_take_text(back, row, json_array_get(value, 2));
                return;
        }
        text = json_dumps(value, JSON_COMPACT);
        if (text) {
                _cleanup_json_ json_t *array = json_string(text);

                back_take_text(back, row, array);
        }
}

static BACK_TAKE(log_size)
{
        back_line(back, "Container", "LogOpt", "max-size=%llu", back_bytes(value));
}

#define C(key, take, name)                                     \
        {                                                      \
                key, back_take_##take, "Container", name, NULL \
        }
#define OPTION(key, name)                                      \
        {                                                      \
                key, back_take_option, "Container", name, NULL \
        }
#define SERVICE(key, take, name)                             \
        {                                                    \
                key, back_take_##take, "Service", name, NULL \
        }
#define UNIT(key, take, name)                             \
        {                                                 \
                key, back_take_##take, "Unit", name, NULL \
        }
#define LOST(key, reason)                               \
        {                                               \
                key, back_take_lost, NULL, NULL, reason \
        }
#define ULIMIT(key, name)                                                          \
        {                                                                          \
                "limits." key, back_take_resource, "Container", "Ulimit", name "=" \
        }

static const struct back_row rows[] = {
        UNIT("description", text, "Description"),
        C("rootfs", text, "Rootfs"),
        LOST("overlay", "Podman has layers of images only: \"commit\" makes one"),
        C("image", text, "Image"),
        C("pull", text, "Pull"),
        { "update", back_take_no_effect, NULL, NULL, NULL }, /* see finish() */
        C("upper", upper, NULL),
        C("read_only", text, "ReadOnly"),
        C("command", command, "Exec"),
        C("arguments", words, "Exec"),
        C("boot", boot, NULL),
        C("init", text, "RunInit"),
        C("environment", quoted, "Environment"),
        C("environment_files", each, "EnvironmentFile"),
        C("working_directory", text, "WorkingDir"),
        C("user", user, NULL),
        C("groups", each, "GroupAdd"),
        OPTION("terminal", "tty"),
        C("timezone", text, "Timezone"),
        LOST("machine_id", "Podman has no such option"),
        { "pod", back_take_text, "Container", "Pod", NULL },
        C("hostname", text, "HostName"),
        OPTION("domainname", "domainname"),
        C("user_namespace", user_namespace, NULL),
        C("namespaces.ipc", namespace, "ipc"),
        C("namespaces.uts", namespace, "uts"),
        C("namespaces.cgroup", namespace, "cgroupns"),
        LOST("namespaces.time", "Podman has no such option"),
        C("limits.memory", bytes, "memory"),
        LOST("limits.memory_high", "set MemoryHigh= in [Service]"),
        C("limits.memory_low", bytes, "memory-reservation"),
        C("limits.swap", swap, NULL),
        C("limits.cpu", cpu, NULL),
        C("limits.cpu_weight", cpu_weight, NULL),
        OPTION("limits.cpus", "cpuset-cpus"),
        OPTION("limits.memory_nodes", "cpuset-mems"),
        C("limits.tasks", resource, "PidsLimit"),
        C("limits.io_weight", io_weight, NULL),
        C("limits.io", io, NULL),
        LOST("limits.hugepages", "Podman has no such option"),
        OPTION("limits.oom_score_adjust", "oom-score-adj"),
        LOST("limits.nice", "Podman has no such option"),
        ULIMIT("cpu_time", "cpu"),
        ULIMIT("file_size", "fsize"),
        ULIMIT("data", "data"),
        ULIMIT("stack", "stack"),
        ULIMIT("core", "core"),
        ULIMIT("resident_set", "rss"),
        ULIMIT("processes", "nproc"),
        ULIMIT("open_files", "nofile"),
        ULIMIT("locked_memory", "memlock"),
        ULIMIT("address_space", "as"),
        ULIMIT("file_locks", "locks"),
        ULIMIT("pending_signals", "sigpending"),
        ULIMIT("message_queues", "msgqueue"),
        ULIMIT("nice_ceiling", "nice"),
        ULIMIT("realtime_priority", "rtprio"),
        ULIMIT("realtime_time", "rttime"),
        C("network.mode", mode, NULL),
        C("network.name", network, "Network"),
        C("network.address", text, "IP"),
        C("network.address6", text, "IP6"),
        OPTION("network.mac", "mac-address"),
        LOST("network.mtu", "it is set for the whole network"),
        C("network.aliases", each, "NetworkAlias"),
        C("networks", networks, NULL),
        C("network.dns", each, "DNS"),
        C("network.search", each, "DNSSearch"),
        C("network.hosts", each, "AddHost"),
        C("ports", each, "PublishPort"),
        C("mounts", mounts, NULL),
        C("devices", each, "AddDevice"),
        LOST("credentials", "make secrets with podman secret create, and name them in Secret="),
        C("sysctl", quoted, "Sysctl"),
        LOST("capabilities.profile", "Podman has one set, which AddCapability= and "
                                     "DropCapability= change"),
        C("capabilities.add", joined, "AddCapability"),
        C("capabilities.drop", joined, "DropCapability"),
        LOST("capabilities.ambient", "Podman has no such option"),
        C("seccomp.profile", seccomp, NULL),
        LOST("seccomp.allow", "write a profile"),
        LOST("seccomp.deny", "write a profile"),
        LOST("seccomp.log", "write a profile"),
        C("no_new_privileges", text, "NoNewPrivileges"),
        C("masked_paths", masked, NULL),
        LOST("read_only_paths", "bind the paths read-only"),
        C("apparmor", text, "AppArmor"),
        LOST("selinux", "set SecurityLabelType="),
        C("stop.signal", text, "StopSignal"),
        C("stop.timeout", seconds, "StopTimeout"),
        SERVICE("restart.policy", text, "Restart"),
        SERVICE("restart.delay", text, "RestartSec"),
        SERVICE("restart.max_delay", text, "RestartMaxDelaySec"),
        UNIT("restart.limit", restart_limit, "StartLimitBurst"),
        UNIT("restart.window", text, "StartLimitIntervalSec"),
        C("health.command", health_command, "HealthCmd"),
        C("health.interval", seconds, "HealthInterval"),
        C("health.timeout", seconds, "HealthTimeout"),
        C("health.retries", text, "HealthRetries"),
        C("health.start_period", seconds, "HealthStartPeriod"),
        C("health.on_failure", text, "HealthOnFailure"),
        C("ready", ready, NULL),
        SERVICE("start_timeout", seconds, "TimeoutStartSec"),
        LOST("start_delay", "systemd has no such setting"),
        UNIT("requires", units, "Requires"),
        UNIT("after", units, "After"),
        C("autostart", autostart, NULL),
        C("log.driver", log_driver, NULL),
        C("log.max_size", log_size, NULL),
        C("labels", quoted, "Label"),
        LOST("hosts", "it is for \"apply\""),
        LOST("apply.on_change", "it is for \"apply\""),
        C("reload.signal", text, "ReloadSignal"),
        C("reload.command", words, "ReloadCmd"),
        { NULL, NULL, NULL, NULL, NULL },
};

static void finish(struct back *back)
{
        if (back->machine->root.update == MACHINE_UPDATE_AUTO) {
                back_line(back, "Container", "AutoUpdate", "registry");
        }
        /* The default here. */
        if (!machine_origin_of(back->machine, "init") && !back->machine->process.boot) {
                back_line(back, "Container", "RunInit", "true");
        }
}

const struct back_target back_quadlet = {
        .name = "quadlet",
        .suffix = ".container",
        .rows = rows,
        .finish = finish,
        .write = back_write_units,
};
