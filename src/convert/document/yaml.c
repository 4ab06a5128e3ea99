/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <yaml.h>

#include "base/strings.h"
#include "convert/document/node.h"

/* YAML documents, with anchors and merge keys. */

#define TOO_LARGE "the document is too large, with what its aliases repeat"

struct anchor {
        char *name;
        struct node *node; /* a copy: a merge key removes the node itself from the tree */
};

struct reader {
        yaml_parser_t parser;
        const char *file;
        struct anchor *anchors;
        size_t anchor_count;
        size_t nodes;
        unsigned int depth;
        struct machine_error *error;
};

static int refuse(struct reader *reader, const yaml_event_t *event, const char *problem)
{
        error_say(reader->error, EINVAL, "%s:%zu: %s", reader->file,
                  event ? event->start_mark.line + 1 : reader->parser.problem_mark.line + 1,
                  problem);
        return error_kind(reader->error, MACHINE_ERROR_DEFINITION);
}

static int next(struct reader *reader, yaml_event_t *event)
{
        if (!yaml_parser_parse(&reader->parser, event)) {
                return refuse(reader, NULL,
                              reader->parser.problem ? reader->parser.problem : "invalid YAML");
        }
        return 0;
}

static int keep_anchor(struct reader *reader, const yaml_event_t *event, const char *name,
                       const struct node *node)
{
        struct anchor *grown, *anchor;

        if (!name) {
                return 0;
        }
        grown = reallocarray(reader->anchors, reader->anchor_count + 1, sizeof *grown);
        reader->anchors = grown ? grown : reader->anchors;
        if (!grown) {
                return error_oom(reader->error);
        }
        anchor = &grown[reader->anchor_count++];
        *anchor = (struct anchor){ strdup(name), node_copy(node, &reader->nodes) };
        if (!anchor->node && reader->nodes > DOCUMENT_NODES_MAXIMUM) {
                return refuse(reader, event, TOO_LARGE);
        }
        return anchor->name && anchor->node ? 0 : error_oom(reader->error);
}

static int read_alias(struct reader *reader, const yaml_event_t *event, struct node **ret)
{
        const char *name = (const char *)event->data.alias.anchor;

        /* A later anchor of the same name replaces an earlier one. */
        for (size_t i = reader->anchor_count; i > 0; i--) {
                if (strcmp(reader->anchors[i - 1].name, name) != 0) {
                        continue;
                }
                *ret = node_copy(reader->anchors[i - 1].node, &reader->nodes);
                if (*ret) {
                        return 0;
                }
                return reader->nodes > DOCUMENT_NODES_MAXIMUM ? refuse(reader, event, TOO_LARGE)
                                                              : error_oom(reader->error);
        }
        return refuse(reader, event, "an alias without an anchor");
}

static int read_scalar(struct reader *reader, const yaml_event_t *event, struct node **ret)
{
        static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
        struct node *node = node_new(NODE_SCALAR, (unsigned int)event->start_mark.line + 1);
        const char *text = (const char *)event->data.scalar.value;

        if (!node || string_replace(&node->text, text) < 0) {
                node_free(node);
                return error_oom(reader->error);
        }
        if (strlen(text) != event->data.scalar.length) {
                node_free(node);
                return refuse(reader, event, "a NUL in a value");
        }
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        for (size_t i = 0; !node->quoted && i < ELEMENTS_OF(nulls); i++) {
                node->null |= strcmp(text, nulls[i]) == 0;
        }
        *ret = node;
        return 0;
}

/* Adds the members of a merge key that the map does not have itself. */
static int merge(struct reader *reader, struct node *map, const struct node *from)
{
        for (size_t i = 0; from->type == NODE_LIST && i < from->count; i++) {
                int r = merge(reader, map, from->children[i]);

                if (r < 0) {
                        return r;
                }
        }
        for (size_t i = 0; from->type == NODE_MAP && i < from->count; i++) {
                const struct node *member = from->children[i];

                if (!node_find(map, member->key) &&
                    node_add(map, node_copy(member, &reader->nodes)) < 0) {
                        return error_say(reader->error, E2BIG, "%s is too large", reader->file);
                }
        }
        return 0;
}

static int apply_merges(struct reader *reader, struct node *map)
{
        int r = 0;

        for (size_t i = 0; i < map->count && r == 0; i++) {
                struct node *child = map->children[i];

                if (!string_equal(child->key, "<<")) {
                        continue;
                }
                memmove(&map->children[i], &map->children[i + 1],
                        (map->count - i - 1) * sizeof(struct node *));
                /* node_add() grows where the count is a power of two: keep the room it counts on.
                 */
                map->children[--map->count] = NULL;
                r = merge(reader, map, child);
                node_free(child);
                i--;
        }
        return r;
}

static int read_node(struct reader *reader, const yaml_event_t *event, struct node **ret);

static int read_list(struct reader *reader, struct node *list)
{
        for (;;) {
                yaml_event_t event;
                struct node *child = NULL;
                int r = next(reader, &event);

                if (r < 0) {
                        return r;
                }
                if (event.type == YAML_SEQUENCE_END_EVENT) {
                        yaml_event_delete(&event);
                        return 0;
                }
                r = read_node(reader, &event, &child);
                yaml_event_delete(&event);
                r = r < 0 ? r : node_add(list, child);
                if (r < 0) {
                        return r;
                }
        }
}

