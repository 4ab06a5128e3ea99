/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_OWNER_H
#define STATE_OWNER_H

#include <machine/error.h>

/*
 * The owner of a machine is the path of its definition, because files of the same name in different
 * directories are different machines, which must not use each other's files. It is stored in the
 * record and, permanently, in a file next to the writable layer.
 */

/** A claim of a definition to a machine. All members are borrowed. */
struct claim_to_machine {
        const char *name;
        const char *definition; /* absolute path; NULL if defined on the command line */
        char *const *search;    /* directories of definitions; may be NULL */
};

/**
 * Checks that the owner of a machine (NULL: the command line) is the definition of the claim:
 * another spelling of its path, a link to it, or a file that precedes it in the search path.
 * Returns 0, or -EEXIST with an error that names both.
 */
int owner_check(const struct claim_to_machine *claim, const char *known,
                struct machine_error *error);

/** Like owner_check() with the owner stored in STATE/machines/NAME. Returns 0 if there is none. */
int owner_check_kept(const struct claim_to_machine *claim, const char *state_directory,
                     struct machine_error *error);

/** Stores the owner in STATE/machines/NAME, which must exist. Returns 0 or -errno with error set.
 */
int owner_keep(const struct claim_to_machine *claim, const char *state_directory,
               struct machine_error *error);

#endif
