/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_DISK_TYPES_H
#define BASE_DISK_TYPES_H

#include "base/disk/disk.h"

/** Sets role, part and architecture of a partition from its type. */
void disk_set_role(struct disk_partition *partition);

/** Whether a file system is one that machines are made from. */
bool disk_type_is_known(const char *type);

#endif
