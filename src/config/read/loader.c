/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/loader.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "config/read/append.h"
#include "config/read/loader_internal.h"
#include "config/read/scanner.h"

void config_loader_clear(struct config_loader *loader)
{
        for (size_t i = 0; i < loader->source_count; i++) {
                config_source_free(loader->sources[i]);
        }
        free(loader->sources);
        loader->sources = NULL;
        loader->source_count = 0;
}

/* Walks libconfig's tree and the scanner's marks, which are in the same order. */
struct walk {
        struct config_loader *loader;
        const struct config_scan *scan;
        size_t next;
        struct machine_error *error;
};

/* The scanner and libconfig read the same grammar; if a version of libconfig differs, this is an
 * error instead of a wrong place. */
static int out_of_step(struct walk *walk)
{
        const struct config_mark *mark = &walk->scan->marks[walk->next ? walk->next - 1 : 0];

        error_say(walk->error, EBADMSG, "%s:%u: libconfig reads this text differently",
                  mark->place.source->name, mark->place.line);
        return -EBADMSG;
}

static const struct config_mark *take_mark(struct walk *walk, enum config_mark_kind kind)
{
        if (walk->next >= walk->scan->count || walk->scan->marks[walk->next].kind != kind) {
                return NULL;
        }
        return &walk->scan->marks[walk->next++];
}

static int build(struct walk *walk, config_setting_t *setting, struct config_node **ret);

