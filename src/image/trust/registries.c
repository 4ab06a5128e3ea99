/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/registries.h"

#include <fcntl.h>
#include <strings.h>

#include <yaml.h>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/rights/places.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "image/trust/scope.h"

#define REGISTRIES_DIRECTORY "/etc/containers/registries.d"
#define LOOKASIDE_DEFAULT    "/var/lib/containers/sigstore"
#define FILE_SIZE_MAX        (1U << 20)

void registries_entry_clear(struct registries_entry *entry)
{
        free(entry->lookaside);
        entry->lookaside = NULL;
}

/* ---- YAML ---- */

struct document {
        yaml_document_t yaml;
        const char *what;
};

static const char *scalar(const yaml_node_t *node)
{
        return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                      : NULL;
}

static int wrong(const struct document *document, const yaml_node_t *node, const char *text,
                 struct machine_error *error)
{
        return error_say(error, EINVAL, "%s:%zu: %s", document->what, node->start_mark.line + 1,
                         text);
}

/* The words of YAML 1.1. */
static int parse_boolean(const char *text, bool *ret)
{
        static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

        for (size_t i = 0; text && i < ELEMENTS_OF(words); i++) {
                if (strcasecmp(text, words[i]) == 0) {
                        *ret = i % 2;
                        return 0;
                }
        }
        return -EINVAL;
}

static int read_member(const struct document *document, const char *key, yaml_node_t *value,
                       json_t *entry, struct machine_error *error)
{
        /* "sigstore" is the former name of "lookaside". The staging stores are for signing. */
        static const char *const texts[] = { "lookaside", "sigstore", "lookaside-staging",
                                             "sigstore-staging", NULL };
        const char *text = scalar(value);
        bool attachments;
        int r = 0;

        if (strv_contains((char *const *)texts, key)) {
                r = text ? json_set_string(entry, key, text)
                         : wrong(document, value, "expected a URL", error);
        } else if (strcmp(key, "use-sigstore-attachments") == 0) {
                r = parse_boolean(text, &attachments) < 0
                            ? wrong(document, value, "expected true or false", error)
                            : json_set_boolean(entry, key, attachments);
        }
        return r == -ENOMEM ? error_oom(error) : r;
}

typedef int (*take_pair)(struct document *document, const char *key, yaml_node_t *value,
                         json_t *into, struct machine_error *error);

