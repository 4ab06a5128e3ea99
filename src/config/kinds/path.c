/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <machine/machine.h>

#include "base/disk/verity.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/read/name.h"

static int refuse_long(const struct config_value *value, const struct config_node *node)
{
        return config_value_refuse(value, node,
                                   string_format("the path in \"%s\" is too long", value->name),
                                   string_format("paths are shorter than %d bytes", PATH_MAX));
}

char *config_host_path(const struct config_node *node, const char *text)
{
        char *path = path_join(node->value.source->directory, text);

        if (path) {
                config_tidy_path(path);
        }
        return path;
}

static int check_host_path(const struct config_value *value, const struct config_node *node,
                           const char *text, char **ret)
{
        char *path = NULL;

        if (!text[0]) {
                return config_value_refuse(value, node, strdup("an empty path"), NULL);
        }
        path = config_host_path(node, text);
        if (!path) {
                return -ENOMEM;
        }
        if (strlen(path) >= PATH_MAX) {
                free(path);
                return refuse_long(value, node);
        }
        *ret = path;
        return 0;
}

CONFIG_TEXT_KIND(config_kind_host_path, check_host_path, "^.+$", "a path on the host");
CONFIG_TEXTS_KIND(config_kind_host_paths, check_host_path, "^.+$", "paths on the host: [ \"..\" ]");

static int check_inside_path(const struct config_value *value, const struct config_node *node,
                             const char *text, char **ret)
{
        int r;

        if (strlen(text) >= PATH_MAX) {
                return refuse_long(value, node);
        }
        r = path_normalize(text, ret);
        if (r == -EINVAL) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return r;
}

CONFIG_TEXT_KIND(config_kind_inside_path, check_inside_path, "^/.*$",
                 "an absolute path in the machine, without \"..\"");
CONFIG_TEXTS_KIND(config_kind_inside_paths, check_inside_path, "^/.*$",
                  "absolute paths in the machine, without \"..\"");

/* The longest list of directories that one overlay can have. */
#define SOURCE_MAXIMUM (4 * PATH_MAX)

