/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/back/back.h"

/* NAME.nspawn, systemd.nspawn(5). Limits and restarts are of the unit, not of this file. */

#define DROP_IN "set it in a drop-in of systemd-nspawn@.service for the machine"

static BACK_TAKE(rootfs)
{
        _cleanup_free_ char *usual = string_format("/var/lib/machines/%s", back->machine->name);

        if (!string_equal(usual, json_string_value(value))) {
                convert_differs(back->conversion, NULL,
                                "systemd-nspawn expects the root at %s: link it there", usual);
        }
}

static BACK_TAKE(upper)
{
        const char *text = json_string_value(value);

        if (strcmp(text, "volatile") == 0) {
                back_line(back, "Files", "Volatile", "overlay");
        } else if (strcmp(text, "none") == 0) {
                back_line(back, "Files", "ReadOnly", "true");
        } else {
                convert_lost(back->conversion, "changes go to the root itself there");
        }
}

static BACK_TAKE(init)
{
        if (!back->machine->process.boot) {
                back_line(back, "Exec", "ProcessTwo", "%s", json_is_true(value) ? "true" : "false");
        }
}

static BACK_TAKE(user)
{
        const char *text = json_string_value(value);

        back_line(back, "Exec", "User", "%.*s", (int)strcspn(text, ":"), text);
        if (strchr(text, ':')) {
                convert_lost(back->conversion, "the group is that of the user there");
        }
}

static BACK_TAKE(user_namespace)
{
        const char *text = json_string_value(value);

        back_line(back, "Exec", "PrivateUsers", "%s",
                  strcmp(text, "none") == 0   ? "no"
                  : strcmp(text, "auto") == 0 ? "pick"
                                              : text);
}

static BACK_TAKE(mode)
{
        const char *text = json_string_value(value);
        const char *macvlan = string_after(text, "macvlan:"),
                   *ipvlan = string_after(text, "ipvlan:"), *path = string_after(text, "path:");

        if (macvlan || ipvlan) {
                back_line(back, "Network", macvlan ? "MACVLAN" : "IPVLAN", "%s",
                          macvlan ? macvlan : ipvlan);
        } else if (path) {
                back_line(back, "Network", "NamespacePath", "%s", path);
        } else if (strcmp(text, "host") == 0) {
                back_line(back, "Network", "Private", "no");
                back_line(back, "Network", "VirtualEthernet", "no");
        } else if (strcmp(text, "none") == 0) {
                back_line(back, "Network", "Private", "yes");
                back_line(back, "Network", "VirtualEthernet", "no");
        } else if (strcmp(text, "bridge") != 0) {
                convert_lost(back->conversion, "machines share no network there");
        }
}

/* "8080:80/tcp" is "tcp:8080:80". */
static BACK_TAKE(ports)
{
        size_t index;
        json_t *port;

        json_array_foreach(value, index, port)
        {
                const char *text = json_string_value(port), *slash = strrchr(text, '/');
                _cleanup_free_ char *numbers = strndup(text, strcspn(text, "/"));
                bool single = numbers && strspn(numbers, "0123456789:") == strlen(numbers) &&
                              strchr(numbers, ':') == strrchr(numbers, ':');

                if (single) {
                        back_line(back, "Network", "Port", "%s:%s", slash ? slash + 1 : "tcp",
                                  numbers);
                } else {
                        convert_lost(back->conversion,
                                     "%s: there are neither ranges nor addresses "
                                     "of the host",
                                     text);
                }
        }
}

static void add_mount(struct back *back, json_t *mount)
{
        const char *type = json_get_string(mount, "type");
        const char *source = json_get_string(mount, "source");
        const char *target = json_get_string(mount, "target");
        const char *size = json_get_string(mount, "size"), *mode = json_get_string(mount, "mode");
        bool read_only = json_is_true(json_object_get(mount, "read_only"));

        if (!type || strcmp(type, "bind") == 0) {
                back_line(back, "Files", read_only ? "BindReadOnly" : "Bind", "%s:%s", source,
                          target);
        } else if (strcmp(type, "tmpfs") == 0) {
                back_line(back, "Files", "TemporaryFileSystem", "%s:mode=%s%s%s", target,
                          mode ? mode : "0755", size ? ",size=" : "", size ? size : "");
        } else {
                convert_lost(back->conversion, "the mount of type \"%s\" at %s", type, target);
                return;
        }
        if (json_array_size(json_object_get(mount, "options")) > 0) {
                convert_lost(back->conversion, "the options of the mount at %s", target);
        }
}

static BACK_TAKE(mounts)
{
        size_t index;
        json_t *mount;

        json_array_foreach(value, index, mount)
        {
                add_mount(back, mount);
        }
}

static BACK_TAKE(denied)
{
        _cleanup_json_ json_t *list = json_array();
        size_t index;
        json_t *name;

        json_array_foreach(value, index, name)
        {
                (void)json_array_append_new(
                        list, json_sprintf("%s%s", index ? "" : "~", json_string_value(name)));
        }
        back_take_words(back, row, list);
}

