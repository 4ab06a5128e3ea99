/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "config/kinds/kind.h"

const char *config_settings_name(const struct config_options *options)
{
        const char *name = NULL;

        for (size_t i = 0; options && i < options->setting_count; i++) {
                if (strcmp(options->settings[i].option, "name") == 0) {
                        name = options->settings[i].value;
                }
        }
        return name;
}

static const struct config_key *key_of_option(const char *option)
{
        const struct config_table *table = &config_machine_table;

        for (size_t i = 0; i < table->count; i++) {
                if (string_equal(table->keys[i].option, option)) {
                        return &table->keys[i];
                }
        }
        return NULL;
}

/* ---- From the text of a value to a node ---- */

/* Whether a value is written as in a file: a quoted string, group, list or array. */
static bool is_written_out(const char *text)
{
        return text[0] && strchr("\"{([", text[0]);
}

/* A value is read from a text of its own with the same offsets; its places refer to the setting. */
static void move_places(struct config_node *node, const struct config_source *source)
{
        if (node->key.source) {
                node->key.source = source;
        }
        node->value.source = source;
        for (size_t i = 0; i < node->child_count; i++) {
                move_places(node->children[i], source);
        }
}

/* Reads a value in the syntax of a file. *ret is NULL if that was a finding. */
static int read_written_out(struct config_loader *loader, const struct config_source *setting,
                            struct config_node **ret, struct machine_error *error)
{
        struct config_source *source = config_source_new(setting->name, setting->text);
        _cleanup_config_node_ struct config_node *root = NULL;
        int r;

        if (!source) {
                return error_oom(error);
        }
        /* A full name is not a valid key for libconfig; this one is, and has the same length. */
        for (char *s = source->text; *s != '='; s++) {
                if (*s == '.') {
                        *s = '_';
                }
        }
        r = config_loader_read(loader, source, &root, error);
        if (r < 0) {
                return r;
        }
        *ret = NULL;
        if (root->child_count > 1) {
                return config_report(loader->diagnostics, DIAGNOSTIC_ERROR, &root->children[1]->key,
                                     strdup("more than one setting"),
                                     strdup("give --set for each"));
        }
        if (root->child_count == 1) {
                *ret = TAKE_PTR(root->children[0]);
                move_places(*ret, setting);
        }
        return 0;
}

static struct config_place place_at(const struct config_source *source, size_t offset,
                                    size_t length)
{
        return (struct config_place){
                .source = source,
                .line = 1,
                .offset = (uint32_t)offset,
                .length = (uint32_t)length,
        };
}

static struct config_node *scalar_node(enum config_node_type type,
                                       const struct config_source *source, size_t at,
                                       const char *text, size_t length)
{
        struct config_node *node = config_node_new(type);

        if (!node) {
                return NULL;
        }
        node->value = place_at(source, at, length);
        node->string = strndup(text, length);
        if (!node->string) {
                config_node_free(node);
                return NULL;
        }
        return node;
}

/* Text without quotes, converted as the key's kind needs it. */
static struct config_node *bare_node(const struct config_key *key,
                                     const struct config_source *source, size_t at)
{
        const char *text = source->text + at;
        unsigned int shape = key->kind->shape;
        size_t length = strlen(text);
        struct config_node *node = scalar_node(CONFIG_NODE_STRING, source, at, text, length);
        char *end;
        long long number;

        if (!node) {
                return NULL;
        }
        if ((shape & CONFIG_SHAPE_BOOLEAN) && (!strcmp(text, "true") || !strcmp(text, "false"))) {
                node->type = CONFIG_NODE_BOOLEAN;
                node->boolean = text[0] == 't';
                return node;
        }
        errno = 0;
        number = strtoll(text, &end, 10);
        if ((shape & CONFIG_SHAPE_INTEGER) && length > 0 && !*end && errno == 0 &&
            !(shape & CONFIG_SHAPE_STRING)) {
                node->type = CONFIG_NODE_INTEGER;
                node->integer = number;
                return node;
        }
        return node;
}

static struct config_node *list_of(struct config_node *element)
{
        struct config_node *list = element ? config_node_new(CONFIG_NODE_LIST) : NULL;

