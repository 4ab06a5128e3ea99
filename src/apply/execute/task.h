/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_EXECUTE_TASK_H
#define APPLY_EXECUTE_TASK_H

#include "apply/execute/execute.h"

/* What a machine goes through. A failure after the stop leads to BACK_STOP. */
enum task_phase {
        TASK_WAIT_STOP,
        TASK_STOPPING,
        TASK_WAIT_START,
        TASK_STARTING,
        TASK_SETTLING, /* runs, and has to be healthy, or to stay up for a moment */
        TASK_DONE,
        TASK_BACK_STOP, /* its new version has failed and may still run */
        TASK_BACK_STOPPING,
        TASK_BACK_WAIT,
        TASK_BACK_STARTING,
        TASK_BACK_SETTLING,
        TASK_BACK, /* runs what it ran before, or nothing if nothing ran */
        TASK_LOST, /* that failed as well */
};

struct task {
        const struct plan_item *item;
        struct execute_result *result;
        enum task_phase phase;
        struct machine *machine; /* being started, or NULL */
        char **requires;         /* of the new definition */
        char **after;
        char **required;   /* of what runs */
        int fd;            /* readable when the phase is over, or -EBADF */
        pid_t child;       /* a command that stops or starts it, or 0 */
        uint64_t deadline; /* log_now() at which a start has failed */
        uint64_t begun;    /* log_now() of the start */
};

/** All machines that are stopped or started. */
struct tasks {
        const struct execute_request *request;
        struct task *items;
        size_t count;
        int notifier; /* inotify(7) of the records */
};

/** Begins to stop a machine; task->fd tells when it has stopped, -EBADF if it does not run. Returns
 * 0 or -errno with error set. */
int task_begin_stop(const struct tasks *tasks, struct task *task, struct machine_error *error);

/** Ends a stop whose descriptor, if any, is readable. */
int task_end_stop(const struct tasks *tasks, struct task *task, struct machine_error *error);

/** Begins to start a machine according to its definition in the search path. */
int task_begin_start(const struct tasks *tasks, struct task *task, struct machine_error *error);

/** Ends a start whose descriptor is readable. */
int task_end_start(const struct tasks *tasks, struct task *task, struct machine_error *error);

/** Looks at a machine that was started. Returns 1 if it is as it should be, 0 if that is not known
 * yet, with task->deadline set to the time at which to look again, or -errno with error set. */
int task_look(const struct tasks *tasks, struct task *task, struct machine_error *error);

/** Changes a running machine without a restart. */
int task_change_live(const struct tasks *tasks, const struct plan_item *item,
                     struct machine_error *error);

/** Removes what a stopped machine leaves: its record and addresses, and with prune_data its
 * writable layer and logs. */
int task_remove(const struct tasks *tasks, const struct plan_item *item,
                struct machine_error *error);

/** Lets the writable layer of a stopped machine move to another image at the next start. */
int task_unpin_image(const struct tasks *tasks, const struct plan_item *item,
                     struct machine_error *error);

#endif
