/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_DEFINITION_H
#define SUPERVISE_LIFE_DEFINITION_H

#include "supervise/life/supervision.h"

/** Takes over a definition that was replaced by one that needs no restart. */
void supervisor_follow_definition(struct supervisor *supervisor);

#endif
