/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_IMAGES_H
#define APPLY_IMAGES_H

#include "apply/application.h"

/**
 * Records the images of the revision that is applied: those that its definitions name, and those
 * that the source's machines last ran well with. `prune` keeps them as long as the tree is stored.
 * Returns 0 or -errno with error set.
 */
int application_note_images(const struct application *application, struct machine_error *error);

#endif
