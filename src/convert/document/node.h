/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_DOCUMENT_NODE_H
#define CONVERT_DOCUMENT_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/**
 * A source document as a tree: YAML, JSON, unit files and LXC configurations alike. Documents are
 * hostile: their size, the depth of the tree and the number of nodes are limited, also where one
 * part of a YAML document is repeated by its aliases.
 */

#define DOCUMENT_SIZE_MAXIMUM  ((size_t)4 * 1024 * 1024)
#define DOCUMENT_DEPTH_MAXIMUM 64
#define DOCUMENT_NODES_MAXIMUM 20000

enum node_type {
        NODE_SCALAR,
        NODE_LIST,
        NODE_MAP, /* unit files and LXC configurations repeat keys */
};

struct node {
        enum node_type type;
        char *key; /* of a map's member */
        char *text;
        bool null;         /* a scalar without a value */
        bool quoted;       /* a scalar that is a string, whatever it looks like */
        unsigned int line; /* 0: unknown */
        struct node **children;
        size_t count;
};

struct node *node_new(enum node_type type, unsigned int line);
void node_free(struct node *node);
DEFINE_CLEANUP(struct node *, node_free, cleanup_node)
#define _cleanup_node_ _cleanup_(cleanup_node)

/** Appends a child. Takes it, even on failure. 0 or -ENOMEM (also for NULL). */
int node_add(struct node *parent, struct node *child);

/** Appends a scalar under a key. 0 or -ENOMEM. */
int node_add_text(struct node *parent, const char *key, const char *text, unsigned int line);

/** A deep copy; counts its nodes in *count, up to the limit. NULL if memory is short or there are
 * too many. */
struct node *node_copy(const struct node *node, size_t *count);

/** The first member of a map with a key, or NULL (also for NULL and other types). */
struct node *node_find(const struct node *map, const char *key);

/** The last one, which counts in formats where keys are repeated. */
struct node *node_find_last(const struct node *map, const char *key);

/** The text of a scalar member, or NULL. */
const char *node_text(const struct node *map, const char *key);

/** Reads the scalar as a boolean: true, yes, on, 1. */
bool node_is_true(const struct node *node);

/** Parses documents. Each returns 0, or -errno with error set, which names the file and the line.
 * The caller frees *ret. */
int document_parse_yaml(const char *file, const char *text, size_t length, struct node **ret,
                        struct machine_error *error);
int document_parse_json(const char *file, const char *text, size_t length, struct node **ret,
                        struct machine_error *error);
/** A map of sections, each a map; a section that is repeated has one map. */
int document_parse_unit(const char *file, const char *text, struct node **ret,
                        struct machine_error *error);
/** A map of "key = value" lines. */
int document_parse_lines(const char *file, const char *text, struct node **ret,
                         struct machine_error *error);

/** Reads a whole file of a source. 0 or -errno with error set; the caller frees *ret. */
int document_read(const char *path, char **ret, size_t *ret_length, struct machine_error *error);

#endif
