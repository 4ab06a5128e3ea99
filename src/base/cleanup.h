/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

/* Ownership in the declaration of a variable: what a scope owns is released when it ends, on every
 * path. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function)     __attribute__((cleanup(function)))
#define _printf_(string, first) __attribute__((format(printf, string, first)))

/** Returns the value of an owning pointer and sets it to NULL. */
#define TAKE_PTR(pointer)                                 \
        ({                                                \
                __typeof__(pointer) *_place = &(pointer); \
                __typeof__(pointer) _value = *_place;     \
                *_place = NULL;                           \
                _value;                                   \
        })

/** Returns an owned file descriptor and sets it to -EBADF. */
#define TAKE_FD(fd)                   \
        ({                            \
                int *_place = &(fd);  \
                int _value = *_place; \
                *_place = -EBADF;     \
                _value;               \
        })

/** Defines `name`, the clean-up function of a pointer type freed by `release`. */
#define DEFINE_CLEANUP(type, release, name)  \
        static inline void name(type *place) \
        {                                    \
                if (*place) {                \
                        release(*place);     \
                }                            \
        }

#define ELEMENTS_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void cleanup_free(void *place)
{
        free(*(void **)place);
}
#define _cleanup_free_ _cleanup_(cleanup_free)

/** Closes a descriptor unless it is negative; keeps errno, for use on error paths. */
int fd_close(int fd);

static inline void cleanup_fd(int *place)
{
        fd_close(*place);
}
#define _cleanup_close_ _cleanup_(cleanup_fd)

DEFINE_CLEANUP(FILE *, fclose, cleanup_file)
#define _cleanup_fclose_ _cleanup_(cleanup_file)

DEFINE_CLEANUP(DIR *, closedir, cleanup_directory)
#define _cleanup_closedir_ _cleanup_(cleanup_directory)

#endif
