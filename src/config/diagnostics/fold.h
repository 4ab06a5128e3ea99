/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_DIAGNOSTICS_FOLD_H
#define CONFIG_DIAGNOSTICS_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "config/diagnostics/diagnostics.h"

/**
 * What is said of a finding among others of its kind: whether it is hidden, and how many hidden
 * findings it stands for, in how many files other than those of the findings of the kind that are
 * shown.
 */
struct diagnostic_repeats {
        bool hidden;
        size_t count;
        size_t files;
};

/**
 * Chooses which of sorted findings are shown. Findings are of one kind if they have the same
 * severity, and their messages differ only in what is quoted, in numbers and in paths. A kind with
 * few findings is shown as it is; of one with many, a few different messages are, and the last of
 * those stands for the rest. *ret has one element for each finding, which the caller frees. Returns
 * 0 or -ENOMEM.
 */
int diagnostics_fold(const struct diagnostics *diagnostics, struct diagnostic_repeats **ret);

#endif