/* Reads the value of a key. Takes the key. */
static int read_member(struct reader *reader, struct node *map, char *key)
{
        yaml_event_t event;
        struct node *child = NULL;
        int r = next(reader, &event);

        if (r == 0) {
                r = read_node(reader, &event, &child);
                if (r == 0 && strcmp(key, "<<") != 0 && node_find(map, key)) {
                        r = refuse(reader, &event, "a key is set twice");
                        node_free(TAKE_PTR(child));
                }
                yaml_event_delete(&event);
        }
        if (r < 0) {
                free(key);
                return r;
        }
        free(child->key);
        child->key = key;
        return node_add(map, child) < 0 ? error_oom(reader->error) : 0;
}

static int read_map(struct reader *reader, struct node *map)
{
        for (;;) {
                yaml_event_t event;
                char *key;
                int r = next(reader, &event);

                if (r < 0) {
                        return r;
                }
                if (event.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&event);
                        return apply_merges(reader, map);
                }
                if (event.type != YAML_SCALAR_EVENT) {
                        r = refuse(reader, &event, "a key that is not a plain word");
                        yaml_event_delete(&event);
                        return r;
                }
                key = strdup((const char *)event.data.scalar.value);
                yaml_event_delete(&event);
                r = key ? read_member(reader, map, key) : error_oom(reader->error);
                if (r < 0) {
                        return r;
                }
        }
}

static int read_collection(struct reader *reader, const yaml_event_t *event, struct node **ret)
{
        bool list = event->type == YAML_SEQUENCE_START_EVENT;
        struct node *node =
                node_new(list ? NODE_LIST : NODE_MAP, (unsigned int)event->start_mark.line + 1);
        int r;

        if (!node) {
                return error_oom(reader->error);
        }
        if (++reader->depth > DOCUMENT_DEPTH_MAXIMUM) {
                node_free(node);
                return refuse(reader, event, "the document is too deep");
        }
        r = list ? read_list(reader, node) : read_map(reader, node);
        reader->depth--;
        if (r < 0) {
                node_free(node);
                return r;
        }
        *ret = node;
        return 0;
}

static bool has_foreign_tag(const yaml_event_t *event)
{
        const yaml_char_t *tag =
                event->type == YAML_SCALAR_EVENT           ? event->data.scalar.tag
                : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.tag
                : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.tag
                                                           : NULL;

        return tag && tag[0] == '!' && tag[1];
}

static int read_node(struct reader *reader, const yaml_event_t *event, struct node **ret)
{
        const char *anchor = NULL;
        int r;

        if (++reader->nodes > DOCUMENT_NODES_MAXIMUM) {
                return refuse(reader, event, TOO_LARGE);
        }
        if (has_foreign_tag(event)) {
                return refuse(reader, event, "tags are not supported");
        }
        switch (event->type) {
        case YAML_ALIAS_EVENT:
                return read_alias(reader, event, ret);
        case YAML_SCALAR_EVENT:
                anchor = (const char *)event->data.scalar.anchor;
                r = read_scalar(reader, event, ret);
                break;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
                anchor = event->type == YAML_SEQUENCE_START_EVENT
                                 ? (const char *)event->data.sequence_start.anchor
                                 : (const char *)event->data.mapping_start.anchor;
                r = read_collection(reader, event, ret);
                break;
        default:
                return refuse(reader, event, "an empty document");
        }
        return r < 0 ? r : keep_anchor(reader, event, anchor, *ret);
}

/* Skips to the root of the first document and reads it. */
static int read_document(struct reader *reader, struct node **ret)
{
        for (;;) {
                yaml_event_t event;
                int r = next(reader, &event);
                bool begins;

                if (r < 0) {
                        return r;
                }
                begins = event.type == YAML_STREAM_START_EVENT ||
                         event.type == YAML_DOCUMENT_START_EVENT;
                r = begins ? 0 : read_node(reader, &event, ret);
                yaml_event_delete(&event);
                if (!begins) {
                        return r;
                }
        }
}

/* Only the end of the document and of the stream may follow. */
static int read_end(struct reader *reader)
{
        for (;;) {
                yaml_event_t event;
                int r = next(reader, &event);
                yaml_event_type_t type = event.type;

                if (r < 0) {
                        return r;
                }
                r = type == YAML_DOCUMENT_START_EVENT
                            ? refuse(reader, &event, "a second document in the same file")
                            : 0;
                yaml_event_delete(&event);
                if (r < 0 || type == YAML_STREAM_END_EVENT) {
                        return r;
                }
        }
}

int document_parse_yaml(const char *file, const char *text, size_t length, struct node **ret,
                        struct machine_error *error)
{
        struct reader reader = { .file = file, .error = error };
        struct node *root = NULL;
        int r;

        if (!yaml_parser_initialize(&reader.parser)) {
                return error_oom(error);
        }
        yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
        r = read_document(&reader, &root);
        r = r < 0 ? r : read_end(&reader);
        yaml_parser_delete(&reader.parser);
        for (size_t i = 0; i < reader.anchor_count; i++) {
                free(reader.anchors[i].name);
                node_free(reader.anchors[i].node);
        }
        free(reader.anchors);
        if (r < 0) {
                node_free(root);
                return r == -ENOMEM && !error_is_set(error) ? error_oom(error) : r;
        }
        *ret = root;
        return 0;
}
