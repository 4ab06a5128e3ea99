/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_MANAGER_H
#define SYSTEMD_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>

/* Controls the service manager, for a user that of the user, with the commands of systemd, which
 * wait for jobs and match its version. This way a start does not load its libraries. */

/** Returns whether systemd is the service manager of this host (sd_booted(3)); for a user, whether
 * his own service manager runs. */
bool systemd_is_booted(void);

/** Returns whether container@.service, the unit of machines, is installed. */
bool systemd_has_machine_unit(void);

/** Returns the unit of a machine, "container@NAME.service", escaped according to systemd.unit(5),
 * or NULL if out of memory. The caller frees it. */
char *systemd_unit_of(const char *machine);

/** The machine of a unit container@NAME.service, or NULL for another unit or if out of memory. The
 * caller frees it. */
char *systemd_machine_of(const char *unit);

/**
 * Runs `systemctl VERB UNIT..` with its output on standard error, and waits for it. Returns 0 or
 * -errno with error set; -EIO if it failed, after printing the reason itself.
 */
int systemd_control(const char *verb, char *const *units, struct machine_error *error);

/** Starts the same without waiting; the caller reaps *ret. */
int systemd_begin_control(const char *verb, char *const *units, pid_t *ret,
                          struct machine_error *error);

/**
 * Registers a machine with systemd-machined, for machinectl(1), journalctl -M and systemctl -M.
 * Does not wait, and ignores failures, because systemd-machined may not be installed. id is 32
 * hexadecimal digits, unit the unit of the caller (may be NULL). Returns the registering process,
 * which the caller reaps, or 0.
 */
pid_t systemd_register_machine(const char *name, const char *id, const char *unit, pid_t leader,
                               const char *root);

/** Unregisters a machine, and waits for it: systemd-machined would keep it as long as the unit is
 * active, and a new machine of the same name could not be registered. */
void systemd_unregister_machine(const char *name);

/** Returns whether the service manager of the calling user runs without a session of his
 * (loginctl(1), enable-linger). */
bool systemd_lingers(void);

#endif
