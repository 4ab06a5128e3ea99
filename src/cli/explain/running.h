/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EXPLAIN_RUNNING_H
#define CLI_EXPLAIN_RUNNING_H

#include "cli/explain/explain.h"
#include "cli/explain/settings.h"
#include "state/store.h"

/** A running machine that is explained. */
struct subject {
        const struct cli *cli;
        const struct machine_record *record;
        struct state_store store;
        struct settings settings; /* of its start; without values if they are not known */
        pid_t payload;            /* its first process, if it has no PID 1 beside it */
};

/* The parts of the explanation. Each returns JSON that the caller frees, or NULL if out of memory;
 * those with an error set it. What the kernel does not tell the caller is null. */

/** Its namespaces, and which are the host's or shared with other machines. */
json_t *explain_namespaces(const struct subject *subject);
void explain_print_namespaces(const json_t *namespaces);

/** Its mounts, and the step or the line of the definition that made each. */
json_t *explain_mounts(const struct subject *subject);
void explain_print_mounts(const json_t *mounts);

/** The payload's capabilities with what each allows, and what else confines it: the filter, the
 * label. */
json_t *explain_rights(const struct subject *subject);
void explain_print_rights(const json_t *rights);

/** The limits of its group, of the groups above, and of its processes. */
json_t *explain_limits(const struct subject *subject);
void explain_print_limits(const json_t *limits);

/** The way of a packet to each published port. */
json_t *explain_ports(const struct subject *subject, struct machine_error *error);
void explain_print_ports(const json_t *ports);

/** Prints " (FILE:LINE)" for a place, and nothing without one. */
void explain_print_place(const json_t *place);

#endif
