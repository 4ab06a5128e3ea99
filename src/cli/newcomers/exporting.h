/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_NEWCOMERS_EXPORTING_H
#define CLI_NEWCOMERS_EXPORTING_H

#include <jansson.h>

#include <machine/machine.h>

#include "cli/newcomers/successor.h"

/** A machine that is archived. The parts are collected in a directory, because a tar has the size
 * of each in front of it. */
struct exporting {
        struct cli *cli;
        struct predecessor source;
        struct machine *machine;
        char *parts;       /* the directory */
        char *layer;       /* the directory that has "upper", or NULL: nothing was written */
        bool paused;       /* by this command */
        bool by_reference; /* a root that is written to itself is not archived, but named */
        char *image_id, *image_reference;
        json_t *volumes;    /* the names of those that are in the archive */
        json_t *checkpoint; /* what else is said of its processes, or NULL */
};

#define EXPORTING_INIT                     \
        {                                  \
                .source = PREDECESSOR_INIT \
        }

/** Finds what there is to export, and makes the directory of the parts. The machine is loaded. The
 * functions return 0, or -errno with error set. */
int exporting_begin(struct exporting *exporting, struct machine_error *error);

/** Writes the part that is the machine's writable layer, if it has one. */
int exporting_take_layer(struct exporting *exporting, struct machine_error *error);

/** Writes those that are its volumes. */
int exporting_take_volumes(struct exporting *exporting, struct machine_error *error);

/** Writes the archive of all parts; "-" is standard output. */
int exporting_write(struct exporting *exporting, const char *to, struct machine_error *error);

/** Removes the parts, and frees everything. */
void exporting_clear(struct exporting *exporting);

#endif
