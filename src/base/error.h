/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* An error is set once, where the reason is known; setting it again replaces it. A NULL error is
 * allowed everywhere, for callers that only need the number. */

#define _cleanup_error_ _cleanup_(machine_error_clear)

/**
 * Sets the error to a message and, unless number is 0, ": " and the text of that errno, positive or
 * negative. Returns -|number|, or -EINVAL for 0, so that a function can `return error_set(...)`.
 */
int error_set(struct machine_error *error, int number, const char *format, ...) _printf_(3, 4);

/** Like error_set(), for a message that already contains the reason: does not add the text of the
 * errno. */
int error_say(struct machine_error *error, int number, const char *format, ...) _printf_(3, 4);

/** Adds what was attempted to a reason that may be known already: puts "text: " before an error
 * that is set, else works like error_set(). */
int error_wrap(struct machine_error *error, int number, const char *format, ...) _printf_(3, 4);

/** Sets the kind of the error. Returns -|error number| like error_set(). */
int error_kind(struct machine_error *error, enum machine_error_kind kind);

/** Sets the hint: what the user can do about it. Replaces an earlier hint. */
void error_hint(struct machine_error *error, const char *format, ...) _printf_(2, 3);

/** Puts "text: " before the message. */
void error_prefix(struct machine_error *error, const char *format, ...) _printf_(2, 3);

/** Records the step of a start that failed; keeps an inner step's name. */
void error_step(struct machine_error *error, const char *step);

/** Sets the error to "out of memory". Returns -ENOMEM. */
int error_oom(struct machine_error *error);

/** Whether the error is set. */
bool error_is_set(const struct machine_error *error);

/** Moves an error to another; the first is empty afterwards. */
void error_move(struct machine_error *to, struct machine_error *from);

#endif
