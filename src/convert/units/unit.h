/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_UNITS_UNIT_H
#define CONVERT_UNITS_UNIT_H

#include "convert/container/container.h"
#include "convert/document/node.h"
#include "convert/source.h"

/** A unit file, or one in its syntax, that is being converted. */
struct unit {
        struct conversion *conversion;
        const struct convert_source *source;
        const char *file; /* of the current setting, for messages */
        const char *path; /* of the main file */
        const char *name; /* without suffix */
        bool template;    /* NAME@ */
        bool literal;     /* the file has no specifiers */
        struct container container;
        bool private_network; /* of .nspawn: Private=yes */
        bool no_link;         /* .. and VirtualEthernet=no */
        bool process;         /* .. Boot=no: its command runs */
        char *network;        /* .. a bridge or zone of its own */
};

struct unit_row {
        const char *key;
        void (*take)(struct unit *unit, const struct unit_row *row, const char *value);
        const char *target; /* an option of containers, or a key of the format */
        const char *text;   /* why it is lost */
};

struct unit_section {
        const char *name;
        const struct unit_row *rows;
        size_t count;
};

/* Ways to take a value. */
#define UNIT_TAKE(name) \
        void unit_take_##name(struct unit *unit, const struct unit_row *row, const char *value)
UNIT_TAKE(option);       /* the option `target` */
UNIT_TAKE(option_words); /* the same for each word */
UNIT_TAKE(text);         /* the key `target` */
UNIT_TAKE(boolean);
UNIT_TAKE(size);
UNIT_TAKE(time);
UNIT_TAKE(integer);
UNIT_TAKE(words);
UNIT_TAKE(weight);
UNIT_TAKE(ulimit);
UNIT_TAKE(lost);
UNIT_TAKE(no_effect);

/** The sections [Unit], [Service] and [Install], terminated by an element without a name. */
extern const struct unit_section unit_service_sections[];

/** Converts the settings of a document by the sections that it may have. An empty value resets a
 * list, as far as that matters. */
void unit_convert(struct unit *unit, const char *file, const struct node *root,
                  const struct unit_section *sections);

/** A value with its specifiers replaced. NULL if memory is short. */
char *unit_specifiers(struct unit *unit, const char *value);

/** Reads and converts the *.conf files below a directory; a missing directory is fine. */
int unit_convert_drop_ins(struct unit *unit, const char *directory,
                          const struct unit_section *sections, struct machine_error *error);

/** Whether the path is a Quadlet. */
bool quadlet_is_file(const char *path);

/** Converts a Quadlet; .kube is refused. */
int quadlet_convert(struct conversion *conversion, const struct convert_source *source,
                    struct machine_error *error);

/** Converts all Quadlets of a directory. */
int quadlet_convert_directory(struct conversion *conversion, const struct convert_source *source,
                              struct machine_error *error);

/** Converts a NAME.nspawn with the drop-ins of systemd-nspawn@NAME.service. */
int nspawn_convert(struct conversion *conversion, const struct convert_source *source,
                   struct machine_error *error);

#endif
