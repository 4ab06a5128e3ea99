/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_PAYLOAD_H
#define CLI_OUTPUT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

/** Output of a payload in the output of a verb. Control characters could move the terminal's
 * cursor, change its title, or even enter text as its user. */

/**
 * Makes a line safe for a terminal: control characters and invalid UTF-8 become \xNN, as in
 * journalctl(1). Tabs and SGR sequences, which set colours (ECMA-48, 8.3.117), are kept, and
 * colours are reset at the end. Returns NULL if out of memory; the caller frees it.
 */
char *payload_for_terminal(const char *text, size_t length);

/** The same for JSON, which escapes control characters itself: only invalid UTF-8 and NUL become
 * \xNN. Returns NULL if out of memory; the caller frees it. */
char *payload_for_json(const char *text, size_t length);

#endif
