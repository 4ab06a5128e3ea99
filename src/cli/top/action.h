/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TOP_ACTION_H
#define CLI_TOP_ACTION_H

#include <sys/types.h>

#include "cli/common/cli.h"

#define ACTIONS_MAXIMUM 8

/* Other verbs of this program, which run as programs of their own. */

/** A machine that is being stopped. */
struct action {
        char *machine;
        pid_t pid;  /* 0: none */
        int output; /* what it prints */
};

/** Starts `stop MACHINE`. Returns 0 or -errno. */
int action_stop(const struct cli *cli, const char *machine, struct action *ret);

/** Collects one that has ended. Returns 1 and a sentence on how it went, which the caller frees; 0
 * if it still runs; or -ENOMEM. */
int action_collect(struct action *action, char **ret);

/** Forgets one; `stop` goes on. */
void action_release(struct action *action);

/**
 * Shows `logs --follow MACHINE` on the terminal, until the user interrupts it. The caller has
 * blocked the signals that end a program. Returns 0, the signal that asked this program to end, or
 * -errno.
 */
int action_show_logs(const struct cli *cli, const char *machine);

#endif
