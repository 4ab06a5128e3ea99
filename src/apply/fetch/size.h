/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_SIZE_H
#define APPLY_FETCH_SIZE_H

#include <stdint.h>

#include "apply/fetch/request.h"
#include "base/error.h"

/** The maximum size of what is fetched, and of its files together. */
uint64_t fetched_size_maximum(const struct fetched *fetched);

/** Adds to an error the hint that this maximum was the reason, if it was. Returns r. */
int fetched_explain(int r, uint64_t maximum, struct machine_error *error);

#endif
