/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_DEPENDENTS_H
#define STATE_DEPENDENTS_H

#include "state/record.h"

/*
 * Which machines require a machine: a file RUNTIME/requires/MACHINE/DEPENDENT for each live one, so
 * that a stop need not read the records of all machines. A crash may leave a file: the record of
 * the dependent tells whether it is live, and what it requires.
 */

/* directory_fd is the directory of records. */

/** Notes what a live machine requires, before its record is saved. Returns 0 or -errno. */
int dependents_note(int directory_fd, const struct machine_record *record);

/** Removes the notes about a machine that is no longer live. */
void dependents_forget(int directory_fd, const struct machine_record *record);

/** Lists the names of the machines that require a machine, sorted. Returns 0 or -errno; the caller
 * frees *ret. */
int dependents_list(int directory_fd, const char *name, char ***ret);

#endif
