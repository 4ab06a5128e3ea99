/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MUSL_STRING_H
#define MUSL_STRING_H

/* Replaces glibc's header of this name. */

#include_next <string.h>

/* "TERM" for SIGTERM, NULL for an invalid signal; as in glibc 2.32. */
const char *sigabbrev_np(int signal);

/* glibc's texts, see generate_errors.c. */
const char *glibc_strerror(int number);
#define strerror(number) ((char *)glibc_strerror(number))

#endif
