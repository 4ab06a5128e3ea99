/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_EXECUTE_EXECUTE_H
#define APPLY_EXECUTE_EXECUTE_H

#include "apply/plan/plan.h"
#include "base/log.h"
#include "launch/launch.h"

/** Where machines are and how they are started. Borrowed. */
struct execute_host {
        struct launch_directories directories; /* config: with the stored trees */
        const char *log_directory;
        const struct log *log;
        bool units; /* through the units of machines */
};

/** The result for one item of the plan, with the same index. */
struct execute_result {
        bool done;       /* or nothing was to be done */
        bool taken_back; /* what ran before runs again, or nothing did */
        char *reason;    /* why it failed, or NULL */
        char *image;     /* the id of the image that it runs now, or NULL */
};

struct execute_request {
        const struct execute_host *host;
        const struct plan *plan;
        const struct source_store *store;
        const struct state_store *machines;
        const struct view *view; /* of the tree */
        const char *revision;    /* that is being applied */
        bool prune_data;         /* .. lose their writable layers and volumes */
        bool take_back;          /* machines that fail go back to what they ran before */
};

/**
 * Checks that the machines that are to be started could start, and fetches their images. Nothing is
 * stopped. Failures are appended to *failures, one text each. Returns 0 or -errno with error set.
 */
int execute_rehearse(const struct execute_request *request, const struct view *view,
                     char ***failures, struct machine_error *error);

/**
 * Carries out the plan: stops in reverse order of `requires`, starts in order of `requires` and
 * `after`, side by side where they allow, and waits until each machine is ready and healthy. A
 * machine that fails is taken back, with those that require it. Returns the number of items that
 * failed, or -errno with error set; `results` has room for all items, cleared by the caller with
 * execute_results_free().
 */
int execute_plan(const struct execute_request *request, struct execute_result *results,
                 struct machine_error *error);

void execute_results_free(struct execute_result *results, size_t count);

#endif
