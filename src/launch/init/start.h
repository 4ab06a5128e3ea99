/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_START_H
#define LAUNCH_INIT_START_H

#include "launch/init/hook.h"
#include "launch/init/plan.h"

/* The first process of a container, between its creation and its start. */

/** Adds a hook to those of a plan, as strings. 0 or -ENOMEM. */
int start_add_hook(char ***hooks, const struct hook *hook);

/** Says that everything is set up, and waits until the creator has written down what finds this
 * process again. From then on it lives without him; it exits if he dies before. */
void start_await_creator(void);

/**
 * Waits until the creator has written down that the container exists, then until somebody starts
 * it, who takes the creator's place at INIT_SOCKET_FD, and runs the hooks. Exits if the creator
 * dies first. 0 or -errno with error set, which the starter gets.
 */
int start_await(const struct init_plan *plan, struct machine_error *error);

#endif
