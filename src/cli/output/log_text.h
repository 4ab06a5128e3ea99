/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_LOG_TEXT_H
#define CLI_OUTPUT_LOG_TEXT_H

#include <stdbool.h>

#include "supervise/output/log_reader.h"

/** Prints the text of an entry without an end of line: raw, or safe for a terminal. Returns 0 or
 * -ENOMEM. */
int log_text_print(const struct log_entry *entry, bool raw);

/** Formats a time as journalctl(1) does: "Jan 05 10:00:00". */
void log_text_stamp(uint64_t usec, char ret[static 32]);

#endif
