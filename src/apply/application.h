/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_APPLICATION_H
#define APPLY_APPLICATION_H

#include "apply/execute/execute.h"
#include "apply/fetch/fetch.h"
#include "apply/plan/plan.h"
#include "apply/store/store.h"
#include "apply/view/view.h"

struct apply_options {
        struct execute_host host;
        /* What to apply: a directory, a URL or "-" .. */
        const char *origin;
        struct fetch_request fetch; /* the rest of what fetching takes; origin, current, log and
                                     * runtime_directory are filled in */
        /* .. or a stored revision: "" is the one before the current. */
        const char *rollback;
        const char *source;  /* the id of the source, or NULL */
        const char *as_host; /* another host's view; only with `plan` */
        bool plan;           /* nothing is changed */
        bool prune, prune_data;
        bool atomic;
        bool force;
};

/** One run. */
struct application {
        const struct apply_options *options;
        struct source_store store;
        struct source_record record;
        struct state_store machines;
        struct fetched fetched;
        char *revision; /* that is to be current */
        char *from;     /* the current one, or NULL */
        char *adopted;  /* the tree that was stored for this run, until it is current */
        struct view *view;
        struct plan *plan; /* NULL if definitions have errors */
        char **clashes;    /* why nothing can be done */
        struct execute_result *results;
        bool taken_back; /* everything, with `atomic` */
};

#endif
