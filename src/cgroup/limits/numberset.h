/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_NUMBERSET_H
#define CGROUP_LIMITS_NUMBERSET_H

#include <stdint.h>

/** The maximum number of CPUs, or memory nodes, of a kernel (NR_CPUS of x86). */
#define NUMBER_SET_SIZE 8192

/** A set of CPUs or memory nodes. */
struct number_set {
        uint64_t words[NUMBER_SET_SIZE / 64];
};

/** Parses a list as in cpuset(7), "0-3,5", with or without a trailing newline; an empty text is an
 * empty set. Returns 0, -EINVAL for an invalid list, -ERANGE for a number beyond
 * NUMBER_SET_SIZE. */
int number_set_parse(const char *text, struct number_set *ret);

/** The lowest number of `set` that is not in `of`, or -1 if there is none. */
int number_set_missing(const struct number_set *set, const struct number_set *of);

/** How many numbers are in the set. */
unsigned int number_set_count(const struct number_set *set);

#endif
