/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_IMAGE_H
#define LAUNCH_IMAGE_H

#include "launch/launch.h"

/* The step of a start that turns `image` into layers, and the image's config into defaults. */

bool launch_wants_image(const struct launch *launch);
int launch_set_up_image(struct launch *launch, struct machine_error *error);
int launch_tear_down_image(struct launch *launch, struct machine_error *error);

#endif
