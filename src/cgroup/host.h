/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_HOST_H
#define CGROUP_HOST_H

#include <machine/machine.h>

#include "cgroup/numberset.h"

/** What a host has, as far as limits can ask for too much of it. */
struct host_resources {
        uint64_t memory; /* bytes */
        uint64_t swap;
        struct number_set cpus;  /* online */
        struct number_set nodes; /* with memory */
        uint64_t huge_pages[16]; /* sizes in bytes, ends with 0 */
};

/** Asks the kernel for what these limits have to be held against; the rest stays 0. 0 or -errno. */
int host_read(const struct machine_limits *limits, struct host_resources *ret,
              struct machine_error *error);

/** cgroup_check_limits() against a host that is given. */
int host_check_limits(const struct host_resources *host, const struct machine_limits *limits,
                      char ***warnings, struct machine_error *error);

/** Takes "2M=512M" apart: bytes of a page and of the limit (MACHINE_UNLIMITED for "max"). 0 or
 *  -EINVAL. */
int huge_page_limit_parse(const char *text, uint64_t *ret_page, uint64_t *ret_limit);

#endif