        if (!list) {
                config_node_free(element);
                return NULL;
        }
        list->value = element->value;
        if (config_node_add(list, element) < 0) {
                config_node_free(list);
                return NULL;
        }
        return list;
}

/* ---- --mount ---- */

static int add_member(struct config_node *group, const char *name, struct config_node *value)
{
        if (!value) {
                return -ENOMEM;
        }
        value->key = value->value;
        value->name = strdup(name);
        if (!value->name) {
                config_node_free(value);
                return -ENOMEM;
        }
        return config_node_add(group, value);
}

static int add_boolean(struct config_node *group, const char *name, bool value,
                       const struct config_source *source, size_t at, size_t length)
{
        struct config_node *node =
                scalar_node(CONFIG_NODE_BOOLEAN, source, at, source->text + at, length);

        if (node) {
                node->boolean = value;
        }
        return add_member(group, name, node);
}

/* OPTION,..: "ro" and "rw" set `read_only`, the others go into `options`. */
static int add_plain_options(struct config_node *group, const struct config_source *source,
                             size_t at)
{
        const char *text = source->text;
        struct config_node *list = NULL, *option;
        size_t length;
        int r = 0;

        for (; r == 0; at += length + 1) {
                length = strcspn(text + at, ",");
                if (length == 2 && text[at] == 'r' &&
                    (text[at + 1] == 'o' || text[at + 1] == 'w')) {
                        r = config_node_find(group, "read_only")
                                    ? -EINVAL
                                    : add_boolean(group, "read_only", text[at + 1] == 'o', source,
                                                  at, 2);
                } else if (!list) {
                        list = list_of(
                                scalar_node(CONFIG_NODE_STRING, source, at, text + at, length));
                        r = list ? 0 : -ENOMEM;
                } else {
                        option = scalar_node(CONFIG_NODE_STRING, source, at, text + at, length);
                        r = option ? config_node_add(list, option) : -ENOMEM;
                }
                if (!text[at + length]) {
                        break;
                }
        }
        if (r < 0) {
                config_node_free(list);
                return r;
        }
        return list ? add_member(group, "options", list) : 0;
}

/* SOURCE:TARGET[:OPTION,..] */
static int add_plain_mount(struct config_node *group, const struct config_source *source)
{
        const char *text = source->text;
        size_t first = strcspn(text, ":");
        size_t second = text[first] ? strcspn(text + first + 1, ":") : 0;
        size_t rest = first + 1 + second;
        int r = add_member(group, "source",
                           scalar_node(CONFIG_NODE_STRING, source, 0, text, first));

        if (r < 0 || !text[first]) {
                return r;
        }
        r = add_member(
                group, "target",
                scalar_node(CONFIG_NODE_STRING, source, first + 1, text + first + 1, second));
        if (r < 0 || !text[rest]) {
                return r;
        }
        return text[rest + 1] && !strchr(text + rest + 1, ':')
                       ? add_plain_options(group, source, rest + 1)
                       : -EINVAL;
}

/* The names of Podman's and Docker's --mount with the keys of `mounts`. */
static const struct {
        const char *name;
        const char *key;
} mount_names[] = {
        { "src", "source" },   { "dst", "target" },         { "destination", "target" },
        { "ro", "read_only" }, { "readonly", "read_only" },
};

static char *mount_key(const char *name, size_t length)
{
        for (size_t i = 0; i < ELEMENTS_OF(mount_names); i++) {
                if (strlen(mount_names[i].name) == length &&
                    memcmp(mount_names[i].name, name, length) == 0) {
                        return strdup(mount_names[i].key);
                }
        }
        return strndup(name, length);
}