static int check_volume_name(const struct config_value *value, const struct config_node *node,
                             const char *text, char **ret)
{
        if (!config_name_is_valid(text)) {
                return config_value_refuse(
                        value, node, string_format("invalid volume name \"%.80s\"", text),
                        strdup(strchr(text, '/') ? "a directory of the host is a mount of type "
                                                   "\"bind\""
                                                 : CONFIG_NAME_RULE));
        }
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* Checks the source of a mount. The directories of an overlay are made absolute one by one. */
static int check_mount_source(const struct config_value *value, const struct config_node *node,
                              const char *text, char **ret)
{
        _cleanup_strv_ char **parts = NULL, **paths = NULL;
        const struct machine_mount *mount = value->base;
        int r;

        if (mount->type == MACHINE_MOUNT_VOLUME) {
                return check_volume_name(value, node, text, ret);
        }
        if (mount->type != MACHINE_MOUNT_OVERLAY) {
                return check_host_path(value, node, text, ret);
        }
        if (strlen(text) > SOURCE_MAXIMUM) {
                return refuse_long(value, node);
        }
        r = strv_split(text, ':', &parts);
        if (r < 0) {
                return r;
        }
        STRV_FOREACH(part, parts) {
                char *path = NULL;

                r = check_host_path(value, node, *part, &path);
                r = r < 0 ? r : strv_take(&paths, path);
                if (r < 0) {
                        return r;
                }
        }
        *ret = strv_join(paths, ":");
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXT_KIND(config_kind_mount_source, check_mount_source, "^.+$",
                 "a path on the host; for an overlay several, \"TOP:..:BOTTOM\"; for a volume its "
                 "name");

static int check_block_device(const struct config_value *value, const struct config_node *node,
                              const char *text, char **ret)
{
        size_t major = strspn(text, "0123456789");
        size_t minor = text[major] == ':' ? strspn(text + major + 1, "0123456789") : 0;

        if (major > 0 && major < 5 && minor > 0 && minor < 8 && !text[major + 1 + minor]) {
                *ret = strdup(text);
                return *ret ? 0 : -ENOMEM;
        }
        if (text[0] != '/') {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return check_host_path(value, node, text, ret);
}

CONFIG_TEXT_KIND(config_kind_block_device, check_block_device, "^(/.+|[0-9]+:[0-9]+)$",
                 "a block device: its path or \"MAJOR:MINOR\"");

static int check_root_hash(const struct config_value *value, const struct config_node *node,
                           const char *text, char **ret)
{
        if (!disk_is_root_hash(text)) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        *ret = strdup(text);
        for (char *digit = *ret; digit && *digit; digit++) {
                *digit = (char)tolower((unsigned char)*digit);
        }
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXT_KIND(config_kind_root_hash, check_root_hash, "^([0-9a-fA-F]{2}){32,64}$",
                 "64 hexadecimal digits, as \"veritysetup format\" prints them");

/* ---- `upper`: a word or a directory ---- */

static const struct config_choice upper_words[] = {
        { "persistent", MACHINE_UPPER_PERSISTENT },
        { "volatile", MACHINE_UPPER_VOLATILE },
        { "none", MACHINE_UPPER_NONE },
        { NULL, 0 },
};

static int parse_upper(const struct config_value *value)
{
        enum machine_upper *place = CONFIG_PLACE(value->base, value->key->offset);
        char **directory = CONFIG_PLACE(value->base, value->key->offset_extra);
        const char *text = value->node->string;
        int r;

        for (const struct config_choice *word = upper_words; word->text; word++) {
                if (strcmp(text, word->text) == 0) {
                        *place = (enum machine_upper)word->value;
                        return 0;
                }
        }
        /* Any other word is more likely a typing error than a directory. */
        if (!strchr(text, '/')) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        r = check_host_path(value, value->node, text, directory);
        if (r == 0) {
                *place = MACHINE_UPPER_DIRECTORY;
        }
        return r;
}

static int emit_upper(const struct config_key *key, const void *base, json_t **ret)
{
        const enum machine_upper *place = CONFIG_PLACE_CONST(base, key->offset);
        char *const *directory = CONFIG_PLACE_CONST(base, key->offset_extra);

        *ret = NULL;
        if (*place == MACHINE_UPPER_DIRECTORY) {
                return config_emit_value(json_string(*directory), ret);
        }
        for (const struct config_choice *word = upper_words; word->text; word++) {
                if (word->value == (int)*place) {
                        return config_emit_value(json_string(word->text), ret);
                }
        }
        return 0;
}

const struct config_kind config_kind_upper = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "\"persistent\", \"volatile\", \"none\" or a directory such as \"/srv/web\"",
        .pattern = "^(persistent|volatile|none|.*/.*)$",
        .parse = parse_upper,
        .emit = emit_upper,
};

/* ---- `user_namespace` ---- */

/* (uid_t)-1 means "no change" to the kernel and is never an id. */
#define ID_MAXIMUM UINT64_C(4294967294)

static int read_id(const char **text, uint64_t *ret)
{
        uint64_t number = 0;
        const char *s = *text;

        for (; isdigit((unsigned char)*s) && number <= ID_MAXIMUM; s++) {
                number = number * 10 + (uint64_t)(*s - '0');
        }
        if (s == *text || number > ID_MAXIMUM || (**text == '0' && s > *text + 1)) {
                return -EINVAL;
        }
        *text = s;
        *ret = number;
        return 0;
}

static const struct {
        const char *name;
        enum machine_user_namespace value;
} user_namespaces[] = {
        { "auto", MACHINE_USER_NAMESPACE_AUTO },
        { "none", MACHINE_USER_NAMESPACE_NONE },
        { "self", MACHINE_USER_NAMESPACE_SELF },
};

static int parse_user_namespace(const struct config_value *value)
{
        struct machine_namespaces *place = CONFIG_PLACE(value->base, value->key->offset);
        const char *text = value->node->string;
        uint64_t first, count;

        for (size_t i = 0; i < ELEMENTS_OF(user_namespaces); i++) {
                if (strcmp(text, user_namespaces[i].name) == 0) {
                        place->user = user_namespaces[i].value;
                        return 0;
                }
        }
        if (read_id(&text, &first) < 0 || *text++ != ':' || read_id(&text, &count) < 0 || *text) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        if (count == 0 || first + count - 1 > ID_MAXIMUM) {
                return config_value_refuse(
                        value, value->node,
                        string_format("the range \"%s\" %s", value->node->string,
                                      count ? "goes beyond the last id, 4294967294" : "is empty"),
                        NULL);
        }
        place->user = MACHINE_USER_NAMESPACE_RANGE;
        place->user_base = (uint32_t)first;
        place->user_count = (uint32_t)count;
        return 0;
}

static int emit_user_namespace(const struct config_key *key, const void *base, json_t **ret)
{
        const struct machine_namespaces *place = CONFIG_PLACE_CONST(base, key->offset);

        if (place->user == MACHINE_USER_NAMESPACE_RANGE) {
                return config_emit_value(json_sprintf("%u:%u", place->user_base, place->user_count),
                                         ret);
        }
        for (size_t i = 0; i < ELEMENTS_OF(user_namespaces); i++) {
                if (place->user == user_namespaces[i].value) {
                        return config_emit_value(json_string(user_namespaces[i].name), ret);
                }
        }
        return -EINVAL;
}

const struct config_kind config_kind_user_namespace = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "\"auto\", \"self\", \"none\" or \"BASE:COUNT\" such as \"1000000:65536\"",
        .pattern = "^(auto|self|none|[0-9]+:[0-9]+)$",
        .parse = parse_user_namespace,
        .emit = emit_user_namespace,
};
