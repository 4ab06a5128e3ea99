/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_UNITS_QUADLET_H
#define CONVERT_UNITS_QUADLET_H

#include "convert/units/unit.h"

/** Each converts one kind of Quadlet. 0 or -errno with error set. */
int quadlet_convert_container(struct unit *unit, const struct node *root,
                              struct machine_error *error);
int quadlet_convert_pod(struct unit *unit, const struct node *root, struct machine_error *error);
int quadlet_convert_volume(struct unit *unit, const struct node *root, struct machine_error *error);
int quadlet_convert_network(struct unit *unit, const struct node *root,
                            struct machine_error *error);
/** An image is named by the containers that use it: it makes no file. */
int quadlet_convert_image(struct unit *unit, const struct node *root, struct machine_error *error);

/** "data.volume:/data" is "data:/data": names of other Quadlets without their suffix. NULL if
 * memory is short. */
char *quadlet_plain_name(const char *value, const char *suffix);

/** Ways to take a value that names another Quadlet; `text` is its suffix. */
UNIT_TAKE(named);

#endif
