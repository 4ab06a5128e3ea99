/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_HANDOVER_H
#define LAUNCH_HANDOVER_H

#include "launch/init/plan.h"

/** The descriptors of a process that becomes machine-init: for a start inside the machine, for a
 * program that joins a machine outside of it. All are borrowed. */
struct handover {
        int socket;       /* to the parent, see launch/init/message.h */
        int init_program; /* of launch_open_init_program() */
        int streams[3];   /* the payload's descriptors 0, 1 and 2 */
        int plan;         /* of init_plan_write() */
        int group;        /* for INIT_GROUP_FD or INIT_STATUS_FD, or -EBADF */
        unsigned int
                preserved; /* how many of this process' descriptors from 3 on the payload keeps */
        int machine;       /* for INIT_MACHINE_FD of launch/init/plan.h, or -EBADF */
};

/** Moves the descriptors to where machine-init expects them. 0 or -errno with error set. */
int handover_place(const struct handover *with, struct machine_error *error);

/** Executes machine-init with the descriptors where it expects them. Returns only on failure, with
 * -errno. */
int handover(const struct handover *with, struct machine_error *error);

#endif
