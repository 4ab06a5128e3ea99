/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_MOVES_H
#define CLI_MACHINES_MOVES_H

#include "cli/common/cli.h"
#include "state/store.h"

/*
 * Changes of a machine's files that happen as a whole: it is renamed, or a new one becomes visible.
 * What is to be done is written to STATE/moves.json first; if the process is killed, the next
 * command finishes it. The file is removed last. STATE/moves.lock is held meanwhile.
 */
struct moves {
        char *from;       /* the old name of a machine that is renamed, or NULL */
        char *to;         /* the machine's name */
        char *definition; /* absolute path of its definition then, or NULL */
        char **paths;     /* pairs: a path and its new one; a missing one is left out */
        bool enabled;     /* it starts at boot, by its old name */
};

void moves_clear(struct moves *moves);
#define _cleanup_moves_ _cleanup_(moves_clear)

/** Adds a pair, whose strings are taken even on failure. 0 or -ENOMEM. */
int moves_add(struct moves *moves, char *from, char *to);

/** Carries them out. If something fails, what was done is undone. The caller holds the locks of the
 * machines. Returns 0 or -errno with error set. */
int moves_carry_out(const struct cli *cli, const struct state_store *store,
                    const struct moves *moves, struct machine_error *error);

/** Finishes what a command that was killed has begun. Does nothing for those who may not. */
void moves_recover(const struct cli *cli);

#endif
