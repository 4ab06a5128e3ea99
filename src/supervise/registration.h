/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_REGISTRATION_H
#define SUPERVISE_REGISTRATION_H

#include "base/event.h"
#include "launch/launch.h"

/** A machine's entry with systemd-machined. */
struct registration;

/**
 * Registers the machine of a launch where systemd runs the host, without waiting. unit is that of
 * the caller, or NULL. NULL where there is nothing to register with, which the other function
 * takes. The loop has to outlive it; ended by registration_end().
 */
struct registration *registration_begin(struct event_loop *loop, struct launch *launch,
                                        const struct machine *machine, const char *unit);

/** Takes the entry back, and waits until it is. */
void registration_end(struct registration *registration);

#endif
