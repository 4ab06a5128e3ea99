/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_IMAGE_H
#define LAUNCH_IMAGE_H

#include "launch/launch.h"

/* The step of a start that resolves `image` to layers and applies the defaults of its
 * configuration. */

bool launch_wants_image(const struct launch *launch);
int launch_set_up_image(struct launch *launch, struct machine_error *error);
int launch_tear_down_image(struct launch *launch, struct machine_error *error);

#endif
