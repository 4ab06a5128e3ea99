/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kind.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/suggest.h"

/* ---- Lists of groups ---- */

static void *add_element(const struct config_value *value, const struct config_node *node, int *ret)
{
        const struct config_table *table = value->key->elements;
        void *element = config_array_add(value, table->size);

        if (!element) {
                *ret = -ENOMEM;
                return NULL;
        }
        if (table->initial) {
                memcpy(element, table->initial, table->size);
        }
        *ret = config_fill_element(value, node, element);
        return element;
}

static int parse_groups(const struct config_value *value)
{
        int r = 0;

        for (size_t i = 0; i < value->node->child_count && r == 0; i++) {
                (void)add_element(value, value->node->children[i], &r);
        }
        return r;
}

static json_t *element_json(const struct config_table *table, const void *element)
{
        _cleanup_json_ json_t *object = json_object();

        for (size_t i = 0; object && i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                _cleanup_json_ json_t *text = NULL, *initial = NULL;

                if (key->kind->emit(key, element, &text) < 0 ||
                    (table->initial && key->kind->emit(key, table->initial, &initial) < 0)) {
                        return NULL;
                }
                if (!text || (initial && json_equal(text, initial))) {
                        continue;
                }
                if (json_object_set(object, key->name, text) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(object);
}

static int emit_groups(const struct config_key *key, const void *base, json_t **ret)
{
        const char *const *elements = CONFIG_PLACE_CONST(base, key->offset);
        const size_t *count = CONFIG_PLACE_CONST(base, key->offset_extra);
        _cleanup_json_ json_t *array = NULL;

        *ret = NULL;
        if (*count == 0) {
                return 0;
        }
        array = json_array();
        for (size_t i = 0; i < *count; i++) {
                json_t *element = element_json(key->elements, *elements + i * key->elements->size);

                if (json_array_append_new(array, element) < 0) {
                        return -ENOMEM;
                }
        }
        return config_emit_value(TAKE_PTR(array), ret);
}

const struct config_kind config_kind_groups = {
        .shape = CONFIG_SHAPE_GROUPS,
        .accepted = "a list of groups: ( { .. } )",
        .parse = parse_groups,
        .emit = emit_groups,
};

/* ---- Mounts ---- */

static int refuse_member(const struct config_value *value, const struct config_node *element,
                         const char *member, const char *problem)
{
        const struct config_node *node = config_node_find(element, member);
        int r = config_value_refuse(value, node ? node : element,
                                    string_format("an element of \"mounts\" %s", problem),
                                    strdup(""));

        return r == -ENOMEM ? r : 0;
}

static int check_mount(const struct config_value *value, const struct config_node *node,
                       const struct machine_mount *mount)
{
        bool wants_source =
                mount->type == MACHINE_MOUNT_BIND || mount->type == MACHINE_MOUNT_OVERLAY;
        bool has_source = config_node_find(node, "source") != NULL;
        int r = 0;

        if (wants_source && !has_source) {
                r = refuse_member(value, node, "type", "lacks \"source\"");
        }
        if (!wants_source && has_source) {
                r = refuse_member(value, node, "source", "of this type has no source");
        }
        if (r == 0 && mount->type != MACHINE_MOUNT_TMPFS && config_node_find(node, "size")) {
                r = refuse_member(value, node, "size", "has a size and is no tmpfs");
        }
        if (r == 0 && mount->type != MACHINE_MOUNT_TMPFS && config_node_find(node, "mode")) {
                r = refuse_member(value, node, "mode", "has a mode and is no tmpfs");
        }
        if (r == 0 && mount->target && strcmp(mount->target, "/") == 0) {
                r = refuse_member(value, node, "target", "would cover the machine's root");
        }
        return r;
}

/* What a kernel mounts at /proc, /sys and /dev is the machine's protection: nothing may take its
 * place, only go below. /run/host is covered by this program's own, which is read-only. */
static int check_mount_target(const struct config_value *value, const struct config_node *node,
                              const struct machine_mount *mount)
{
        static const char *const reserved[] = { "/proc", "/sys", "/dev" };

        for (size_t i = 0; mount->target && i < ELEMENTS_OF(reserved); i++) {
                if (strcmp(mount->target, reserved[i]) == 0) {
                        return refuse_member(value, node, "target",
                                             "would replace a file system of the kernel");
                }
        }
        if (mount->target && path_is_below(mount->target, "/proc")) {
                return refuse_member(value, node, "target", "lies in /proc");
        }
        if (mount->target && path_is_below(mount->target, "/run/host")) {
                return refuse_member(value, node, "target",
                                     "lies in /run/host, where the host tells about itself");
        }
        return 0;
}

static const struct config_node *target_of(const struct config_node *element)
{
        const struct config_node *target = config_node_find(element, "target");

        return target ? target : element;
}

static int check_same_target(const struct config_value *value, size_t last)
{
        struct machine_mount *const *mounts = CONFIG_PLACE(value->base, value->key->offset);
        const struct config_node *list = value->node;

        for (size_t i = 0; i < last; i++) {
                if ((*mounts)[last].target &&
                    string_equal((*mounts)[i].target, (*mounts)[last].target)) {
                        return config_report_related(
                                value->fill->diagnostics, DIAGNOSTIC_ERROR,
                                &target_of(list->children[last])->value,
                                string_format("\"%s\" is the target of two mounts",
                                              (*mounts)[i].target),
                                &target_of(list->children[i])->value, "the first one is here");
                }
        }
        return 0;
}

static int parse_mounts(const struct config_value *value)
{
        int r = 0;

        for (size_t i = 0; i < value->node->child_count && r == 0; i++) {
                const struct config_node *node = value->node->children[i];
                struct machine_mount *mount = add_element(value, node, &r);

                if (r == 0) {
                        r = check_mount(value, node, mount);
                }
                if (r == 0) {
                        r = check_mount_target(value, node, mount);
                }
                if (r == 0) {
                        r = check_same_target(value, i);
                }
        }
        return r;
}

const struct config_kind config_kind_mounts = {
        .shape = CONFIG_SHAPE_GROUPS,
        .accepted = "a list of mounts: ( { source = \"/srv/data\"; target = \"/data\"; } )",
        .parse = parse_mounts,
        .emit = emit_groups,
};

/* Those of mount(8) that make sense for a machine; the ones of a tmpfs have a value. */
static const char *const mount_options[] = {
        "ro",      "rw",       "nosuid",      "suid",      "nodev",      "dev",
        "noexec",  "exec",     "nosymfollow", "symfollow", "nodiratime", "diratime",
        "noatime", "relatime", "strictatime", "private",   "rprivate",   "slave",
        "rslave",  "bind",     "rbind",       "idmap",     "noidmap",
};
static const char *const tmpfs_options[] = { "size=", "mode=", "nr_inodes=" };

static int check_option(const struct config_value *value, const struct config_node *node,
                        const char *text, char **ret)
{
        struct suggestion best = SUGGESTION_INIT;
        bool known = false;

        for (size_t i = 0; i < ELEMENTS_OF(mount_options) && !known; i++) {
                known = strcmp(text, mount_options[i]) == 0;
                suggest(&best, text, mount_options[i]);
        }
        for (size_t i = 0; i < ELEMENTS_OF(tmpfs_options) && !known; i++) {
                const char *rest = string_after(text, tmpfs_options[i]);

                known = rest && rest[0] && strspn(rest, "0123456789kmgKMG%") == strlen(rest);
        }
        if (!known) {
                return config_value_refuse(
                        value, node, string_format("unknown option \"%.80s\" of a mount", text),
                        best.word ? string_format("did you mean \"%s\"?", best.word) : NULL);
        }
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXTS_KIND(config_kind_mount_options, check_option,
                  "^(ro|rw|(no)?(suid|dev|exec|symfollow|diratime)|noatime|relatime|strictatime|"
                  "r?(private|slave|bind)|(no)?idmap|(size|mode|nr_inodes)=[0-9kmgKMG%]+)$",
                  "options as in mount(8): [ \"noexec\" ]");

/* ---- Credentials ---- */

static int check_credential(const struct config_value *value, size_t last)
{
        struct machine_credential *const *all = CONFIG_PLACE(value->base, value->key->offset);
        const struct config_node *node = value->node->children[last];
        bool path = config_node_find(node, "path"), text = config_node_find(node, "value");
        int r = 0;

        if (path == text) {
                r = config_value_refuse(value, node,
                                        strdup("a credential has either \"path\" or \"value\""),
                                        strdup(""));
        }
        for (size_t i = 0; i < last && r != -ENOMEM; i++) {
                if ((*all)[last].name && string_equal((*all)[i].name, (*all)[last].name)) {
                        r = config_report_related(
                                value->fill->diagnostics, DIAGNOSTIC_ERROR, &node->value,
                                string_format("two credentials are called \"%s\"",
                                              (*all)[last].name),
                                &value->node->children[i]->value, "the first one is here");
                }
        }
        return r == -ENOMEM ? r : 0;
}

static int parse_credentials(const struct config_value *value)
{
        int r = 0;

        for (size_t i = 0; i < value->node->child_count && r == 0; i++) {
                (void)add_element(value, value->node->children[i], &r);
                r = r < 0 ? r : check_credential(value, i);
        }
        return r;
}

const struct config_kind config_kind_credentials = {
        .shape = CONFIG_SHAPE_GROUPS,
        .accepted = "a list of credentials: ( { name = \"key\"; path = \"/etc/key\"; } )",
        .parse = parse_credentials,
        .emit = emit_groups,
};

/* ---- Devices: SOURCE[:TARGET][:ACCESS] ---- */

static bool access_is_valid(const char *text)
{
        size_t length = strlen(text);

        if (length == 0 || length > 3 || strspn(text, "rwm") != length) {
                return false;
        }
        return !strchr(text + 1, text[0]) && (length < 3 || text[1] != text[2]);
}

static int read_device(char **parts, struct machine_device *device)
{
        size_t count = strv_length(parts);
        const char *access = "rw";
        const char *target = parts[0];

        if (count > 1 && parts[count - 1][0] != '/') {
                access = parts[--count];
        }
        if (count == 2) {
                target = parts[1];
        }
        if (count > 2 || !access_is_valid(access)) {
                return -EINVAL;
        }
        strcpy(device->access, access);
        if (!path_is_below(parts[0], "/dev") || !path_is_below(target, "/dev")) {
                return -EINVAL;
        }
        if (path_normalize(parts[0], &device->source) < 0 ||
            path_normalize(target, &device->target) < 0) {
                return -EINVAL;
        }
        return strlen(device->source) > 5 && strlen(device->target) > 5 ? 0 : -EINVAL;
}

/* What is mounted in the machine's /dev after its nodes were made. */
static bool is_hidden(const char *target)
{
        return path_is_below(target, "/dev/pts") || path_is_below(target, "/dev/shm") ||
               path_is_below(target, "/dev/mqueue");
}

/* Two paths and a few letters. */
#define DEVICE_MAXIMUM (2 * PATH_MAX + 8)

static int add_device(const struct config_value *value, const struct config_node *node)
{
        _cleanup_strv_ char **parts = NULL;
        struct machine_device *device;
        int r;

        if (strlen(node->string) > DEVICE_MAXIMUM) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        r = strv_split(node->string, ':', &parts);
        if (r < 0) {
                return r;
        }
        device = config_array_add(value, sizeof *device);
        if (!device) {
                return -ENOMEM;
        }
        if (read_device(parts, device) < 0) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        if (is_hidden(device->target)) {
                return config_value_refuse(
                        value, node,
                        string_format("\"%.80s\" lies in a file system that the machine has there",
                                      device->target),
                        strdup("choose another place below /dev"));
        }
        return 0;
}

static int parse_devices(const struct config_value *value)
{
        for (size_t i = 0; i < value->node->child_count; i++) {
                if (!value->node->children[i]->bad &&
                    add_device(value, value->node->children[i]) == -ENOMEM) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int emit_devices(const struct config_key *key, const void *base, json_t **ret)
{
        struct machine_device *const *devices = CONFIG_PLACE_CONST(base, key->offset);
        const size_t *count = CONFIG_PLACE_CONST(base, key->offset_extra);
        json_t *array;

        *ret = NULL;
        if (*count == 0) {
                return 0;
        }
        array = json_array();
        for (size_t i = 0; i < *count; i++) {
                const struct machine_device *device = &(*devices)[i];
                json_t *text =
                        json_sprintf("%s:%s:%s", device->source, device->target, device->access);

                if (json_array_append_new(array, text) < 0) {
                        json_decref(array);
                        return -ENOMEM;
                }
        }
        return config_emit_value(array, ret);
}

const struct config_kind config_kind_devices = {
        .shape = CONFIG_SHAPE_STRINGS,
        .accepted = "devices below /dev: [ \"/dev/fuse\", \"/dev/kvm:rw\", "
                    "\"/dev/ttyUSB0:/dev/ttyS0:rw\" ]",
        .pattern = "^/dev/[^:]+(:/dev/[^:]+)?(:[rwm]{1,3})?$",
        .parse = parse_devices,
        .emit = emit_devices,
};