/* type=tmpfs,target=/tmp,size=64M: the keys of an element of `mounts`. */
static int add_listed_mount(struct config_node *group, const struct config_source *source)
{
        const char *text = source->text;
        size_t at = 0;

        for (;;) {
                size_t length = strcspn(text + at, ",");
                size_t equals = strcspn(text + at, "=,");
                _cleanup_free_ char *name = mount_key(text + at, equals);
                const char *value = text + at + equals + (equals < length);
                size_t value_length = equals < length ? length - equals - 1 : 0;
                size_t value_at = (size_t)(value - text);
                bool is_true = value_length == 4 && memcmp(value, "true", 4) == 0;
                int r;

                if (!name) {
                        return -ENOMEM;
                }
                if (equals == length || is_true ||
                    (value_length == 5 && memcmp(value, "false", 5) == 0)) {
                        r = add_boolean(group, name, equals == length || is_true, source, at,
                                        length);
                } else if (strcmp(name, "options") == 0) {
                        r = add_member(group, name,
                                       list_of(scalar_node(CONFIG_NODE_STRING, source, value_at,
                                                           value, value_length)));
                } else {
                        r = add_member(group, name,
                                       scalar_node(CONFIG_NODE_STRING, source, value_at, value,
                                                   value_length));
                }
                at += length;
                if (r < 0 || !text[at]) {
                        return r;
                }
                at++;
        }
}

static int mount_node(struct config_loader *loader, const struct config_source *source,
                      struct config_node **ret)
{
        _cleanup_config_node_ struct config_node *group = config_node_new(CONFIG_NODE_GROUP);
        size_t word = strcspn(source->text, "=,:/.");
        int r;

        if (!group) {
                return -ENOMEM;
        }
        group->value = place_at(source, 0, source->length);
        r = source->text[word] == '=' ? add_listed_mount(group, source)
                                      : add_plain_mount(group, source);
        if (r == -EINVAL) {
                *ret = NULL;
                return config_report(loader->diagnostics, DIAGNOSTIC_ERROR, &group->value,
                                     strdup("not a mount"),
                                     strdup("expected SOURCE:TARGET[:ro,OPTION..], or "
                                            "type=tmpfs,target=/tmp,size=64M"));
        }
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(group);
        return 0;
}

/* ---- Applying ---- */

/* Wraps a value in the groups of its full name and merges it. Takes the node, even on failure. */
static int merge_value(struct config_node *root, const char *name, const struct config_place *key,
                       struct config_node *node)
{
        struct config_node *holder;

        for (const char *at = name + strlen(name);;) {
                const char *start = at;

                while (start > name && start[-1] != '.') {
                        start--;
                }
                node->key = *key;
                free(node->name);
                node->name = strndup(start, (size_t)(at - start));
                holder = node->name ? config_node_new(CONFIG_NODE_GROUP) : NULL;
                if (!holder) {
                        config_node_free(node);
                        return -ENOMEM;
                }
                holder->value = *key;
                if (config_node_add(holder, node) < 0) {
                        config_node_free(holder);
                        return -ENOMEM;
                }
                if (start == name) {
                        return config_node_merge(root, holder);
                }
                node = holder;
                at = start - 1;
        }
}

static int refuse_key(struct config_loader *loader, const struct config_source *source,
                      const char *name)
{
        struct config_place place = place_at(source, 0, strlen(name) ? strlen(name) : 1);
        struct suggestion best = SUGGESTION_INIT;

        for (size_t i = 0; i < config_machine_table.count; i++) {
                const char *candidate = config_machine_table.keys[i].name;
                const char *point = strrchr(candidate, '.');

                if (point && strcmp(point + 1, name) == 0) {
                        best.word = candidate;
                        break;
                }
                suggest(&best, name, candidate);
        }
        return config_report(loader->diagnostics, DIAGNOSTIC_ERROR, &place,
                             string_format("unknown key \"%s\"", name),
                             best.word ? string_format("did you mean \"%s\"?", best.word) : NULL);
}

static int apply_set(struct config_loader *loader, struct config_source *source,
                     struct config_node *root, struct machine_error *error)
{
        size_t length = strcspn(source->text, "=");
        _cleanup_free_ char *name = strndup(source->text, length);
        struct config_place place = place_at(source, 0, length);
        const struct config_key *key;
        struct config_node *node = NULL;
        int r = 0;

