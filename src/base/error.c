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

/* Takes the text, which is NULL for a NULL error. */
static int error_fill(struct machine_error *error, int number, bool with_reason, char *text)
{
        int positive = abs(number);

        if (error) {
                machine_error_clear(error);
                error->number = positive;
                error->message = text;
                if (text && with_reason && positive) {
                        error->message = string_format("%s: %s", text, strerror(positive));
                        free(text);
                }
        }
        return positive ? -positive : -EINVAL;
}

int error_set(struct machine_error *error, int number, const char *format, ...)
{
        return error_fill(error, number, true, error ? STRING_OF_ARGUMENTS(format) : NULL);
}

int error_say(struct machine_error *error, int number, const char *format, ...)
{
        return error_fill(error, number, false, error ? STRING_OF_ARGUMENTS(format) : NULL);
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

        if (!error) {
                return;
        }
        hint = STRING_OF_ARGUMENTS(format);
        /* Freed last: the arguments may refer to the old hint. */
        free(error->hint);
        error->hint = hint;
}

void error_prefix(struct machine_error *error, const char *format, ...)
{
        _cleanup_free_ char *prefix = NULL;
        char *joined;

        if (!error || !error->message) {
                return;
        }
        prefix = STRING_OF_ARGUMENTS(format);
        if (prefix && asprintf(&joined, "%s: %s", prefix, error->message) >= 0) {
                free(error->message);
                error->message = joined;
        }
}

int error_wrap(struct machine_error *error, int number, const char *format, ...)
{
        _cleanup_free_ char *text = STRING_OF_ARGUMENTS(format);

        if (!error || !error_is_set(error)) {
                return error_set(error, number, "%s", text ? text : "out of memory");
        }
        if (text) {
                error_prefix(error, "%s", text);
        }
        return -abs(number);
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
