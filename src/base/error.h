/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* An error is filled once, where the reason is known; filling it again replaces it. A NULL error is
 * allowed everywhere: the caller wants the number only. */

#define _cleanup_error_ _cleanup_(machine_error_clear)

/**
 * Fills the error with a message and, where number is not 0, ": " and the number's own text.
 * number may be positive or negative. Returns -|number|, or -EINVAL for 0, so that a function can
 * `return error_set(...)`.
 */
int error_set(struct machine_error *error, int number, const char *format, ...) _printf_(3, 4);

/** Like error_set(), with a message that already tells the reason: the number's text is not added.
 */
int error_say(struct machine_error *error, int number, const char *format, ...) _printf_(3, 4);

/** Gives the error its kind. Returns -|error number| as error_set() did. */
int error_kind(struct machine_error *error, enum machine_error_kind kind);

/** Adds the way out: what the user can do about it. Replaces an earlier hint. */
void error_hint(struct machine_error *error, const char *format, ...) _printf_(2, 3);

/** Puts "text: " before the message that is there. */
void error_prefix(struct machine_error *error, const char *format, ...) _printf_(2, 3);

/** Names the step of a start in which it happened; an inner step's name is kept. */
void error_step(struct machine_error *error, const char *step);

/** Memory is short. Returns -ENOMEM. */
int error_oom(struct machine_error *error);

/** Whether anything was filled in. */
bool error_is_set(const struct machine_error *error);

/** Hands all that an error owns from one to another; the first is empty afterwards. */
void error_move(struct machine_error *to, struct machine_error *from);

#endif
