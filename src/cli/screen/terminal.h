/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_SCREEN_TERMINAL_H
#define CLI_SCREEN_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include <machine/error.h>

/** The terminal of a program that fills the screen. */
struct terminal {
        int input, output;
        struct termios before; /* its modes when the program was started */
        bool is_taken;
};

/** Takes standard input and output: another screen than that of the shell, keys as they are typed.
 * Returns 0, or -ENOTTY without an error if they are no terminal that can do this. */
int terminal_take(struct terminal *terminal);

/** Gives it back as it was. Does nothing if it was not taken. */
void terminal_release(struct terminal *terminal);
#define _cleanup_terminal_ _cleanup_(terminal_release)

/** Its size, or 24 rows of 80 columns if it does not know. */
void terminal_size(const struct terminal *terminal, size_t *ret_rows, size_t *ret_columns);

/** Shows a frame, lines that end in "\n", in place of the one before: those that fit. Returns 0 or
 * -errno. */
int terminal_show(const struct terminal *terminal, const char *frame);

#endif
