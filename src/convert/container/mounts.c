/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/container/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

void container_mount_clear(struct container_mount *mount)
{
        free(mount->type);
        free(mount->source);
        free(mount->target);
        free(mount->size);
        free(mount->mode);
        json_decref(mount->options);
        *mount = (struct container_mount){ 0 };
}

/* ---- Options ---- */

/* Options of volumes, tmpfs and --mount that are not passed on as they are. */
static const struct {
        const char *name;
        const char *differs; /* kept, but .. */
        const char *lost;
} mount_options[] = {
        { "rw", NULL, NULL },
        { "cached", NULL, NULL },
        { "consistent", NULL, NULL },
        { "delegated", NULL, NULL },
        { "default", NULL, NULL },
        { "copy", NULL, NULL },
        { "bind", NULL, NULL },
        { "rbind", NULL, NULL },
        { "tmpcopyup", "the tmpfs begins empty", NULL },
        { "notmpcopyup", NULL, NULL },
        { "z", "files get no SELinux label", NULL },
        { "Z", "files get no SELinux label", NULL },
        { "U", "owners are mapped, and not changed on disk: see \"map\" in machine(5)", NULL },
        { "idmap", "owners are mapped: see \"map\" in machine(5)", NULL },
        { "nocopy", NULL, "a new volume has the content of the image's directory" },
        { "shared", NULL, "mounts in the machine are not visible on the host" },
        { "rshared", NULL, "mounts in the machine are not visible on the host" },
        { "O", NULL, "use a mount of type \"overlay\"" },
};

void container_mount_option(struct container *container, struct container_mount *mount,
                            const char *option)
{
        const char *size = string_after(option, "size="), *mode = string_after(option, "mode=");
        size_t length = strcspn(option, "=");

        for (size_t i = 0; i < ELEMENTS_OF(mount_options); i++) {
                if (strncmp(option, mount_options[i].name, length) != 0 ||
                    mount_options[i].name[length]) {
                        continue;
                }
                if (mount_options[i].lost) {
                        convert_lost(container->conversion, "%s: %s", option,
                                     mount_options[i].lost);
                } else if (mount_options[i].differs) {
                        convert_differs(container->conversion, "mounts", "%s: %s", option,
                                        mount_options[i].differs);
                }
                return;
        }
        if (strcmp(option, "ro") == 0) {
                mount->read_only = true;
        } else if (size) {
                (void)string_replace(&mount->size, size);
        } else if (mode) {
                (void)string_replace(&mount->mode, mode);
        } else if (string_after(option, "uid=") || string_after(option, "gid=")) {
                convert_lost(container->conversion, "%s: a tmpfs belongs to root; set its mode",
                             option);
        } else if (*option) {
                mount->options = mount->options ? mount->options : json_array();
                (void)json_array_append_new(mount->options, json_string(option));
        }
}

/* ---- Adding ---- */

/* "/data" of machine "web" is the volume "web-data". */
static char *anonymous_name(const struct container *container, const char *target)
{
        const struct convert_file *file = container->conversion->file;
        _cleanup_free_ char *text = string_format("%s%s", file ? file->name : "", target);

        return text ? convert_name(text) : NULL;
}

static json_t *describe(const struct container_mount *mount, const char *source)
{
        bool tmpfs = string_equal(mount->type, "tmpfs");
        bool bind = string_equal(mount->type, "bind");
        _cleanup_free_ char *size = tmpfs && mount->size ? value_size_text(mount->size) : NULL;
        json_t *element = json_object();

        if (!element) {
                return NULL;
        }
        if (!bind) {
                (void)json_object_set_new(element, "type", json_string(mount->type));
        }
        if (source) {
                (void)json_object_set_new(element, "source", json_string(source));
        }
        (void)json_object_set_new(element, "target", json_string(mount->target));
        if (mount->read_only) {
                (void)json_object_set_new(element, "read_only", json_true());
        }
        if (mount->options) {
                (void)json_object_set(element, "options", mount->options);
        }
        if (size) {
                (void)json_object_set_new(element, "size", json_string(size));
        }
        /* Docker's is /tmp's, and ours a plain directory's. */
        if (tmpfs) {
                (void)json_object_set_new(element, "mode",
                                          json_string(mount->mode ? mount->mode : "1777"));
        }
        return element;
}

static char *mount_source(struct container *container, const struct container_mount *mount)
{
        if (string_equal(mount->type, "volume")) {
                char *name = mount->source ? convert_name(mount->source)
                                           : anonymous_name(container, mount->target);

                if (!mount->source && name) {
                        convert_differs(container->conversion, "mounts",
                                        "the volume without a name is \"%s\", and is kept", name);
                }
                return name;
        }
        return mount->source ? value_host_path(container->directory, mount->source) : NULL;
}