static int take_includes(struct walk *walk, struct config_node *group)
{
        const struct config_mark *mark;

        while ((mark = take_mark(walk, CONFIG_MARK_INCLUDE))) {
                int r = config_include(walk->loader, &mark->place, group, walk->error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int build_member(struct walk *walk, config_setting_t *setting, struct config_node *group)
{
        const struct config_mark *key = take_mark(walk, CONFIG_MARK_KEY);
        const char *name = config_setting_name(setting);
        _cleanup_config_node_ struct config_node *holder = NULL;
        struct config_node *node;
        int r;

        if (!key || !name || strlen(name) != key->place.length ||
            memcmp(name, key->place.source->text + key->place.offset, key->place.length) != 0) {
                return out_of_step(walk);
        }
        r = build(walk, setting, &node);
        if (r < 0) {
                return r;
        }
        node->key = key->place;
        node->name = strdup(name);
        if (!node->name) {
                config_node_free(node);
                return -ENOMEM;
        }
        /* Merged, not added: an earlier include may have set the key. */
        holder = config_node_new(CONFIG_NODE_GROUP);
        if (!holder) {
                config_node_free(node);
                return -ENOMEM;
        }
        r = config_node_add(holder, node);
        return r < 0 ? r : config_node_merge(group, TAKE_PTR(holder));
}

static int build_children(struct walk *walk, config_setting_t *setting, struct config_node *node)
{
        int length = config_setting_length(setting);
        int r = 0;

        for (int i = 0; i < length && r == 0; i++) {
                config_setting_t *child = config_setting_get_elem(setting, (unsigned int)i);
                struct config_node *element;

                if (node->type == CONFIG_NODE_GROUP) {
                        r = take_includes(walk, node);
                        r = r < 0 ? r : build_member(walk, child, node);
                } else {
                        r = build(walk, child, &element);
                        r = r < 0 ? r : config_node_add(node, element);
                }
        }
        if (r == 0 && node->type == CONFIG_NODE_GROUP) {
                r = take_includes(walk, node);
        }
        return r;
}

static int set_scalar(struct config_node *node, const config_setting_t *setting)
{
        switch (config_setting_type(setting)) {
        case CONFIG_TYPE_INT:
                node->type = CONFIG_NODE_INTEGER;
                node->integer = config_setting_get_int(setting);
                return 0;
        case CONFIG_TYPE_FLOAT:
                node->type = CONFIG_NODE_FLOAT;
                return 0;
        case CONFIG_TYPE_BOOL:
                node->type = CONFIG_NODE_BOOLEAN;
                node->boolean = config_setting_get_bool(setting);
                return 0;
        case CONFIG_TYPE_STRING:
                node->type = CONFIG_NODE_STRING;
                node->string = strdup(config_setting_get_string(setting));
                return node->string ? 0 : -ENOMEM;
        default:
                return -EBADMSG;
        }
}

static int build(struct walk *walk, config_setting_t *setting, struct config_node **ret)
{
        const struct config_mark *mark = take_mark(walk, CONFIG_MARK_VALUE);
        _cleanup_config_node_ struct config_node *node = config_node_new(CONFIG_NODE_GROUP);
        int r;

        if (!node) {
                return -ENOMEM;
        }
        if (!mark) {
                return out_of_step(walk);
        }
        node->value = mark->place;
        node->bad = mark->bad;
        if (config_setting_is_scalar(setting)) {
                r = set_scalar(node, setting);
                if (r == -EBADMSG) {
                        return out_of_step(walk);
                }
        } else {
                node->type =
                        config_setting_is_group(setting) ? CONFIG_NODE_GROUP : CONFIG_NODE_LIST;
                r = build_children(walk, setting, node);
        }
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(node);
        return 0;
}

/* Errors found only by libconfig have a line but no column. */
static int report_libconfig(struct config_loader *loader, const struct config_source *source,
                            const config_t *config)
{
        const char *text = config_error_text(config);
        int line = config_error_line(config);
        struct config_place place = { .source = source, .line = line > 0 ? (uint32_t)line : 1 };
        const char *at = source->text;

        for (uint32_t i = 1; i < place.line; i++) {
                const char *end = strchr(at, '\n');

                at = end ? end + 1 : at;
        }
        place.line_start = (uint32_t)(at - source->text);
        place.offset = place.line_start + (uint32_t)strspn(at, " \t");
        place.length = (uint32_t)strcspn(source->text + place.offset, "\n");
        return config_report(loader->diagnostics, DIAGNOSTIC_ERROR, &place,
                             strdup(text ? text : "syntax error"), NULL);
}

static int parse(struct config_loader *loader, const struct config_source *source,
                 const struct config_scan *scan, struct config_node *root,
                 struct machine_error *error)
{
        struct walk walk = { .loader = loader, .scan = scan, .error = error };
        config_t config;
        int r;

        config_init(&config);
        if (config_read_string(&config, scan->text) != CONFIG_TRUE) {
                loader->syntax_errors++;
                r = report_libconfig(loader, source, &config);
        } else {
                r = build_children(&walk, config_root_setting(&config), root);
                if (r == 0 && walk.next != scan->count) {
                        r = out_of_step(&walk);
                }
                r = r < 0 ? r : config_apply_append(root, loader->diagnostics);
        }
        config_destroy(&config);
        return r;
}

int config_loader_keep(struct config_loader *loader, struct config_source *source)
{
        struct config_source **grown = reallocarray(loader->sources, loader->source_count + 1,
                                                    sizeof(struct config_source *));

        if (!grown || !source) {
                loader->sources = grown ? grown : loader->sources;
                config_source_free(source);
                return -ENOMEM;
        }
        loader->sources = grown;
        grown[loader->source_count++] = source;
        return 0;
}

int config_loader_read(struct config_loader *loader, struct config_source *source,
                       struct config_node **ret, struct machine_error *error)
{
        _cleanup_config_node_ struct config_node *root = config_node_new(CONFIG_NODE_GROUP);
        struct config_scan scan;
        int r = config_loader_keep(loader, source);

        if (r < 0 || !root) {
                return error_oom(error);
        }
        r = config_scan(source, loader->diagnostics, &scan);
        if (r == 0) {
                loader->open[loader->open_count++] = source;
                r = parse(loader, source, &scan, root, error);
                loader->open_count--;
                config_scan_clear(&scan);
        } else if (r == -EINVAL) {
                loader->syntax_errors++;
                r = 0;
        }
        if (r < 0) {
                return r == -ENOMEM ? error_oom(error) : r;
        }
        *ret = TAKE_PTR(root);
        return 0;
}
