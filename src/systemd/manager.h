/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_MANAGER_H
#define SYSTEMD_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>

/* The service manager, by its own commands: they wait for jobs and know every version's ways, and
 * no library of it is loaded by a start that does not need it. */

/** Whether systemd is this host's service manager (sd_booted(3)). */
bool systemd_is_booted(void);

/** Whether the unit that machines run in, container@.service, is installed. */
bool systemd_has_machine_unit(void);

/** The unit of a machine, "container@NAME.service", escaped as systemd.unit(5) asks. NULL when
 *  memory is short; the caller frees it. */
char *systemd_unit_of(const char *machine);

/**
 * Runs `systemctl VERB UNIT..`, its output on standard error, and waits. 0, or -errno; -EIO when it
 * failed, which it has explained itself.
 */
int systemd_control(const char *verb, char *const *units, struct machine_error *error);

/**
 * Registers a machine with systemd-machined, so that machinectl(1), journalctl -M and systemctl -M
 * know it. Does not wait: a host without systemd-machined is fine. id is 32 hexadecimal digits,
 * unit the unit of the caller (may be NULL). Returns the process that does it, which the caller
 * reaps, or 0.
 */
pid_t systemd_register_machine(const char *name, const char *id, const char *unit, pid_t leader,
                               const char *root);

/** Takes that back, and waits: a machine that starts again under its name is another one, and
 *  systemd-machined keeps the old one for as long as the unit lives. */
void systemd_unregister_machine(const char *name);

#endif
