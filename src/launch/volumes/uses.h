/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_VOLUMES_USES_H
#define LAUNCH_VOLUMES_USES_H

#include <machine/volume.h>

#include "launch/launch.h"
#include "state/volumes.h"

/* Which machines use which volumes, and removing those that no machine uses. */

/** A use of a volume by a machine, which runs, or is defined or known. */
struct volume_use {
        char *volume;
        char *machine;
};

struct volume_uses {
        struct volume_use *items;
        size_t count;
        char **unknown; /* machines whose volumes cannot be told: their definitions have errors */
};

void volume_uses_clear(struct volume_uses *uses);
#define _cleanup_volume_uses_ _cleanup_(volume_uses_clear)

/** Finds all uses of volumes, by running machines and in definitions. Returns 0 or -errno with
 * error set; the caller clears *ret. */
int volume_uses_find(const struct launch_directories *directories, const struct state_store *store,
                     struct volume_uses *ret, struct machine_error *error);

/** Adds the uses by one more machine, which may have another name than its definition. Returns 0 or
 * -ENOMEM. */
int volume_uses_add(struct volume_uses *uses, const struct machine *machine, const char *name);

/** A process that locks volumes, but is no machine. */
struct volume_access {
        struct state_store store;
        struct machine_record record; /* whom locks belong to: no machine */
        int trees;
};

#define VOLUME_ACCESS_INIT                                                  \
        {                                                                   \
                .store = STATE_STORE_INIT, .record = { 0 }, .trees = -EBADF \
        }

int volume_access_open(const struct launch_directories *directories, struct volume_access *ret,
                       struct machine_error *error);
void volume_access_close(struct volume_access *access);
#define _cleanup_volume_access_ _cleanup_(volume_access_close)

/** Locks a volume, see volume_claim(). */
int volume_access_claim(const struct launch_directories *directories, struct volume_access *access,
                        const char *name, bool make, bool write, struct volume *ret,
                        struct machine_error *error);

/** Removes a volume that no running machine uses. Returns 0 or -errno with error set. */
int volume_access_remove(const struct launch_directories *directories, struct volume_access *access,
                         const char *name, struct machine_error *error);

/** Removes the volumes that these machines use and no other does. Returns 0 or -errno with error
 * set. */
int volume_uses_remove(const struct launch_directories *directories, const struct volume_uses *uses,
                       char *const *machines, const struct log *log, struct machine_error *error);

/** Removes the volumes that no machine uses, if that is certain. Returns 0 or -errno with error
 * set. */
int volume_uses_prune(const struct launch_directories *directories, const struct log *log,
                      struct machine_error *error);

#endif
