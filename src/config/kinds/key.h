/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_KINDS_KEY_H
#define CONFIG_KINDS_KEY_H

#include <jansson.h>

#include "config/read/node.h"

/**
 * The format as data: one table of keys per format drives reading, showing, the JSON Schema, the
 * manual page and completions.
 */

struct config_key;
struct config_fill;

/** A value on its way into a struct. */
struct config_value {
        struct config_fill *fill;
        const struct config_key *key;
        const char *name; /* full name for messages, "mounts.target" */
        const struct config_node *node;
        void *base; /* the struct that the key's offsets are in */
};

/** Checks one string of a value and returns it in the form to keep. 0, -EINVAL if a finding was
 * reported, or -ENOMEM. */
typedef int (*config_check)(const struct config_value *value, const struct config_node *node,
                            const char *text, char **ret);

/** What a value looks like in JSON. */
enum config_shape {
        CONFIG_SHAPE_GROUP = 1 << 0,
        CONFIG_SHAPE_STRING = 1 << 1,
        CONFIG_SHAPE_INTEGER = 1 << 2,
        CONFIG_SHAPE_BOOLEAN = 1 << 3,
        CONFIG_SHAPE_STRINGS = 1 << 4, /* an array of strings */
        CONFIG_SHAPE_GROUPS = 1 << 5,  /* a list of groups */
};

/** How one kind of value is read and shown. */
struct config_kind {
        unsigned int shape;   /* of enum config_shape: what is accepted */
        const char *accepted; /* for messages: "a size such as \"256M\"" */
        const char *pattern;  /* ECMA regular expression of the strings, or NULL */
        config_check check;   /* of kinds that consist of checked strings */
        /* Reads the node, whose shape is right, into the struct. Findings are reported. 0 or
         * -ENOMEM. */
        int (*parse)(const struct config_value *value);
        /* The value as in a definition; *ret is NULL if there is none. 0 or -ENOMEM. */
        int (*emit)(const struct config_key *key, const void *base, json_t **ret);
};

struct config_choice {
        const char *text; /* NULL ends a table */
        int value;
};

/** "max" is accepted: no limit. */
#define CONFIG_UNLIMITED (1u << 0)
/** Every element of a list must have this key. */
#define CONFIG_REQUIRED (1u << 1)
/** An empty list or an empty string is refused. */
#define CONFIG_NOT_EMPTY (1u << 2)
/** The choices are patterns followed by a name: "macvlan:eth0". */
#define CONFIG_WITH_TARGET (1u << 3)

/** A key of .pod files as well. */
#define CONFIG_OF_POD (1u << 4)

/** What a changed value of a key takes to have its effect on a machine that is running. */
enum config_change {
        CONFIG_CHANGE_UNKNOWN, /* of groups, which have no value, and of elements of lists */
        CONFIG_CHANGE_LIVE,    /* its supervisor follows the definition, or only a start reads it */
        CONFIG_CHANGE_LIMIT,   /* the control group is changed */
        CONFIG_CHANGE_RESTART,
};

struct config_key {
        const char *name; /* "limits.memory" */
        const struct config_kind *kind;
        const char *help;         /* plain sentences */
        const char *example;      /* as in a file, after "=" */
        const char *default_text; /* as in a file, or in words; NULL: none */
        const struct config_choice *choices;
        size_t offset;
        size_t offset_extra; /* of a list's count, or of a number's "given" flag */
        uint64_t minimum;
        uint64_t maximum; /* 0: none beyond the type's */
        unsigned int flags;
        enum config_change change;
        const struct config_table *elements; /* of a list of groups */
        const char *option;                  /* shorthand of the command line, or NULL */
};

struct config_table {
        const char *name; /* "machine", "network", or the list's key */
        const struct config_key *keys;
        size_t count;
        size_t size;         /* of the struct */
        const void *initial; /* of a list: an element with its defaults */
};

extern const struct config_table config_machine_table;
extern const struct config_table config_network_table;
extern const struct config_table config_volume_table;
extern const struct config_table config_apply_table;
/* Elements of `networks`, `mounts`, `credentials` and `limits.io`. */
extern const struct config_table config_further_network_table;
extern const struct config_table config_mount_table;
extern const struct config_table config_credential_table;
extern const struct config_table config_io_table;

/** The key of a full name, or NULL. */
const struct config_key *config_key_find(const struct config_table *table, const char *name);

/** Where a key's value is in its struct. */
#define CONFIG_PLACE(base, offset)       ((void *)((char *)(base) + (offset)))
#define CONFIG_PLACE_CONST(base, offset) ((const void *)((const char *)(base) + (offset)))

#endif
