/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_FIXTURE_H
#define CGROUP_FIXTURE_H

#include <machine/machine.h>

/* The limits of a definition that sets none. */
static inline struct machine_limits no_limits(void)
{
        struct machine *machine = machine_new("test");
        struct machine_limits limits = machine->limits;

        machine_free(machine);
        return limits;
}

#endif
