/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_NUMBERSET_H
#define CGROUP_NUMBERSET_H

#include <stdint.h>

/** As many CPUs, or memory nodes, as a kernel can be built for (NR_CPUS of x86). */
#define NUMBER_SET_SIZE 8192

/** A set of CPUs or memory nodes. */
struct number_set {
        uint64_t words[NUMBER_SET_SIZE / 64];
};

/** Reads a list as in cpuset(7), "0-3,5", with or without a newline at its end; an empty text is an
 *  empty set. 0, -EINVAL for what is no list, -ERANGE for a number beyond NUMBER_SET_SIZE. */
int number_set_parse(const char *text, struct number_set *ret);

/** The lowest number of `set` that is not in `of`, or -1 when there is none. */
int number_set_missing(const struct number_set *set, const struct number_set *of);

/** How many numbers are in the set. */
unsigned int number_set_count(const struct number_set *set);

#endif
