/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_HOST_H
#define CGROUP_LIMITS_HOST_H

#include <machine/machine.h>

#include "cgroup/limits/numberset.h"

/** The host's resources that limits are checked against. */
struct host_resources {
        uint64_t memory; /* bytes */
        uint64_t swap;
        struct number_set cpus;  /* online */
        struct number_set nodes; /* with memory */
        uint64_t huge_pages[16]; /* in bytes, 0-terminated */
};

/** Gets the resources that these limits must be checked against; the rest stays 0. Returns 0 or
 * -errno. */
int host_read(const struct machine_limits *limits, struct host_resources *ret,
              struct machine_error *error);

/** Like cgroup_check_limits(), with the given host. */
int host_check_limits(const struct host_resources *host, const struct machine_limits *limits,
                      char ***warnings, struct machine_error *error);

/** Parses "2M=512M": the sizes of a page and of the limit (MACHINE_UNLIMITED for "max") in bytes.
 * Returns 0 or -EINVAL. */
int huge_page_limit_parse(const char *text, uint64_t *ret_page, uint64_t *ret_limit);

#endif
