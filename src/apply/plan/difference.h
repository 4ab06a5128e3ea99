/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_DIFFERENCE_H
#define APPLY_PLAN_DIFFERENCE_H

#include "apply/plan/request.h"
#include "state/record.h"

/** How a machine differs from its definition. */
struct difference {
        char **live;    /* keys and files, for the reason */
        char **limits;  /* keys */
        char **files;   /* mounted files */
        char **mounts;  /* the targets of their mounts */
        char **restart; /* keys and files */
        bool image;
        bool network;    /* its network changed */
        bool joins_anew; /* its network, ports or addresses changed */
};

void difference_clear(struct difference *difference);
#define _cleanup_difference_ _cleanup_(difference_clear)

/** Compares a machine that runs with its definition in the view. Returns 0 or -errno with error
 * set. */
int difference_of_running(const struct plan_request *request, const struct machine_record *record,
                          const struct machine *machine, struct difference *ret,
                          struct machine_error *error);

/** Compares the version that a stored revision has of a machine with the one of the view. Returns 1
 * if they are the same, 0 if not or if it cannot be read any more, or -errno with error set. */
int difference_is_none(const struct plan_request *request, const char *revision,
                       const struct machine *machine, struct machine_error *error);

#endif
