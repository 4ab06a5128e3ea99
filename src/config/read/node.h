/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_NODE_H
#define CONFIG_READ_NODE_H

#include "config/read/source.h"

/**
 * A definition as a tree of values with their places, merged from all of its files. libconfig's own
 * tree cannot span several files.
 */

enum config_node_type {
        CONFIG_NODE_GROUP,
        CONFIG_NODE_LIST, /* array or list: the difference matters to libconfig alone */
        CONFIG_NODE_STRING,
        CONFIG_NODE_INTEGER,
        CONFIG_NODE_FLOAT,
        CONFIG_NODE_BOOLEAN,
};

struct config_node {
        enum config_node_type type;
        char *name;              /* of a group's member, else NULL */
        bool bad;                /* reported already */
        bool append;             /* a list that is appended instead of replacing an earlier one */
        struct config_place key; /* of a group's member */
        struct config_place value;
        char *string;
        long long integer;
        bool boolean;
        struct config_node **children;
        size_t child_count;
};

/** Makes a node. NULL when memory is short. */
struct config_node *config_node_new(enum config_node_type type);

/** Frees a node and its children. NULL is allowed. */
void config_node_free(struct config_node *node);

DEFINE_CLEANUP(struct config_node *, config_node_free, cleanup_config_node)
#define _cleanup_config_node_ _cleanup_(cleanup_config_node)

/** Adds a child. Takes ownership, even on failure. 0 or -ENOMEM (also for a NULL child). */
int config_node_add(struct config_node *parent, struct config_node *child);

/** The member of a group, or NULL. */
struct config_node *config_node_find(const struct config_node *group, const char *name);

/** Takes a member out of a group: the caller frees it. NULL if there is none. */
struct config_node *config_node_take(struct config_node *group, const char *name);

/** The node of a full key, "limits.memory", or NULL. */
struct config_node *config_node_lookup(const struct config_node *root, const char *key);

/**
 * Merges a group into another one: groups key by key; a later scalar or list replaces an earlier
 * one, unless the list is one to append. Frees `from`, even on failure. 0 or -ENOMEM.
 */
int config_node_merge(struct config_node *into, struct config_node *from);

/** "a string", "a group", ..: for messages. */
const char *config_node_type_name(const struct config_node *node);

#endif
