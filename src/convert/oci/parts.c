/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/model/values.h"
#include "convert/oci/oci.h"

/* Lists of a bundle. */

/* ---- Mounts ---- */

/* Mounts that each machine has. */
static bool is_usual(const char *target)
{
        static const char *const usual[] = { "/proc",
                                             "/dev",
                                             "/dev/pts",
                                             "/dev/mqueue",
                                             "/sys",
                                             "/sys/fs/cgroup",
                                             "/etc/resolv.conf",
                                             "/etc/hostname",
                                             "/etc/hosts",
                                             "/run/.containerenv",
                                             "/.dockerenv" };

        for (size_t i = 0; i < ELEMENTS_OF(usual); i++) {
                if (strcmp(usual[i], target) == 0) {
                        return true;
                }
        }
        return false;
}

/* Splits the options into those with a key of their own and the rest. */
static json_t *mount_options(const struct node *options, json_t *element, bool tmpfs)
{
        static const char *const usual[] = { "rw", "bind", "rbind", "rprivate", "private" };
        json_t *kept = json_array();

        for (size_t i = 0; options && i < options->count; i++) {
                const char *option = options->children[i]->text ? options->children[i]->text : "";
                const char *size = string_after(option, "size="),
                           *mode = string_after(option, "mode=");
                bool dropped = !*option;

                for (size_t j = 0; j < ELEMENTS_OF(usual); j++) {
                        dropped |= strcmp(usual[j], option) == 0;
                }
                if (strcmp(option, "ro") == 0) {
                        (void)json_object_set_new(element, "read_only", json_true());
                } else if (tmpfs && size) {
                        _cleanup_free_ char *exact = value_size_text(size);

                        (void)json_object_set_new(element, "size", json_string(exact ? exact : ""));
                } else if (tmpfs && mode) {
                        (void)json_object_set_new(element, "mode", json_string(mode));
                } else if (!dropped) {
                        (void)json_array_append_new(kept, json_string(option));
                }
        }
        return kept;
}

static void add_mount(struct oci *oci, const struct oci_row *row, const struct node *mount,
                      bool tmpfs)
{
        const char *target = node_text(mount, "destination");
        const char *source = node_text(mount, "source");
        json_t *element = json_object(), *options = NULL;

        if (!element) {
                oci->conversion->failed = -ENOMEM;
                return;
        }
        if (tmpfs) {
                (void)json_object_set_new(element, "type", json_string("tmpfs"));
        } else {
                _cleanup_free_ char *path = value_host_path(oci->directory, source ? source : "");

                (void)json_object_set_new(element, "source", json_string(path ? path : ""));
        }
        (void)json_object_set_new(element, "target", json_string(target));
        options = mount_options(node_find(mount, "options"), element, tmpfs);
        if (json_array_size(options) > 0) {
                (void)json_object_set(element, "options", options);
        }
        json_decref(options);
        convert_add_value(oci->conversion, row->key, element);
}

static bool is_bind(const struct node *mount)
{
        const struct node *options = node_find(mount, "options");
        bool bind = string_equal(node_text(mount, "type"), "bind");

        for (size_t i = 0; options && i < options->count; i++) {
                const char *text = options->children[i]->text;

                bind |= string_equal(text, "bind") || string_equal(text, "rbind");
        }
        return bind;
}

OCI_TAKE(mounts)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *mount = node->children[i];
                const char *target = node_text(mount, "destination");
                const char *type = node_text(mount, "type");
                bool shm = string_equal(target, "/dev/shm");

                convert_begin(oci->conversion, oci->source->shown, 0, "mounts[%zu]", i);
                if (!target) {
                        convert_lost(oci->conversion, "the mount has no destination");
                } else if (is_usual(target)) {
                        continue;
                } else if (is_bind(mount)) {
                        add_mount(oci, row, mount, false);
                } else if (string_equal(type, "tmpfs")) {
                        add_mount(oci, row, mount, true);
                } else if (!shm) {
                        convert_lost(oci->conversion, "a mount of the type \"%s\" is not possible",
                                     type ? type : "");
                }
        }
}

/* ---- Devices ---- */

OCI_TAKE(devices)
{
        for (size_t i = 0; i < node->count; i++) {
                const char *path = node_text(node->children[i], "path");

                convert_begin(oci->conversion, oci->source->shown, 0, "linux.devices[%zu]", i);
                if (path) {
                        convert_add(oci->conversion, row->key, path);
                        convert_differs(oci->conversion, row->key,
                                        "the node is the host's %s, whatever its numbers are",
                                        path);
                }
        }
}

