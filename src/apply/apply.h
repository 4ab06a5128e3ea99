/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_APPLY_H
#define APPLY_APPLY_H

#include "apply/application.h"

/* Makes a host be what a directory of definitions says. */

/**
 * Fetches, stores and checks the tree and makes the plan. Nothing that runs is changed, and errors
 * in definitions are in application->view->diagnostics. Returns 0 or -errno with error set; the
 * caller calls application_close() in any case.
 */
int application_open(const struct apply_options *options, struct application *ret,
                     struct machine_error *error);

/** Carries out the plan. Returns the number of machines that are not as the tree says, or -errno
 * with error set: then nothing was changed, or the next run finishes it. */
int application_carry_out(struct application *application, struct machine_error *error);

void application_close(struct application *application);

/** Opens a source for reading: the one with that id, or with NULL the only one. Returns 0, or
 * -errno with error set: -ENOENT without one, -EINVAL if there are several. */
int apply_open_source(const char *state_directory, const char *id, struct source_store *ret,
                      struct source_record *ret_record, struct machine_error *error);

#endif
