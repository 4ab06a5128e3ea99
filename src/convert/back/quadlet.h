/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_BACK_QUADLET_H
#define CONVERT_BACK_QUADLET_H

#include "convert/back/back.h"

BACK_TAKE(bytes);
BACK_TAKE(swap);
BACK_TAKE(cpu);
BACK_TAKE(cpu_weight);
BACK_TAKE(io_weight);
BACK_TAKE(io);

#endif
