/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/lxc/take.h"
#include "convert/model/values.h"

/* ---- Mounts ---- */

static bool is_kernel_type(const char *type)
{
        static const char *const types[] = { "proc",       "sysfs",     "devpts",      "devtmpfs",
                                             "cgroup",     "cgroup2",   "mqueue",      "debugfs",
                                             "securityfs", "tracefs",   "fusectl",     "pstore",
                                             "configfs",   "hugetlbfs", "binfmt_misc", "efivarfs" };

        for (size_t i = 0; i < ELEMENTS_OF(types); i++) {
                if (strcmp(types[i], type) == 0) {
                        return true;
                }
        }
        return false;
}

/* The options that mounts have here. "create" is the default. */
static json_t *mount_options(struct lxc *lxc, const char *text, bool *ret_read_only,
                             json_t **ret_size, json_t **ret_mode)
{
        static const char *const usual[] = { "bind",       "rbind",       "defaults", "rw",
                                             "create=dir", "create=file", "0",        "none" };
        _cleanup_strv_ char **words = NULL;
        json_t *options = json_array();

        if (strv_split(text, ',', &words) < 0) {
                lxc->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(word, words) {
                bool known = !**word;

                for (size_t i = 0; i < ELEMENTS_OF(usual); i++) {
                        known |= strcmp(usual[i], *word) == 0;
                }
                if (strcmp(*word, "ro") == 0) {
                        *ret_read_only = true;
                } else if (strcmp(*word, "optional") == 0) {
                        convert_differs(lxc->conversion, "mounts",
                                        "the source must exist: there are no optional mounts");
                } else if (string_after(*word, "size=")) {
                        _cleanup_free_ char *size = value_size_text(*word + 5);

                        *ret_size = json_string(size ? size : "");
                } else if (string_after(*word, "mode=")) {
                        *ret_mode = json_string(*word + 5);
                } else if (!known) {
                        (void)json_array_append_new(options, json_string(*word));
                }
        }
        return options;
}

/* A line of fstab(5), whose target is relative to the root. */
void lxc_take_mount(struct lxc *lxc, const struct lxc_row *row, const char *rest, const char *value)
{
        char source[1024], target[1024], type[64], options[1024] = "";
        bool read_only = false;
        json_t *size = NULL, *mode = NULL, *kept, *element;
        const char *inside = target;

        if (sscanf(value, "%1023s %1023s %63s %1023s", source, target, type, options) < 3) {
                convert_lost(lxc->conversion, "\"%.80s\" is not a line of fstab(5)", value);
                return;
        }
        if (is_kernel_type(type)) {
                convert_differs(lxc->conversion, NULL,
                                "a machine has the kernel's file systems that it needs: no %s",
                                type);
                return;
        }
        /* LXC also takes the path on the host. */
        if (strstr(target, "/rootfs/") && target[0] == '/') {
                inside = strstr(target, "/rootfs/") + strlen("/rootfs/");
        }
        kept = mount_options(lxc, options, &read_only, &size, &mode);
        if (strcmp(type, "tmpfs") == 0) {
                element = json_pack("{s:s, s:o}", "type", "tmpfs", "target",
                                    json_sprintf("/%s", inside + strspn(inside, "/")));
                if (element && size) {
                        (void)json_object_set(element, "size", size);
                }
                if (element && mode) {
                        (void)json_object_set(element, "mode", mode);
                }
                if (element && json_array_size(kept) > 0) {
                        (void)json_object_set(element, "options", kept);
                }
                json_decref(kept);
                convert_add_value(lxc->conversion, "mounts", element);
        } else if (strstr(options, "bind")) {
                _cleanup_free_ char *path = string_format("/%s", inside + strspn(inside, "/"));

                convert_mount(lxc->conversion, "bind", source, path ? path : "", read_only, kept);
        } else {
                json_decref(kept);
                convert_lost(lxc->conversion, "mount the %s on the host, and bind it", type);
        }
        json_decref(size);
        json_decref(mode);
}

/* "c 10:200 rwm": a node is named, and only some numbers have a name that is always the same. */
void lxc_take_device_rule(struct lxc *lxc, const struct lxc_row *row, const char *rest,
                          const char *value)
{
        static const struct {
                const char *numbers;
                const char *path; /* "": each machine has it */
        } known[] = {
                { "1:3", "" },
                { "1:5", "" },
                { "1:7", "" },
                { "1:8", "" },
                { "1:9", "" },
                { "5:0", "" },
                { "5:1", "" },
                { "5:2", "" },
                { "4:0", "" },
                { "4:1", "" },
                { "136:*", "" },
                { "*:*", "" },
                { "10:200", "/dev/net/tun" },
                { "10:229", "/dev/fuse" },
                { "10:232", "/dev/kvm" },
                { "10:228", "/dev/hpet" },
                { "226:0", "/dev/dri/card0" },
                { "226:128", "/dev/dri/renderD128" },
        };
        const char *numbers = strchr(value, ' ');

        for (size_t i = 0; numbers && i < ELEMENTS_OF(known); i++) {
                size_t length = strlen(known[i].numbers);

                if (strncmp(numbers + 1, known[i].numbers, length) == 0 &&
                    (!numbers[1 + length] || numbers[1 + length] == ' ')) {
                        if (*known[i].path) {
                                convert_add(lxc->conversion, row->key, known[i].path);
                        }
                        return;
                }
        }
        if (strcmp(value, "a") != 0 && strncmp(value, "a *:*", 5) != 0) {
                convert_lost(lxc->conversion, "name the device in \"devices\"");
        }
}
