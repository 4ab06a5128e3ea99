/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_REQUEST_H
#define APPLY_PLAN_REQUEST_H

#include "apply/store/store.h"
#include "apply/view/view.h"
#include "state/store.h"

/** What a plan is made from. Borrowed. */
struct plan_request {
        const struct view *view;
        const struct source_store *store;
        const struct source_record *record;
        const struct state_store *machines;
        const char *state_directory;
        bool prune;
        bool force; /* versions that have failed are tried again */
};

#endif
