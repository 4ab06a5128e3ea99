/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_VOLUME_H
#define MACHINE_VOLUME_H

/**
 * A volume as a plain struct: its `NAME.volume` file with all defaults filled in. The file is
 * optional.
 */

#include <machine/machine.h>

MACHINE_BEGIN_DECLARATIONS;

/** Ids in the machine. */
struct machine_owner {
        bool set;
        uint32_t uid;
        uint32_t gid;
};

struct volume_definition {
        char *name;                     /* the file's name without ".volume" */
        char *definition;               /* absolute path of the file, or NULL: none */
        uint64_t size;                  /* maximum, in bytes, or MACHINE_UNSET */
        struct machine_owner owner;     /* of its top directory; not set: as in the root */
        char **labels;                  /* "KEY=VALUE" */
        struct machine_origin *origins; /* of the keys in the file */
        size_t origin_count;
};

/**
 * Creates a volume with all defaults and a copy of the name. Returns NULL if out of memory. The
 * caller frees it with volume_definition_free().
 */
struct volume_definition *volume_definition_new(const char *name);

/** Frees a volume and everything it owns. NULL is allowed. */
void volume_definition_free(struct volume_definition *volume);

MACHINE_END_DECLARATIONS;

#endif
