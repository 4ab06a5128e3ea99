/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_DELAY_H
#define SUPERVISE_LIFE_DELAY_H

#include <machine/machine.h>

#include "supervise/life/options.h"

/**
 * Records that this process starts a machine after its `start_delay`, so that it is listed and can
 * be stopped in the meantime. Returns whether there is a delay: not if the start would fail anyway,
 * because the machine runs or belongs to another definition, or if the record cannot be written.
 */
bool delay_begin(const struct machine *machine, const struct supervisor_options *options);

#endif