/* Calls a function with each pair of a mapping. */
static int each_pair(struct document *document, yaml_node_t *node, take_pair take, json_t *into,
                     struct machine_error *error)
{
        if (scalar(node) && (*scalar(node) == '\0' || strcmp(scalar(node), "null") == 0)) {
                return 0;
        }
        if (node->type != YAML_MAPPING_NODE) {
                return wrong(document, node, "expected a mapping", error);
        }
        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++) {
                yaml_node_t *key = yaml_document_get_node(&document->yaml, pair->key);
                yaml_node_t *value = yaml_document_get_node(&document->yaml, pair->value);
                int r = !key || !value || !scalar(key)
                                ? wrong(document, node, "a key is not a string", error)
                                : take(document, scalar(key), value, into, error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int take_member(struct document *document, const char *key, yaml_node_t *value, json_t *into,
                       struct machine_error *error)
{
        return json_object_get(into, key) ? wrong(document, value, "the key is given twice", error)
                                          : read_member(document, key, value, into, error);
}

static int take_scope(struct document *document, const char *key, yaml_node_t *value, json_t *into,
                      struct machine_error *error)
{
        json_t *entry;

        if (json_object_get(into, key)) {
                return error_say(error, EINVAL, "%s:%zu: \"%s\" is defined twice", document->what,
                                 value->start_mark.line + 1, *key ? key : "default-docker");
        }
        entry = json_object();
        if (json_object_set_new(into, key, entry) < 0) {
                return error_oom(error);
        }
        return each_pair(document, value, take_member, entry, error);
}

static int take_top(struct document *document, const char *key, yaml_node_t *value, json_t *into,
                    struct machine_error *error)
{
        if (strcmp(key, "default-docker") == 0) {
                return take_scope(document, "", value, into, error);
        }
        return strcmp(key, "docker") == 0 ? each_pair(document, value, take_scope, into, error) : 0;
}

int registries_parse(const char *text, size_t length, const char *what, json_t *scopes,
                     struct machine_error *error)
{
        struct document document = { .what = what };
        yaml_parser_t parser;
        yaml_node_t *root;
        int r = 0;

        if (!yaml_parser_initialize(&parser)) {
                return error_oom(error);
        }
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        if (yaml_parser_load(&parser, &document.yaml)) {
                root = yaml_document_get_root_node(&document.yaml);
                r = root ? each_pair(&document, root, take_top, scopes, error) : 0;
                yaml_document_delete(&document.yaml);
        } else {
                r = error_say(error, EINVAL, "%s:%zu: %s", what, parser.problem_mark.line + 1,
                              parser.problem ? parser.problem : "not valid YAML");
        }
        yaml_parser_delete(&parser);
        return r;
}

/* ---- The directory ---- */

static int read_file(const char *directory, const char *name, json_t *scopes,
                     struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(directory, name), *text = NULL;
        size_t length;
        int r = path ? trust_read(path, 0, "the configuration of signatures", FILE_SIZE_MAX, &text,
                                  &length, error)
                     : error_oom(error);

        return r < 0 ? r : registries_parse(text, length, path, scopes, error);
}

static int read_directory(json_t *scopes, struct machine_error *error)
{
        _cleanup_free_ char *own = NULL;
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        const char *path;
        int r = places_home(".config/containers/registries.d", &own, error);

        if (r < 0) {
                return r;
        }
        path = access(own, F_OK) == 0 ? own : REGISTRIES_DIRECTORY;
        r = directory_open_at(AT_FDCWD, path, &directory);
        if (r < 0) {
                return r == -ENOENT ? 0 : error_set(error, r, "cannot read %s", path);
        }
        while (r == 0 && (found = directory_next(directory))) {
                if (string_ends_with(found->d_name, ".yaml")) {
                        r = read_file(path, found->d_name, scopes, error);
                }
        }
        return r;
}

/* ---- The choice ---- */

/* The first of the image's scopes that has one of the keys. */
static const json_t *find(const json_t *scopes, char *const *names, const char *const *keys)
{
        STRV_FOREACH(name, names) {
                const json_t *entry = json_object_get(scopes, *name);

                for (size_t i = 0; keys[i]; i++) {
                        const json_t *value = json_object_get(entry, keys[i]);

                        if (value && !string_equal(json_string_value(value), "")) {
                                return value;
                        }
                }
        }
        return NULL;
}

static int default_lookaside(char **ret, struct machine_error *error)
{
        _cleanup_free_ char *own = NULL;
        int r = caller_is_root() ? 0 : places_home(".local/share/containers/sigstore", &own, error);

        if (r < 0) {
                return r;
        }
        *ret = string_format("file://%s", own ? own : LOOKASIDE_DEFAULT);
        return *ret ? 0 : error_oom(error);
}

int registries_find(const struct trust_subject *subject, struct registries_entry *ret,
                    struct machine_error *error)
{
        static const char *const lookaside[] = { "lookaside", "sigstore", NULL };
        static const char *const attachments[] = { "use-sigstore-attachments", NULL };
        _cleanup_json_ json_t *scopes = json_object();
        _cleanup_strv_ char **names = NULL;
        const json_t *url;
        int r = scope_list(subject, &names);

        if (r < 0 || !scopes || strv_append(&names, "") < 0) {
                return error_oom(error);
        }
        r = read_directory(scopes, error);
        if (r < 0) {
                return r;
        }
        ret->attachments = json_is_true(find(scopes, names, attachments));
        url = find(scopes, names, lookaside);
        if (!url) {
                return default_lookaside(&ret->lookaside, error);
        }
        ret->lookaside = strdup(json_string_value(url));
        return ret->lookaside ? 0 : error_oom(error);
}
