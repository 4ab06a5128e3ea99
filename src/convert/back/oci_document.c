/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/back/document.h"
#include "security/capabilities/capabilities.h"

/* ---- Places in the document ---- */

json_t *oci_object_at(struct back *back, const char *path)
{
        json_t *object = back->document;

        while (object && *path) {
                size_t length = strcspn(path, ".");
                _cleanup_free_ char *name = strndup(path, length);
                json_t *next = name ? json_object_get(object, name) : NULL;

                if (!next && name) {
                        next = json_object();
                        (void)json_object_set_new(object, name, next);
                }
                object = next;
                path += length + (path[length] == '.');
        }
        return object;
}

void oci_set(struct back *back, const char *path, json_t *value)
{
        const char *point = strrchr(path, '.');
        _cleanup_free_ char *parent = strndup(path, point ? (size_t)(point - path) : 0);

        back->document = back->document ? back->document : json_object();
        if (!parent ||
            json_set_value(oci_object_at(back, parent), point ? point + 1 : path, value)) {
                back->conversion->failed = -ENOMEM;
        }
}

json_t *oci_array_at(struct back *back, const char *path)
{
        const char *point = strrchr(path, '.');
        _cleanup_free_ char *parent = strndup(path, point ? (size_t)(point - path) : 0);
        const char *name = point ? point + 1 : path;
        json_t *object, *array;

        back->document = back->document ? back->document : json_object();
        object = parent ? oci_object_at(back, parent) : NULL;
        array = json_object_get(object, name);
        if (!array) {
                array = json_array();
                (void)json_object_set_new(object, name, array);
        }
        return array;
}

/* ---- What a definition leaves to its defaults, and a bundle must list ---- */

static void add_namespaces(struct back *back)
{
        const struct machine_namespaces *namespaces = &back->machine->namespaces;
        const enum machine_network_mode mode = back->machine->network.mode;
        const struct {
                const char *type;
                bool listed;
        } all[] = {
                { "pid", true },
                { "mount", true },
                { "ipc", namespaces->ipc },
                { "uts", namespaces->uts },
                { "cgroup", namespaces->cgroup },
        };
        json_t *list = oci_array_at(back, "linux.namespaces");

        for (size_t i = 0; i < ELEMENTS_OF(all); i++) {
                if (all[i].listed) {
                        (void)json_array_append_new(list, json_pack("{s:s}", "type", all[i].type));
                }
        }
        if (mode == MACHINE_NETWORK_PATH) {
                (void)json_array_append_new(list, json_pack("{s:s, s:s}", "type", "network", "path",
                                                            back->machine->network.target));
        } else if (mode != MACHINE_NETWORK_HOST) {
                (void)json_array_append_new(list, json_pack("{s:s}", "type", "network"));
        }
}

/* "BASE:COUNT" is a range; "auto" has none before a start. */
static void add_user_namespace(struct back *back)
{
        static const char *const lists[] = { "linux.uidMappings", "linux.gidMappings" };
        _cleanup_json_ json_t *value = back_get(back, "user_namespace");
        unsigned int base, count;

        if (!json_is_string(value) ||
            sscanf(json_string_value(value), "%u:%u", &base, &count) != 2) {
                if (!json_is_string(value) || strcmp(json_string_value(value), "none") != 0) {
                        convert_lost(back->conversion, "user_namespace = \"auto\" has no range "
                                                       "before a start: set BASE:COUNT");
                }
                return;
        }
        (void)json_array_append_new(oci_array_at(back, "linux.namespaces"),
                                    json_pack("{s:s}", "type", "user"));
        for (size_t i = 0; i < ELEMENTS_OF(lists); i++) {
                (void)json_array_append_new(oci_array_at(back, lists[i]),
                                            json_pack("{s:i, s:I, s:I}", "containerID", 0, "hostID",
                                                      (json_int_t)base, "size", (json_int_t)count));
        }
}

