/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TOP_COLUMNS_H
#define CLI_TOP_COLUMNS_H

#include "cli/screen/line.h"
#include "cli/top/history.h"
#include "cli/top/rows.h"

/** What the cells of a row are made from. */
struct cell_data {
        const struct row *row;
        const struct history *history; /* or NULL */
        unsigned int cpus;             /* of the host */
        bool utf8;
};

#define CELL_BYTES 96

/** Adds the headings of the columns that fit. Returns 0 or -ENOMEM. */
int columns_add_headings(struct line *line, size_t width, const struct order *order);

/** Adds the cells of a row. Returns 0 or -ENOMEM. */
int columns_add_row(struct line *line, size_t width, const struct cell_data *data);

/** The style of a state of a machine, see line_add(); NULL for none. */
const char *columns_state_style(const struct survey_machine *machine);

#endif
