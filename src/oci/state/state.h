/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OCI_STATE_STATE_H
#define OCI_STATE_STATE_H

#include <stdint.h>
#include <sys/types.h>

/** A container's status (runtime specification, "State"). */
enum oci_status {
        OCI_CREATING,
        OCI_CREATED,
        OCI_RUNNING,
        OCI_PAUSED, /* an addition that runc and crun have as well */
        OCI_STOPPED,
};

/** The word for it, "running". */
const char *oci_status_name(enum oci_status status);

/** What a container's state is made of. All is borrowed; what is NULL is left out. */
struct oci_state {
        const char *version; /* ociVersion of its configuration */
        const char *id;
        enum oci_status status;
        pid_t pid; /* 0: none */
        const char *bundle;
        char *const *annotations; /* "KEY=VALUE" */
        /* Not of the specification, but what runc and crun answer as well: */
        const char *root;
        uint64_t created; /* CLOCK_REALTIME, microseconds; 0: left out */
        const char *owner;
};

/** The state as JSON text, indented by `indent` columns or on one line. NULL if out of memory; the
 *  caller frees it. */
char *oci_state_write(const struct oci_state *state, int indent);

/** The state as hooks get it, without the pid and what closes the object: the text up to the number
 *  of the pid, which comes last. */
char *oci_state_begin(const struct oci_state *state);

/** What the agent of a filter gets (runtime specification, "The Container Process State"), up to
 * the number of the pid in its state; after that follow "},"pid":", the number once more, and "}".
 */
char *oci_agent_state_begin(const struct oci_state *state, const char *metadata);

/** A time as RFC 3339 has it, in UTC. */
void oci_time_write(uint64_t usec, char ret[static 40]);

#endif
