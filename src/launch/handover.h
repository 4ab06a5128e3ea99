/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_HANDOVER_H
#define LAUNCH_HANDOVER_H

#include "launch/init/plan.h"

/** What a process inside the machine needs to become machine-init. All descriptors are borrowed. */
struct handover {
        int socket;       /* to the parent, see launch/message.h */
        int init_program; /* of launch_open_init_program() */
        int streams[3];   /* the payload's descriptors 0, 1 and 2 */
        int plan;         /* of init_plan_write() */
};

/** Executes machine-init with the descriptors where it expects them. Returns -errno only. */
int handover(const struct handover *with, struct machine_error *error);

/** No controlling terminal of the host, none of its keys. For every process that enters a machine.
 */
int handover_leave_session(struct machine_error *error);

#endif
