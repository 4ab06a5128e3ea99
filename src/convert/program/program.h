/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_PROGRAM_PROGRAM_H
#define CONVERT_PROGRAM_PROGRAM_H

#include "base/error.h"
#include "convert/arguments.h"
#include "convert/model/model.h"

/** Converts the sources to definitions. 0 or -errno with error set. */
int program_convert(const struct arguments *arguments, struct conversion *conversion,
                    struct machine_error *error);

/** Writes the files to the directory or to standard output. 0 or -errno with error set. */
int program_write(const struct arguments *arguments, const struct conversion *conversion,
                  struct machine_error *error);

/** Tells what was lost and what differs on standard error, or everything as JSON on standard
 * output. 0 or -ENOMEM. */
int program_report(const struct arguments *arguments, const struct conversion *conversion);

/** The names of the kinds, separated by blanks, for messages and completions. */
extern const char program_source_kinds[];

#endif
