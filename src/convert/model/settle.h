/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_MODEL_SETTLE_H
#define CONVERT_MODEL_SETTLE_H

#include "base/error.h"
#include "convert/model/model.h"

/**
 * Checks the files as `check` does, and drops each setting that is refused, with the reason, until
 * all are accepted. Returns 0, or -errno with error set: also -EINVAL for a file that cannot be
 * valid, such as a machine without a root.
 */
int convert_settle(struct conversion *conversion, struct machine_error *error);

#endif
