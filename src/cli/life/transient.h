/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_TRANSIENT_H
#define CLI_LIFE_TRANSIENT_H

#include "cli/machines/machines.h"

/*
 * Transient machines: those of `run` without a given name, which are deleted when they end. The
 * file STATE/transient/NAME is locked while such a machine runs; an unlocked file belongs to a
 * `run` that was killed, possibly before the last boot.
 */

/** Marks a machine as transient. Returns a lock, which the caller holds until the machine is
 * removed, or -errno with error set. */
int cli_hold_transient(const struct cli *cli, const char *name, struct machine_error *error);

/** Removes the mark, after the machine has been removed. */
void cli_release_transient(const struct cli *cli, const char *name, int lock);

/** Removes the machines whose `run` was killed. Returns 0, or -errno with the last error set. */
int cli_collect_transient(struct cli *cli, struct machine_error *error);

/** Like cli_collect_transient() before a start: failures are only warnings. */
void cli_collect_transient_before_start(struct cli *cli);

#endif
