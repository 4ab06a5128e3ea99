/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_ERROR_H
#define MACHINE_ERROR_H

#include <machine/declarations.h>

MACHINE_BEGIN_DECLARATIONS;

/**
 * The kind of an error. It determines the exit status of the command line, not the reason, which is
 * the error's number and message.
 */
enum machine_error_kind {
        MACHINE_ERROR_FAILED,         /* the operation failed in this program or the kernel */
        MACHINE_ERROR_USAGE,          /* the command line is invalid */
        MACHINE_ERROR_DEFINITION,     /* the definition is invalid */
        MACHINE_ERROR_NO_INPUT,       /* no such file or machine */
        MACHINE_ERROR_NOT_EXECUTABLE, /* the program was found but cannot be executed */
        MACHINE_ERROR_NOT_FOUND,      /* the program was not found */
};

/**
 * A failure, described for the user. Functions of this project take a pointer to an empty one
 * (MACHINE_ERROR_INIT) and set it where the reason is known; the caller that declared it prints it
 * and frees it with machine_error_clear().
 *
 * message says what was attempted, on which object and why it failed, as one sentence without a
 * full stop. hint says what to do about it, or is NULL. step is the step of a start that failed, or
 * NULL. number is the errno, or 0. The error owns the strings.
 */
struct machine_error {
        enum machine_error_kind kind;
        int number;
        char *step;
        char *message;
        char *hint;
};

#define MACHINE_ERROR_INIT                       \
        {                                        \
                MACHINE_ERROR_FAILED, 0, 0, 0, 0 \
        }

/** Frees an error's strings and makes it empty. Does nothing to an empty one. */
void machine_error_clear(struct machine_error *error);

MACHINE_END_DECLARATIONS;

#endif
