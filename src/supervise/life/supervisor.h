/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_SUPERVISOR_H
#define SUPERVISE_LIFE_SUPERVISOR_H

#include "supervise/life/options.h"

struct log;
struct machine;
struct machine_error;

/**
 * Starts a machine and supervises it until it ends: writes its log, watches health and memory,
 * restarts it according to its definition, stops it on SIGTERM or SIGINT, kills it on the second
 * one, and records how it ended. Notifies the service manager if requested (sd_notify(3)). Returns
 * the exit status of the last run, or -errno with error set if the machine could not be started.
 */
int supervise(struct machine *machine, const struct supervisor_options *options,
              struct machine_error *error);

/**
 * Runs supervise() in a detached process. *ret_report is the socket for supervise_await(), which
 * the caller closes. Returns 0 or -errno with error set.
 */
int supervise_detach(struct machine *machine, const struct supervisor_options *options,
                     int *ret_report, struct machine_error *error);

/** Waits until a machine is ready as defined by `ready`, and prints what its start warns of.
 * Returns 1 if its payload is running, but not ready yet; 0; or -errno with the reason in error. */
int supervise_await(int report, const char *name, const struct log *log,
                    struct machine_error *error);

#endif
