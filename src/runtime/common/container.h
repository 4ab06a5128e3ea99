/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_CONTAINER_H
#define RUNTIME_COMMON_CONTAINER_H

#include "launch/launch.h"
#include "oci/bundle/bundle.h"
#include "oci/state/state.h"
#include "runtime/common/runtime.h"
#include "state/record.h"
#include "state/store.h"

/** A container that is on record. */
struct container {
        struct state_store store;
        struct machine_record record;
        enum oci_status status; /* as it was when it was opened */
        int lock;               /* or -EBADF */
        int process;            /* pidfd of its first process, -ESRCH if that has ended */
};

#define CONTAINER_INIT                                                       \
        {                                                                    \
                .store = STATE_STORE_INIT, .lock = -EBADF, .process = -EBADF \
        }

/** Checks that an id has only letters, digits and "+-._", and is not "." or "..". 0, or -EINVAL
 * with an error. */
int container_check_id(const char *id, struct machine_error *error);

/** Opens a container, with its lock if it is to be changed. 0, -ENOENT if there is none, or another
 * -errno, with error set. The caller ends it with container_close(). */
int container_open(const struct runtime *runtime, const char *id, bool lock, struct container *ret,
                   struct machine_error *error);

void container_close(struct container *container);
#define _cleanup_container_ _cleanup_(container_close)

/** The directories of all containers, for launch. */
struct launch_directories container_directories(const struct runtime *runtime);

/** The directory of its bundle, as its caller gave it. NULL if out of memory; the caller frees it.
 */
char *container_bundle(const struct container *container);

/** Loads the configuration that the container was created with: its hooks and annotations. 0 or
 * -errno with error set. The caller clears *ret. */
int container_configuration(const struct container *container, struct oci_bundle *ret,
                            struct machine_error *error);

/** Loads it only if it may have hooks of a kind. 1 if it has, 0, or -errno with error set. The
 * caller clears *ret in any case. */
int container_hooks(const struct container *container, enum oci_hook_kind kind,
                    struct oci_bundle *ret, struct machine_error *error);

/** Fills the state of a container; the strings are the container's and the configuration's. */
struct oci_state container_state(const struct container *container,
                                 const struct oci_bundle *configuration);

/** Opens the container's control group. 0, or -errno with an error that says what needs it. */
int container_group(const struct container *container, const char *purpose, struct cgroup *ret,
                    struct machine_error *error);

/** Runs the hooks of a kind one after the other with the state as their input, up to the first that
 *  fails. 0 or -errno with error set. */
int container_run_hooks(const struct oci_bundle *configuration, enum oci_hook_kind kind,
                        const struct oci_state *state, struct machine_error *error);

/** An error for a container that is not in the state which something needs. Returns -EINVAL. */
int container_refuse(const struct container *container, const char *what,
                     struct machine_error *error);

#endif
