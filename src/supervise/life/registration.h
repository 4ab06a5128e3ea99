/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_REGISTRATION_H
#define SUPERVISE_LIFE_REGISTRATION_H

#include "base/process/event.h"
#include "launch/launch.h"

/** The registration of a machine with systemd-machined. */
struct registration;

/**
 * Registers a machine, without waiting, if the host runs systemd. unit is the unit of the caller,
 * or NULL. Returns NULL, which registration_end() accepts, on other hosts or if out of memory. The
 * loop has to outlive the registration.
 */
struct registration *registration_begin(struct event_loop *loop, struct launch *launch,
                                        const struct machine *machine, const char *unit);

/** Unregisters the machine and waits for it. registration may be NULL. */
void registration_end(struct registration *registration);

#endif
