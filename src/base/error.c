/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

void machine_error_clear(struct machine_error *error)
{
        free(error->step);
        free(error->message);
        free(error->hint);
        *error = (struct machine_error)MACHINE_ERROR_INIT;
}

static int error_fill(struct machine_error *error, int number, bool with_text, const char *format,
                      va_list arguments)
{
        int positive = abs(number);

        if (error) {
                _cleanup_free_ char *text = NULL;

                text = string_format_list(format, arguments);
                machine_error_clear(error);
                error->number = positive;
                if (text && with_text && positive) {
                        if (asprintf(&error->message, "%s: %s", text, strerror(positive)) < 0) {
                                error->message = NULL;
                        }
                } else {
                        error->message = TAKE_PTR(text);
                }
        }
        return positive ? -positive : -EINVAL;
}

int error_set(struct machine_error *error, int number, const char *format, ...)
{
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = error_fill(error, number, true, format, arguments);
        va_end(arguments);
        return r;
}

int error_say(struct machine_error *error, int number, const char *format, ...)
{
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = error_fill(error, number, false, format, arguments);
        va_end(arguments);
        return r;
}

int error_kind(struct machine_error *error, enum machine_error_kind kind)
{
        if (!error) {
                return -EINVAL;
        }
        error->kind = kind;
        return error->number ? -error->number : -EINVAL;
}

void error_hint(struct machine_error *error, const char *format, ...)
{
        char *hint;
        va_list arguments;

        if (!error) {
                return;
        }
        va_start(arguments, format);
        hint = string_format_list(format, arguments);
        va_end(arguments);
        /* Freed only now: the arguments may hold the hint that was there. */
        free(error->hint);
        error->hint = hint;
}

void error_prefix(struct machine_error *error, const char *format, ...)
{
        _cleanup_free_ char *prefix = NULL;
        char *joined;
        va_list arguments;

        if (!error || !error->message) {
                return;
        }
        va_start(arguments, format);
        prefix = string_format_list(format, arguments);
        va_end(arguments);
        if (prefix && asprintf(&joined, "%s: %s", prefix, error->message) >= 0) {
                free(error->message);
                error->message = joined;
        }
}

void error_step(struct machine_error *error, const char *step)
{
        if (error && !error->step) {
                error->step = strdup(step);
        }
}

int error_oom(struct machine_error *error)
{
        return error_say(error, ENOMEM, "out of memory");
}

bool error_is_set(const struct machine_error *error)
{
        return error->message || error->number;
}

void error_move(struct machine_error *to, struct machine_error *from)
{
        if (to) {
                machine_error_clear(to);
                *to = *from;
                *from = (struct machine_error)MACHINE_ERROR_INIT;
        } else {
                machine_error_clear(from);
        }
}