static BACK_TAKE(ready)
{
        const char *text = json_string_value(value);

        if (strcmp(text, "notify") == 0) {
                back_line(back, "Exec", "NotifyReady", "yes");
        } else if (strcmp(text, "health") == 0) {
                convert_lost(back->conversion, "systemd-nspawn has no health checks");
        }
}

#define EXEC(key, take, name)                             \
        {                                                 \
                key, back_take_##take, "Exec", name, NULL \
        }
#define FILES(key, take, name)                             \
        {                                                  \
                key, back_take_##take, "Files", name, NULL \
        }
#define LINK(key, take, name)                                \
        {                                                    \
                key, back_take_##take, "Network", name, NULL \
        }
#define LOST(key, reason)                               \
        {                                               \
                key, back_take_lost, NULL, NULL, reason \
        }
#define LIMIT(key, name)                                                      \
        {                                                                     \
                "limits." key, back_take_resource, "Exec", "Limit" name, NULL \
        }
#define NO_EFFECT(key)                                     \
        {                                                  \
                key, back_take_no_effect, NULL, NULL, NULL \
        }

static const struct back_row rows[] = {
        NO_EFFECT("description"),
        EXEC("rootfs", rootfs, NULL),
        LOST("overlay", "put the layers into one directory"),
        LOST("image", "unpack the image into a directory: machinectl-lite save, or importctl"),
        NO_EFFECT("pull"),
        FILES("upper", upper, NULL),
        FILES("read_only", text, "ReadOnly"),
        EXEC("command", words, "Parameters"),
        EXEC("boot", text, "Boot"),
        EXEC("init", init, NULL),
        EXEC("environment", quoted, "Environment"),
        LOST("environment_files", "write the variables into Environment="),
        EXEC("working_directory", text, "WorkingDirectory"),
        EXEC("user", user, NULL),
        EXEC("hostname", text, "Hostname"),
        EXEC("machine_id", text, "MachineID"),
        EXEC("user_namespace", user_namespace, NULL),
        LINK("network.mode", mode, NULL),
        LINK("network.name", text, "Zone"),
        LOST("networks", "make the links by VirtualEthernetExtra=, and attach them to bridges"),
        LINK("ports", ports, NULL),
        FILES("mounts", mounts, NULL),
        LOST("devices", DROP_IN),
        EXEC("capabilities.add", joined, "Capability"),
        EXEC("capabilities.drop", joined, "DropCapability"),
        EXEC("capabilities.ambient", joined, "AmbientCapability"),
        EXEC("seccomp.allow", joined, "SystemCallFilter"),
        EXEC("seccomp.deny", denied, "SystemCallFilter"),
        EXEC("no_new_privileges", text, "NoNewPrivileges"),
        FILES("masked_paths", joined, "Inaccessible"),
        EXEC("stop.signal", text, "KillSignal"),
        EXEC("ready", ready, NULL),
        EXEC("limits.oom_score_adjust", text, "OOMScoreAdjust"),
        EXEC("limits.cpus", text, "CPUAffinity"),
        LIMIT("cpu_time", "CPU"),
        LIMIT("file_size", "FSIZE"),
        LIMIT("data", "DATA"),
        LIMIT("stack", "STACK"),
        LIMIT("core", "CORE"),
        LIMIT("resident_set", "RSS"),
        LIMIT("processes", "NPROC"),
        LIMIT("open_files", "NOFILE"),
        LIMIT("locked_memory", "MEMLOCK"),
        LIMIT("address_space", "AS"),
        LIMIT("file_locks", "LOCKS"),
        LIMIT("pending_signals", "SIGPENDING"),
        LIMIT("message_queues", "MSGQUEUE"),
        LIMIT("nice_ceiling", "NICE"),
        LIMIT("realtime_priority", "RTPRIO"),
        LIMIT("realtime_time", "RTTIME"),
        LOST("limits.memory", DROP_IN),
        LOST("limits.memory_high", DROP_IN),
        LOST("limits.memory_low", DROP_IN),
        LOST("limits.swap", DROP_IN),
        LOST("limits.cpu", DROP_IN),
        LOST("limits.cpu_weight", DROP_IN),
        LOST("limits.tasks", DROP_IN),
        LOST("limits.io_weight", DROP_IN),
        LOST("restart.policy", DROP_IN),
        LOST("restart.delay", DROP_IN),
        LOST("stop.timeout", DROP_IN),
        LOST("requires", DROP_IN),
        LOST("after", DROP_IN),
        LOST("autostart", "enable systemd-nspawn@.service for the machine"),
        { NULL, NULL, NULL, NULL, NULL },
};

/* The unit boots a machine unless this file says otherwise. */
static void finish(struct back *back)
{
        if (!back->machine->process.boot) {
                if (!machine_origin_of(back->machine, "boot")) {
                        back_line(back, "Exec", "Boot", "false");
                }
                if (!machine_origin_of(back->machine, "init")) {
                        back_line(back, "Exec", "ProcessTwo", "true");
                }
        }
}

const struct back_target back_nspawn = {
        .name = "nspawn",
        .suffix = ".nspawn",
        .rows = rows,
        .finish = finish,
        .write = back_write_units,
};
