/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_SETTLE_H
#define APPLY_SETTLE_H

#include "apply/application.h"

/* The part of a run that changes the host. A run that is killed anywhere in it is finished by the
 * next one, whose plan has what is left. */

/** Returns whether neither the host nor the record has to change. */
bool application_is_settled(const struct application *application);

/** The number of machines that stay with an earlier version because theirs has failed before. */
int application_count_withheld(const struct application *application);

/** Records what is about to happen and makes the revision the current one. */
int application_begin(struct application *application, struct machine_error *error);

/** Carries out the plan, with `atomic` takes it back if anything failed, and records the result.
 * Returns the number of machines that are not as the tree says, or -errno with error set. */
int application_finish(struct application *application, struct machine_error *error);

#endif
