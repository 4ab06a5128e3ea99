/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_USAGE_USAGE_TEXT_H
#define CGROUP_USAGE_USAGE_TEXT_H

#include "cgroup/usage/usage.h"

/* Parses the kernel's files into fields of the usage; fields that a text lacks are not changed. */

/** cpu.pressure and the other pressure files (Documentation/accounting/psi.rst). */
void usage_parse_pressure(const char *text, struct cgroup_pressure *ret);

/** io.stat: the sum over all devices. */
void usage_parse_io(const char *text, struct cgroup_usage *usage);

/** cpu.max: "max 100000" or "50000 100000". */
void usage_parse_cpu_limit(const char *text, struct cgroup_usage *usage);

#endif