        if (!name) {
                return error_oom(error);
        }
        if (!source->text[length]) {
                error_say(error, EINVAL, "\"%s\" is not a setting", source->text);
                error_hint(error, "use --set KEY=VALUE, for example --set limits.tasks=100");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        key = config_key_find(&config_machine_table, name);
        if (!key && strncmp(name, "x-", 2) != 0) {
                return refuse_key(loader, source, name);
        }
        if (!key) {
                return 0;
        }
        if (is_written_out(source->text + length + 1)) {
                r = read_written_out(loader, source, &node, error);
                if (r < 0 || !node) {
                        return r;
                }
        } else {
                node = bare_node(key, source, length + 1);
                if (node && (key->kind->shape & CONFIG_SHAPE_STRINGS)) {
                        node = list_of(node);
                }
                if (!node) {
                        return error_oom(error);
                }
        }
        return merge_value(root, key->name, &place, node);
}

/* "NAME" alone takes the value from the caller's environment. */
static int complete_variable(struct config_source *source, struct machine_error *error)
{
        const char *value = strchr(source->text, '=') ? NULL : getenv(source->text);
        char *text;

        if (strchr(source->text, '=')) {
                return 0;
        }
        if (!value) {
                error_say(error, EINVAL, "variable %s is not set in the environment", source->text);
                error_hint(error, "use --env %s=VALUE", source->text);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        text = string_format("%s=%s", source->text, value);
        if (!text) {
                return error_oom(error);
        }
        free(source->text);
        source->text = text;
        source->length = strlen(text);
        return 0;
}

static int apply_shorthand(struct config_loader *loader, const struct config_key *key,
                           struct config_source *source, struct config_node *root,
                           struct machine_error *error)
{
        struct config_place place = place_at(source, 0, source->length ? source->length : 1);
        bool several = key->kind->shape & (CONFIG_SHAPE_STRINGS | CONFIG_SHAPE_GROUPS);
        struct config_node *node = NULL;
        int r = 0;

        if (key->kind == &config_kind_environment) {
                r = complete_variable(source, error);
        }
        if (r < 0) {
                return r;
        }
        if (key->kind == &config_kind_mounts) {
                r = mount_node(loader, source, &node);
                if (r < 0 || !node) {
                        return r < 0 ? error_oom(error) : 0;
                }
        } else {
                node = bare_node(key, source, 0);
        }
        if (node && several) {
                node = list_of(node);
        }
        if (!node) {
                return error_oom(error);
        }
        node->append = several;
        return merge_value(root, key->name, &place, node);
}

/* Refuses what a definition could not contain either. */
static int check_text(const struct config_setting *setting, struct machine_error *error)
{
        for (const char *s = setting->value; *s;) {
                size_t length = string_utf8_length(s);

                if (length == 0) {
                        error_say(error, EINVAL, "the value of --%s is not UTF-8 text",
                                  setting->option);
                        return error_kind(error, MACHINE_ERROR_USAGE);
                }
                s += length;
        }
        return 0;
}

/* Makes a source from a setting; the loader keeps it. NULL when memory is short. */
static struct config_source *keep_source(struct config_loader *loader,
                                         const struct config_setting *setting)
{
        _cleanup_free_ char *name = string_format("--%s", setting->option);
        struct config_source *source = name ? config_source_new(name, setting->value) : NULL;

        return config_loader_keep(loader, source) < 0 ? NULL : source;
}

static int apply(struct config_loader *loader, const struct config_setting *setting,
                 struct config_node *root, struct machine_error *error)
{
        const struct config_key *key = key_of_option(setting->option);
        struct config_source *source;
        int r = check_text(setting, error);

        if (r < 0 || strcmp(setting->option, "name") == 0) {
                return r;
        }
        source = keep_source(loader, setting);
        if (!source) {
                return error_oom(error);
        }
        if (strcmp(setting->option, "set") == 0) {
                return apply_set(loader, source, root, error);
        }
        if (!key) {
                error_say(error, EINVAL, "--%s is not a setting of a machine", setting->option);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return apply_shorthand(loader, key, source, root, error);
}

int config_settings_apply(struct config_loader *loader, const struct config_options *options,
                          struct config_node *root, struct machine_error *error)
{
        for (size_t i = 0; options && i < options->setting_count; i++) {
                int r = apply(loader, &options->settings[i], root, error);

                if (r < 0) {
                        return r == -ENOMEM ? error_oom(error) : r;
                }
        }
        return 0;
}
