/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_TABLE_H
#define CLI_OUTPUT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

#define TABLE_COLUMNS 16

/** A table whose columns are as wide as their widest cell; the last one is not padded. */
struct table {
        size_t columns;
        char **cells; /* row by row, the heading first */
        size_t count;
        unsigned int right; /* mask of right-aligned columns */
};

/** Starts a table with at most TABLE_COLUMNS headings, terminated by NULL. Returns 0 or -ENOMEM. */
int table_start(struct table *table, const char *const *headings);

/** Adds a cell; NULL is shown as "-", and control characters are escaped. Returns 0 or -ENOMEM. */
int table_add(struct table *table, const char *text);

/** Prints all rows to standard output, with heading also the headings, bold with colour. */
void table_print(const struct table *table, bool heading, bool colour);

/** Frees the cells and empties the table. */
void table_clear(struct table *table);

#define _cleanup_table_ _cleanup_(table_clear)

#endif
