/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What `spec` prints: a shell in a container with what Linux programs expect. */

#include <unistd.h>

#include "base/json.h"
#include "base/strings.h"
#include "oci/bundle/bundle.h"

static const struct {
        const char *destination;
        const char *type;
        const char *source;
        const char *options; /* separated by commas */
} mounts[] = {
        { "/proc", "proc", "proc", "nosuid,noexec,nodev" },
        { "/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=4m" },
        { "/dev/pts", "devpts", "devpts",
          "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
        { "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=64m" },
        { "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
        { "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
        { "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro" },
};

/* A user namespace of one user has no group 5, and cannot mount a sysfs of the host's network, nor
 * a cgroup2 in it. */
static const char *const rootless_options[ELEMENTS_OF(mounts)] = {
        [2] = "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620",
        [5] = "rbind,nosuid,noexec,nodev,ro",
};
#define ROOTLESS_MOUNTS 6

static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" };

static const char *const masked[] = {
        "/proc/acpi",        "/proc/asound",      "/proc/interrupts",
        "/proc/kcore",       "/proc/keys",        "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi",        "/proc/sysrq-trigger",
        "/proc/timer_list",  "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
};

static const char *const read_only[] = {
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
};

static json_t *strings(const char *const *words, size_t count)
{
        json_t *array = json_array();

        for (size_t i = 0; i < count; i++) {
                (void)json_array_append_new(array, json_string(words[i]));
        }
        return array;
}

static json_t *words(const char *text)
{
        _cleanup_strv_ char **parts = NULL;

        return strv_split(text, ',', &parts) == 0
                       ? strings((const char *const *)parts, strv_length(parts))
                       : NULL;
}

static json_t *mount_list(bool rootless)
{
        json_t *array = json_array();

        for (size_t i = 0; i < (rootless ? ROOTLESS_MOUNTS : ELEMENTS_OF(mounts)); i++) {
                const char *options =
                        rootless && rootless_options[i] ? rootless_options[i] : mounts[i].options;
                bool bind = string_after(options, "rbind") != NULL;

                (void)json_array_append_new(
                        array,
                        json_pack("{s:s, s:s, s:s, s:o}", "destination", mounts[i].destination,
                                  "type", bind ? "none" : mounts[i].type, "source",
                                  bind ? mounts[i].destination : mounts[i].source, "options",
                                  words(options)));
        }
        return array;
}

static json_t *process(void)
{
        json_t *sets = json_object();
        static const char *const names[] = { "bounding", "effective", "permitted" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                (void)json_object_set_new(sets, names[i],
                                          strings(capabilities, ELEMENTS_OF(capabilities)));
        }
        return json_pack("{s:b, s:{s:i, s:i}, s:[s], s:[s, s], s:s, s:o, s:[{s:s, s:i, s:i}], s:b}",
                         "terminal", 1, "user", "uid", 0, "gid", 0, "args", "sh", "env",
                         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "TERM=xterm", "cwd", "/", "capabilities", sets, "rlimits", "type",
                         "RLIMIT_NOFILE", "hard", 1024, "soft", 1024, "noNewPrivileges", 1);
}

static json_t *namespaces(bool rootless)
{
        static const char *const kinds[] = { "pid", "network", "ipc", "uts", "mount", "cgroup" };
        json_t *array = json_array();

        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                /* Without privileges the caller's network is the only one that reaches anything. */
                if (!rootless || !string_equal(kinds[i], "network")) {
                        (void)json_array_append_new(array, json_pack("{s:s}", "type", kinds[i]));
                }
        }
        if (rootless) {
                (void)json_array_append_new(array, json_pack("{s:s}", "type", "user"));
        }
        return array;
}

static json_t *id_map(uint32_t id)
{
        return json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)id, "size",
                         1);
}

char *oci_spec(bool rootless)
{
        json_t *details = json_pack("{s:o, s:o, s:o}", "namespaces", namespaces(rootless),
                                    "maskedPaths", strings(masked, ELEMENTS_OF(masked)),
                                    "readonlyPaths", strings(read_only, ELEMENTS_OF(read_only)));
        _cleanup_json_ json_t *spec = json_pack(
                "{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", OCI_VERSION_MAXIMUM,
                "process", process(), "root", "path", "rootfs", "readonly", 1, "hostname",
                "container", "mounts", mount_list(rootless), "linux", details);

        if (!spec) {
                return NULL;
        }
        if (rootless && (json_set_value(details, "uidMappings", id_map(geteuid())) < 0 ||
                         json_set_value(details, "gidMappings", id_map(getegid())) < 0)) {
                return NULL;
        }
        return json_dumps(spec, JSON_INDENT(8));
}
