/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

#define TABLE_COLUMNS 16

/** A table for people: columns as wide as their widest cell, the last one as it comes. */
struct table {
        size_t columns;
        char **cells; /* row by row, the heading first */
        size_t count;
        unsigned int right; /* mask of the columns that are aligned to the right */
};

/** Starts a table with its headings, at most TABLE_COLUMNS, which end with NULL. 0 or -ENOMEM. */
int table_start(struct table *table, const char *const *headings);

/** Adds a cell; a NULL text is shown as "-". Control characters are escaped. 0 or -ENOMEM. */
int table_add(struct table *table, const char *text);

/** Prints all rows to standard output, the heading only where it is wanted, in bold with colour. */
void table_print(const struct table *table, bool heading, bool colour);

/** Frees the cells and makes the table empty. */
void table_clear(struct table *table);

#define _cleanup_table_ _cleanup_(table_clear)

#endif
