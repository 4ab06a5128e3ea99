/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_NEWCOMER_H
#define CLI_MACHINES_NEWCOMER_H

#include <jansson.h>
#include <machine/machine.h>

#include "cli/common/cli.h"
#include "cli/moves/moves.h"
#include "state/store.h"

/*
 * A machine that is being made, by `clone` or `import`: its files are in STATE/machines/.NAME.new,
 * its definition in a hidden file, until both get their names as a whole (moves.h). The caller
 * holds the lock of the name; what an earlier attempt has left is removed.
 */
struct newcomer {
        char *name;
        char *directory, *final_directory;
        char *definition, *final_definition; /* paths */
        int directory_fd;
        json_t *settings;   /* of the definition */
        struct moves moves; /* of its other files, which become visible with it */
        bool published;
};

#define NEWCOMER_INIT                  \
        {                              \
                .directory_fd = -EBADF \
        }

/** Begins one whose definition is to be beside another one, or with NULL in the first directory of
 * the search path. Returns 0 or -errno with error set. */
int newcomer_begin(const struct cli *cli, const char *name, const char *beside,
                   struct newcomer *ret, struct machine_error *error);

/** Gives it the effective definition of a machine. */
int newcomer_define(struct newcomer *newcomer, const struct machine *machine,
                    struct machine_error *error);

/** Removes a key of the definition, "network.mac", also in each element of a list. */
int newcomer_drop(struct newcomer *newcomer, const char *key, bool *ret_dropped,
                  struct machine_error *error);

/** The text of its definition. NULL if out of memory; the caller frees it. */
char *newcomer_definition(const struct newcomer *newcomer);

/** Writes its definition and makes it visible. */
int newcomer_publish(const struct cli *cli, const struct state_store *store,
                     struct newcomer *newcomer, struct machine_error *error);

/** Removes everything unless it was published. */
void newcomer_clear(struct newcomer *newcomer);
#define _cleanup_newcomer_ _cleanup_(newcomer_clear)

#endif
