/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/suggest.h"

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

static json_t *element_json(const struct config_key *list, const void *element)
{
        const struct config_table *table = list->elements;
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
        return config_emit_elements(key, base, key->elements->size, element_json, ret);
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
        bool has_files = mount->type == MACHINE_MOUNT_BIND || mount->type == MACHINE_MOUNT_OVERLAY;
        bool wants_source = has_files || mount->type == MACHINE_MOUNT_VOLUME;
        bool has_source = config_node_find(node, "source") != NULL;
        int r = 0;

        if (wants_source && !has_source) {
                r = refuse_member(value, node, "type", "has no \"source\"");
        }
        if (!wants_source && has_source) {
                r = refuse_member(value, node, "source", "cannot have a source with this type");
        }
        if (r == 0 && mount->type != MACHINE_MOUNT_TMPFS && config_node_find(node, "size")) {
                r = refuse_member(value, node, "size", "has a size but is not a tmpfs");
        }
        if (r == 0 && !has_files && config_node_find(node, "map")) {
                r = refuse_member(value, node, "map", "has a map but no files of the host");
        }
        if (r == 0 && mount->map != MACHINE_MOUNT_MAP_AUTO &&
            (strv_contains(mount->options, "idmap") || strv_contains(mount->options, "noidmap"))) {
                r = refuse_member(value, node, "map",
                                  "has both \"map\" and an option for the same");
        }
        if (r == 0 && mount->type != MACHINE_MOUNT_TMPFS && config_node_find(node, "mode")) {
                r = refuse_member(value, node, "mode", "has a mode but is not a tmpfs");
        }
        if (r == 0 && mount->target && strcmp(mount->target, "/") == 0) {
                r = refuse_member(value, node, "target", "would cover the machine's root");
        }
        return r;
}

/* The file systems at /proc, /sys and /dev are part of the machine's isolation: they cannot be
 * replaced, and only /dev may have mounts below it. /run/host is a read-only mount of this program.
 */
static int check_mount_target(const struct config_value *value, const struct config_node *node,
                              const struct machine_mount *mount)
{
        static const char *const reserved[] = { "/proc", "/sys", "/dev" };
        static const struct {
                const char *path;
                const char *problem;
        } closed[] = {
                { "/proc", "is in /proc" },
                { "/sys", "is in /sys" },
                { "/run/host", "is in /run/host, which is reserved" },
        };

        for (size_t i = 0; mount->target && i < ELEMENTS_OF(reserved); i++) {
                if (strcmp(mount->target, reserved[i]) == 0) {
                        return refuse_member(value, node, "target",
                                             "would replace a kernel file system");
                }
        }
        for (size_t i = 0; mount->target && i < ELEMENTS_OF(closed); i++) {
                if (path_is_below(mount->target, closed[i].path)) {
                        return refuse_member(value, node, "target", closed[i].problem);
                }
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

/* Options of mount(8) that make sense for a machine. Those of a tmpfs take a value. */
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
                        value, node, string_format("unknown mount option \"%.80s\"", text),
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
                                        strdup("a credential needs either \"path\" or \"value\""),
                                        strdup(""));
        } else if (text && (*all)[last].decrypt != MACHINE_DECRYPT_NONE) {
                r = config_value_refuse(value, config_node_find(node, "decrypt"),
                                        strdup("only a file can be decrypted"),
                                        strdup("use \"path\""));
        }
        for (size_t i = 0; i < last && r != -ENOMEM; i++) {
                if ((*all)[last].name && string_equal((*all)[i].name, (*all)[last].name)) {
                        r = config_report_related(
                                value->fill->diagnostics, DIAGNOSTIC_ERROR, &node->value,
                                string_format("duplicate credential \"%s\"", (*all)[last].name),
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

/* Mounts in the machine's /dev that are made after its nodes. */
static bool is_hidden(const char *target)
{
        return path_is_below(target, "/dev/pts") || path_is_below(target, "/dev/shm") ||
               path_is_below(target, "/dev/mqueue");
}

/* Room for two paths and the access letters. */
#define DEVICE_MAXIMUM (2 * PATH_MAX + 8)

/* Names in /dev that every machine has and no other device can have. */
static bool is_standard(const struct machine_device *device)
{
        static const char *const names[] = {
                "null", "zero",  "full",   "random", "urandom", "tty", "ptmx",
                "fd",   "stdin", "stdout", "stderr", "core",    "pts", "shm",
        };
        const char *name = string_after(device->target, "/dev/");
        bool found = false;

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                found |= string_equal(name, names[i]);
        }
        return found && !string_equal(device->source, device->target);
}

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
                        string_format("\"%.80s\" is in a file system that the machine mounts there",
                                      device->target),
                        strdup("choose another place below /dev"));
        }
        if (is_standard(device)) {
                return config_value_refuse(
                        value, node,
                        string_format("every machine already has \"%s\"", device->target),
                        strdup("choose another place below /dev"));
        }
        return 0;
}

static int parse_devices(const struct config_value *value)
{
        return config_parse_elements(value, add_device);
}

static json_t *device_json(const struct config_key *key, const void *element)
{
        const struct machine_device *device = element;

        return json_sprintf("%s:%s:%s", device->source, device->target, device->access);
}

static int emit_devices(const struct config_key *key, const void *base, json_t **ret)
{
        return config_emit_elements(key, base, sizeof(struct machine_device), device_json, ret);
}

const struct config_kind config_kind_devices = {
        .shape = CONFIG_SHAPE_STRINGS,
        .accepted = "devices below /dev: [ \"/dev/fuse\", \"/dev/kvm:rw\", "
                    "\"/dev/ttyUSB0:/dev/ttyS0:rw\" ]",
        .pattern = "^/dev/[^:]+(:/dev/[^:]+)?(:[rwm]{1,3})?$",
        .parse = parse_devices,
        .emit = emit_devices,
};
