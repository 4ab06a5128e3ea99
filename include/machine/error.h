/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_ERROR_H
#define MACHINE_ERROR_H

#ifdef __GNUC__
#        pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/**
 * What kind of failure an error is. It decides the exit status of the command line; it says nothing
 * about the reason, which is the error's number and message.
 */
enum machine_error_kind {
        MACHINE_ERROR_FAILED,         /* this program or the kernel could not do it */
        MACHINE_ERROR_USAGE,          /* the command line is wrong */
        MACHINE_ERROR_DEFINITION,     /* the definition is wrong */
        MACHINE_ERROR_NO_INPUT,       /* no such file or machine */
        MACHINE_ERROR_NOT_EXECUTABLE, /* the program was found and cannot be executed */
        MACHINE_ERROR_NOT_FOUND,      /* the program was not found */
};

/**
 * One failure, told for the user. Functions of this project take a pointer to one that is empty
 * (MACHINE_ERROR_INIT) and fill it at the depth that knows the reason; whoever declared it prints
 * it and frees it with machine_error_clear().
 *
 * message says what was attempted, on which object and why it failed, as one sentence without a
 * full stop. hint says what to do about it, or is NULL. step is the step of a start in which it
 * happened, or NULL. number is the errno behind it, or 0. The strings are owned by the error.
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

/** Frees what an error owns and makes it empty again. Does nothing to an empty one. */
void machine_error_clear(struct machine_error *error);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#        pragma GCC visibility pop
#endif

#endif
