/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_LXC_LXC_H
#define CONVERT_LXC_LXC_H

#include "convert/source.h"

/** Converts an LXC configuration, lxc.container.conf(5): the file, or /var/lib/lxc/NAME. */
int lxc_convert(struct conversion *conversion, const struct convert_source *source,
                struct machine_error *error);

#endif
