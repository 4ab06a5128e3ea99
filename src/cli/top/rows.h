/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TOP_ROWS_H
#define CLI_TOP_ROWS_H

#include "survey/survey.h"

/** What the machines are sorted by. */
struct order {
        int key; /* that chooses it */
        const char *name;
        double (*value)(const struct survey_machine *machine, const struct survey_machine *before);
};

/** The first is the default; terminated by an order without a name. */
extern const struct order top_orders[];

/** Finds an order by its key or by its name; NULL if there is none. */
const struct order *order_by_key(int key);
const struct order *order_by_name(const char *name);

/** A machine in its place. */
struct row {
        const struct survey_machine *machine, *before; /* before may be NULL */
        double value;
};

/** Which machines are shown, and how. */
struct arrangement {
        char *const *patterns;     /* of names; none: any */
        const char *const *labels; /* all of which they must have */
        bool all;                  /* also those that do not run */
        const struct order *order;
        bool reverse;
};

/** Arranges the machines: the highest value first, those with the same by name. Returns their
 * number or -ENOMEM; the caller frees *ret. */
int rows_arrange(const struct arrangement *arrangement, const struct survey *now,
                 const struct survey *before, struct row **ret);

/** The resource that tasks waited for most in the last ten seconds, and in *ret the hundredths of a
 * percent; NULL if for none. */
const char *row_waiting(const struct survey_machine *machine, uint64_t *ret);

#endif
