/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_CANDIDATES_H
#define CLI_LIFE_CANDIDATES_H

#include "cli/machines/definition.h"
#include "cli/machines/machines.h"

/* The machines that one command starts: those it names, and those that they require. */

enum progress {
        WAITING,
        UNDER_WAY,
        READY,
        FAILED,
};

struct candidate {
        struct machine *machine;
        char **requires; /* config_requirements() */
        enum progress progress;
        int report;   /* of its supervisor while it is under way, else -EBADF */
        bool running; /* .. but its payload is running, and it is only waited for */
        int result;   /* why it failed, .. */
        struct machine_error failure;
};

struct candidates {
        struct cli *cli;
        struct state_store store;
        struct candidate *items; /* each machine once */
        size_t count;
        struct diagnostics findings; /* about the definitions */
        char **broken;               /* arguments whose definitions have errors */
        size_t reported; /* failures of this many have been printed: in the order of the list */
        int result;
        struct machine_error *error; /* the last one; earlier ones have been printed */
};

/** Starts an empty list. The caller frees it with candidates_clear(). */
int candidates_init(struct candidates *candidates, struct cli *cli, struct machine_error *error);

/** Adds the machine of an argument (NULL: one that consists of the settings), READY if it is
 * running. Errors in its definition are a failure without a message: they are among the findings.
 * Returns 0 or -errno. */
int candidates_add(struct candidates *candidates, const char *argument,
                   const struct cli_settings *settings, struct machine_error *error);

/** Adds required machines transitively. Those that cannot be added make the candidate fail. */
void candidates_add_required(struct candidates *candidates, const struct cli_settings *settings);

/** Prints the findings about all definitions, and records as a failure that some have errors. */
void candidates_tell_findings(struct candidates *candidates);

/** Finds a candidate by the name of its machine, or NULL. */
struct candidate *candidates_find(const struct candidates *candidates, const char *name);

/** Records a failure, which is moved, as the command's result; prints the one before. A failure
 * without a message is left to candidates_tell_findings(). */
void candidates_fail(struct candidates *candidates, struct machine_error *failure, int r);

/** Enters a user namespace that suits all machines, because their supervisors share it; see
 * cli/machines/user.h. Returns 0 or -errno with error set. */
int candidates_enter_user(struct candidates *candidates, struct machine_error *error);

/** Starts all candidates as far as `requires` and `after` allow, a few at a time for each
 * processor, and waits for them. Failures are printed in the order of the list. */
void candidates_start(struct candidates *candidates);

void candidates_clear(struct candidates *candidates);

#endif
