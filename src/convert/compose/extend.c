/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/compose/compose.h"
#include "convert/model/values.h"

/* `extends`: what a service takes from another one, also of another file. */

#define DEPTH_MAXIMUM 16

struct extension {
        struct compose *compose;
        const struct node *services;
        const char *directory;
        const char *file;
        unsigned int depth;
        size_t nodes;
};

static int resolve(const struct extension *from, const struct node *service, struct node **ret,
                   struct machine_error *error);

/* ---- Merging ---- */

/* Lists that a service replaces rather than adds to. */
static bool is_replaced(const char *key)
{
        static const char *const keys[] = { "command", "entrypoint", "test" };

        for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
                if (strcmp(keys[i], key) == 0) {
                        return true;
                }
        }
        return false;
}

static int merge(struct node *into, const struct node *from, size_t *nodes);

static int merge_member(struct node *into, const struct node *member, size_t *nodes)
{
        struct node *place = node_find(into, member->key);

        if (!place) {
                return node_add(into, node_copy(member, nodes));
        }
        if (place->type == member->type && place->type == NODE_MAP) {
                return merge(place, member, nodes);
        }
        if (place->type == member->type && place->type == NODE_LIST && !is_replaced(member->key)) {
                return merge(place, member, nodes);
        }
        for (size_t i = 0; i < into->count; i++) {
                if (into->children[i] == place) {
                        struct node *copy = node_copy(member, nodes);

                        if (!copy) {
                                return -ENOMEM;
                        }
                        node_free(place);
                        into->children[i] = copy;
                }
        }
        return 0;
}

static int merge(struct node *into, const struct node *from, size_t *nodes)
{
        int r = 0;

        for (size_t i = 0; i < from->count && r == 0; i++) {
                r = into->type == NODE_LIST ? node_add(into, node_copy(from->children[i], nodes))
                                            : merge_member(into, from->children[i], nodes);
        }
        return r;
}

/* ---- Paths ---- */

static int make_absolute(struct node *node, const char *directory)
{
        char *path;

        if (!node || node->type != NODE_SCALAR || !node->text || node->text[0] != '.') {
                return 0;
        }
        path = value_host_path(directory, node->text);
        if (!path) {
                return -ENOMEM;
        }
        free(node->text);
        node->text = path;
        return 0;
}

/* Paths of another file are relative to that file. */
static int make_paths_absolute(const struct node *service, const char *directory)
{
        static const char *const keys[] = { "volumes", "env_file" };
        int r = make_absolute(node_find(service, "env_file"), directory);

        for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
                const struct node *list = node_find(service, keys[i]);

                for (size_t j = 0; list && j < list->count && r == 0; j++) {
                        struct node *element = list->children[j];

                        r = make_absolute(element, directory);
                        r = r < 0 ? r : make_absolute(node_find(element, "source"), directory);
                        r = r < 0 ? r : make_absolute(node_find(element, "path"), directory);
                }
        }
        return r;
}

/* ---- Resolving ---- */

static int refuse(const struct extension *from, const struct node *node, const char *name,
                  const char *problem, struct machine_error *error)
{
        error_say(error, EINVAL, "%s:%u: extends \"%s\": %s", from->file, node->line, name,
                  problem);
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

static int resolve_in_file(const struct extension *from, const struct node *extends,
                           const char *name, const char *file, struct node **ret,
                           struct machine_error *error)
{
        _cleanup_free_ char *path = value_host_path(from->directory, file), *text = NULL;
        _cleanup_free_ char *directory = NULL;
        _cleanup_node_ struct node *root = NULL;
        struct extension other = { .compose = from->compose,
                                   .file = file,
                                   .depth = from->depth + 1 };
        const struct node *base;
        size_t length;
        int r = path ? document_read(path, &text, &length, error) : error_oom(error);

        r = r < 0 ? r : document_parse_yaml(file, text, length, &root, error);
        if (r < 0) {
                return r;
        }
        if (compose_interpolate(from->compose, root) < 0 ||
            !(directory = strndup(path, (size_t)(strrchr(path, '/') - path)))) {
                return error_oom(error);
        }
        other.directory = directory;
        other.services = node_find(root, "services");
        base = node_find(other.services, name);
        if (!base) {
                return refuse(from, extends, name, "there is no such service in that file", error);
        }
        r = resolve(&other, base, ret, error);
        if (r == 0 && make_paths_absolute(*ret, directory) < 0) {
                node_free(TAKE_PTR(*ret));
                return error_oom(error);
        }
        return r;
}

static int resolve_base(const struct extension *from, const struct node *extends, struct node **ret,
                        struct machine_error *error)
{
        const char *name =
                extends->type == NODE_SCALAR ? extends->text : node_text(extends, "service");
        const char *file = node_text(extends, "file");
        struct extension next = *from;
        const struct node *base = node_find(from->services, name ? name : "");

        if (!name || from->depth > DEPTH_MAXIMUM) {
                return refuse(from, extends, name ? name : "",
                              name ? "services extend each other" : "the service is missing",
                              error);
        }
        if (file) {
                return resolve_in_file(from, extends, name, file, ret, error);
        }
        if (!base) {
                return refuse(from, extends, name, "there is no such service", error);
        }
        next.depth++;
        return resolve(&next, base, ret, error);
}

/* A copy of a service with all that it extends. */
static int resolve(const struct extension *from, const struct node *service, struct node **ret,
                   struct machine_error *error)
{
        const struct node *extends = node_find(service, "extends");
        _cleanup_node_ struct node *base = NULL;
        size_t nodes = 0;
        int r;

        if (!extends || service->type != NODE_MAP) {
                *ret = node_copy(service, &nodes);
                return *ret ? 0 : error_oom(error);
        }
        r = resolve_base(from, extends, &base, error);
        if (r < 0) {
                return r;
        }
        if (merge(base, service, &nodes) < 0 || string_replace(&base->key, service->key) < 0) {
                return error_say(error, E2BIG, "%s is too large, with what it extends", from->file);
        }
        base->line = service->line;
        *ret = TAKE_PTR(base);
        return 0;
}

int compose_extend(struct compose *compose, struct machine_error *error)
{
        struct node *services = node_find(compose->root, "services");
        const struct extension from = { .compose = compose,
                                        .services = services,
                                        .directory = compose->source->directory,
                                        .file = compose->file };
        _cleanup_node_ struct node *resolved = node_new(NODE_MAP, 0);
        int r = resolved ? 0 : error_oom(error);

        for (size_t i = 0; services && i < services->count && r == 0; i++) {
                struct node *service = NULL;

                r = resolve(&from, services->children[i], &service, error);
                r = r < 0 ? r : node_add(resolved, service) < 0 ? error_oom(error) : 0;
        }
        if (r == 0 && services) {
                /* The originals go with the map that is freed. */
                struct node swapped = *services;

                services->children = resolved->children;
                services->count = resolved->count;
                resolved->children = swapped.children;
                resolved->count = swapped.count;
        }
        return r;
}