/* The rules follow from the devices; what engines write in any case is not lost. */
OCI_TAKE(device_rules)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *rule = node->children[i];
                const char *major = node_text(rule, "major"), *minor = node_text(rule, "minor");
                bool usual = string_equal(major, "1") || string_equal(major, "5") ||
                             string_equal(major, "136");

                convert_begin(oci->conversion, oci->source->shown, 0,
                              "linux.resources.devices[%zu]", i);
                if (node_is_true(node_find(rule, "allow")) && !usual && (major || minor) &&
                    !string_equal(major, "-1")) {
                        convert_lost(oci->conversion, "name device %s:%s in \"devices\"",
                                     major ? major : "*", minor ? minor : "*");
                }
        }
}

/* ---- Limits ---- */

OCI_TAKE(throttle)
{
        bool operations = strstr(row->key, "iops") != NULL;

        for (size_t i = 0; i < node->count; i++) {
                const char *major = node_text(node->children[i], "major");
                const char *minor = node_text(node->children[i], "minor");
                const char *rate = node_text(node->children[i], "rate");
                _cleanup_free_ char *device =
                        string_format("%s:%s", major ? major : "", minor ? minor : "");
                _cleanup_free_ char *size = value_size_text(rate ? rate : "");

                convert_io_limit(oci->conversion, device ? device : "", row->key,
                                 operations ? json_integer(strtoll(rate ? rate : "0", NULL, 10))
                                            : json_string(size ? size : ""));
        }
}

/* "2MB" is "2M". */
OCI_TAKE(hugepages)
{
        for (size_t i = 0; i < node->count; i++) {
                const char *page = node_text(node->children[i], "pageSize");
                const char *limit = node_text(node->children[i], "limit");
                _cleanup_free_ char *page_size = value_size_text(page ? page : "");
                _cleanup_free_ char *size = value_size_text(limit ? limit : "");

                convert_add_value(
                        oci->conversion, row->key,
                        json_sprintf("%s=%s", page_size ? page_size : "", size ? size : ""));
        }
}

/* ---- Namespaces ---- */

static void take_network(struct oci *oci, const char *path)
{
        oci->network_namespace = true;
        if (path) {
                convert_value(oci->conversion, "network.mode", json_sprintf("path:%s", path));
        }
}

/* A namespace that is not listed is the host's. */
static void share(struct oci *oci, const struct node *list, const char *type, const char *key)
{
        for (size_t i = 0; i < list->count; i++) {
                if (string_equal(node_text(list->children[i], "type"), type)) {
                        return;
                }
        }
        if (key) {
                convert_text(oci->conversion, key, "host");
        } else {
                convert_lost(oci->conversion, "a machine has its own %s namespace", type);
        }
}

OCI_TAKE(namespaces)
{
        oci->namespaces = true;
        for (size_t i = 0; i < node->count; i++) {
                const char *type = node_text(node->children[i], "type");
                const char *path = node_text(node->children[i], "path");

                convert_begin(oci->conversion, oci->source->shown, 0, "linux.namespaces[%zu]", i);
                if (string_equal(type, "network")) {
                        take_network(oci, path);
                        continue;
                }
                oci->user_namespace |= string_equal(type, "user");
                if (path) {
                        convert_lost(oci->conversion, "the %s namespace is shared in a pod",
                                     type ? type : "");
                }
        }
        convert_begin(oci->conversion, oci->source->shown, 0, "linux.namespaces");
        share(oci, node, "ipc", "namespaces.ipc");
        share(oci, node, "uts", "namespaces.uts");
        share(oci, node, "cgroup", "namespaces.cgroup");
        share(oci, node, "pid", NULL);
        share(oci, node, "mount", NULL);
}

/* One range from 0. */
OCI_TAKE(id_maps)
{
        const struct node *map = node->count > 0 ? node->children[0] : NULL;
        const char *inside = node_text(map, "containerID"), *outside = node_text(map, "hostID");
        const char *count = node_text(map, "size");

        if (node->count != 1 || !string_equal(inside, "0") || !outside || !count) {
                convert_lost(oci->conversion, "ids are mapped as one range from 0");
        } else if (row->key) {
                convert_value(oci->conversion, row->key, json_sprintf("%s:%s", outside, count));
        }
}