void container_mount_add(struct container *container, const struct container_mount *mount)
{
        _cleanup_free_ char *source = NULL;

        if (!mount->target) {
                convert_lost(container->conversion, "the mount has no target");
                return;
        }
        source = string_equal(mount->type, "tmpfs") ? NULL : mount_source(container, mount);
        convert_add_value(container->conversion, "mounts", describe(mount, source));
}

/* ---- The options ---- */

static void take_all_options(struct container *container, struct container_mount *mount,
                             const char *text)
{
        _cleanup_strv_ char **parts = NULL;

        if (text && strv_split(text, ',', &parts) < 0) {
                container->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(part, parts) {
                container_mount_option(container, mount, *part);
        }
}

/* "SOURCE:TARGET:OPTIONS", "SOURCE:TARGET", "TARGET". */
TAKE(volume)
{
        _cleanup_container_mount_ struct container_mount mount = { 0 };
        _cleanup_strv_ char **parts = NULL;
        bool directory = strchr("/.~", value[0]) != NULL;
        size_t count;

        if (strv_split(value, ':', &parts) < 0) {
                container->conversion->failed = -ENOMEM;
                return;
        }
        count = strv_length(parts);
        if (count > 3) {
                convert_lost(container->conversion, "\"%.120s\" is not SOURCE:TARGET[:OPTIONS]",
                             value);
                return;
        }
        mount.type = strdup(count > 1 && directory ? "bind" : "volume");
        mount.source = count > 1 ? strdup(parts[0]) : NULL;
        mount.target = strdup(parts[count > 1]);
        if (!mount.type || !mount.target || (count > 1 && !mount.source)) {
                container->conversion->failed = -ENOMEM;
                return;
        }
        take_all_options(container, &mount, count > 2 ? parts[2] : NULL);
        container_mount_add(container, &mount);
}

TAKE(tmpfs)
{
        _cleanup_container_mount_ struct container_mount mount = { 0 };
        size_t length = strcspn(value, ":");

        mount.type = strdup("tmpfs");
        mount.target = strndup(value, length);
        if (!mount.type || !mount.target) {
                container->conversion->failed = -ENOMEM;
                return;
        }
        take_all_options(container, &mount, value[length] ? value + length + 1 : NULL);
        container_mount_add(container, &mount);
}

TAKE(read_only_tmpfs)
{
        static const char *const targets[] = { "/run", "/tmp", "/var/tmp" };

        for (size_t i = 0; (!value || value_is_true(value)) && i < ELEMENTS_OF(targets); i++) {
                container_take_tmpfs(container, option, targets[i]);
        }
}

void container_mount_field(struct container *container, struct container_mount *mount,
                           const char *name, const char *value)
{
        static const struct {
                const char *name;
                size_t place; /* of a text */
        } texts[] = {
                { "type", offsetof(struct container_mount, type) },
                { "source", offsetof(struct container_mount, source) },
                { "src", offsetof(struct container_mount, source) },
                { "target", offsetof(struct container_mount, target) },
                { "destination", offsetof(struct container_mount, target) },
                { "dst", offsetof(struct container_mount, target) },
                { "tmpfs-size", offsetof(struct container_mount, size) },
                { "tmpfs-mode", offsetof(struct container_mount, mode) },
        };

        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                if (strcmp(texts[i].name, name) == 0) {
                        (void)string_replace((char **)((char *)mount + texts[i].place), value);
                        return;
                }
        }
        if (strcmp(name, "readonly") == 0 || strcmp(name, "ro") == 0) {
                mount->read_only = !value || value_is_true(value);
        } else if (strcmp(name, "bind-propagation") == 0) {
                container_mount_option(container, mount, value ? value : "");
        } else if (strcmp(name, "relabel") == 0) {
                container_mount_option(container, mount, "z");
        } else if (strcmp(name, "U") == 0 || strcmp(name, "chown") == 0) {
                container_mount_option(container, mount, "U");
        } else if (strcmp(name, "consistency") != 0 && strcmp(name, "rw") != 0) {
                convert_lost(container->conversion, "\"%s\" of the mount has no equivalent", name);
        }
}

/* "type=bind,source=/a,target=/b,readonly". */
TAKE(mount)
{
        _cleanup_container_mount_ struct container_mount mount = { 0 };
        _cleanup_strv_ char **parts = NULL;

        mount.type = strdup("volume");
        if (strv_split(value, ',', &parts) < 0) {
                container->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(part, parts) {
                size_t length = strcspn(*part, "=");
                _cleanup_free_ char *name = strndup(*part, length);

                if (name) {
                        container_mount_field(container, &mount, name,
                                              (*part)[length] ? *part + length + 1 : NULL);
                }
        }
        container_mount_add(container, &mount);
}

/* "/dev/sda:/dev/xvda:rwm". */
TAKE(device)
{
        if (value[0] != '/') {
                convert_lost(
                        container->conversion,
                        "devices by CDI name are not supported: name the nodes below /dev, and "
                        "bind the driver's libraries");
                return;
        }
        convert_add(container->conversion, option->key, value);
}