static void add_capabilities(struct back *back)
{
        static const char *const sets[] = { "bounding", "effective", "permitted" };
        struct capability_sets resolved;

        if (capabilities_resolve(back->machine, &resolved, NULL) < 0) {
                convert_lost(back->conversion, "the capabilities are not those of this kernel");
                return;
        }
        for (int number = 0; number < 64; number++) {
                char name[32];

                if (!(resolved.bounding & CAPABILITY_BIT(number))) {
                        continue;
                }
                capability_name(number, name);
                for (size_t i = 0; i < ELEMENTS_OF(sets); i++) {
                        _cleanup_free_ char *path =
                                string_format("process.capabilities.%s", sets[i]);

                        (void)json_array_append_new(oci_array_at(back, path ? path : ""),
                                                    json_string(name));
                }
        }
}

/* The file systems of every machine come before its own mounts. */
static void add_kernel_mounts(struct back *back)
{
        static const struct {
                const char *target;
                const char *type;
                const char *options[7];
        } usual[] = {
                { "/proc", "proc", { "nosuid", "noexec", "nodev" } },
                { "/dev", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
                { "/dev/pts",
                  "devpts",
                  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
                { "/dev/shm", "tmpfs", { "nosuid", "noexec", "nodev", "mode=1777" } },
                { "/dev/mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
                { "/sys", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
                { "/sys/fs/cgroup", "cgroup", { "nosuid", "noexec", "nodev", "ro" } },
        };
        json_t *mounts = oci_array_at(back, "mounts");

        for (size_t i = ELEMENTS_OF(usual); i > 0; i--) {
                json_t *options = json_array();

                for (size_t j = 0; usual[i - 1].options[j]; j++) {
                        (void)json_array_append_new(options, json_string(usual[i - 1].options[j]));
                }
                (void)json_array_insert_new(mounts, 0,
                                            json_pack("{s:s, s:s, s:s, s:o}", "destination",
                                                      usual[i - 1].target, "type",
                                                      usual[i - 1].type, "source",
                                                      usual[i - 1].type, "options", options));
        }
}

static void add_paths(struct back *back, const char *path, const char *const *usual,
                      char *const *own)
{
        json_t *list = oci_array_at(back, path);

        for (; *usual; usual++) {
                (void)json_array_append_new(list, json_string(*usual));
        }
        STRV_FOREACH(entry, own) {
                (void)json_array_append_new(list, json_string(*entry));
        }
}

static void add_protection(struct back *back)
{
        static const char *const masked[] = { "/proc/acpi",          "/proc/asound",
                                              "/proc/kcore",         "/proc/keys",
                                              "/proc/latency_stats", "/proc/timer_list",
                                              "/proc/sched_debug",   "/proc/scsi",
                                              "/sys/firmware",       NULL };
        static const char *const read_only[] = { "/proc/bus",           "/proc/fs",
                                                 "/proc/irq",           "/proc/sys",
                                                 "/proc/sysrq-trigger", NULL };

        add_paths(back, "linux.maskedPaths", masked, back->machine->security.masked_paths);
        add_paths(back, "linux.readonlyPaths", read_only, back->machine->security.read_only_paths);
}

static void set_default(struct back *back, const char *path, json_t *value)
{
        const char *point = strrchr(path, '.');
        _cleanup_free_ char *parent = strndup(path, point ? (size_t)(point - path) : 0);

        if (parent && !json_object_get(oci_object_at(back, parent), point ? point + 1 : path)) {
                oci_set(back, path, value);
        } else {
                json_decref(value);
        }
}

void oci_add_defaults(struct back *back)
{
        oci_set(back, "ociVersion", json_string("1.0.2"));
        set_default(back, "root.path", json_string("rootfs"));
        set_default(back, "hostname", json_string(back->machine->name));
        set_default(back, "process.cwd", json_string("/"));
        set_default(back, "process.args", json_pack("[s]", "/bin/sh"));
        set_default(back, "process.env",
                    json_pack("[s]", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                     "/sbin:/bin"));
        set_default(back, "process.user.uid", json_integer(0));
        set_default(back, "process.user.gid", json_integer(0));
        set_default(back, "process.noNewPrivileges",
                    json_boolean(back->machine->security.no_new_privileges));
        add_namespaces(back);
        add_user_namespace(back);
        add_capabilities(back);
        add_kernel_mounts(back);
        add_protection(back);
}
