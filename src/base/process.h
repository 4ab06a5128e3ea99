/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

/**
 * A process that can be recognized later: a pid is reused, a pid with its start time within one
 * boot is not.
 */
struct process_identity {
        pid_t pid;
        uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat */
        char boot_id[37];    /* /proc/sys/kernel/random/boot_id */
};

/** The identity of a process that runs now; pid 0 is the caller. 0, or -ESRCH where it is gone. */
int process_identify(pid_t pid, struct process_identity *ret);

/** Whether exactly that process still runs (a zombie does not). */
bool process_is_alive(const struct process_identity *identity);

/** The same for whoever asks about many and knows the id of this boot. */
bool process_is_alive_in_boot(const struct process_identity *identity, const char *boot_id);

/** A pidfd for exactly that process, or -ESRCH where it is gone. The caller closes it. */
int process_open(const struct process_identity *identity);

/** The boot id of this boot. 0 or -errno. */
int process_boot_id(char ret[static 37]);

/** Waits for a child; goes on after EINTR. Returns its exit status as a shell would tell it
 *  (128 + signal), or -errno. */
int process_wait(pid_t pid);

/** The exit status as a shell would tell it, from si_code and si_status of waitid(2). */
int process_exit_status(int code, int status);

/** Closes every descriptor from `first` on. 0 or -errno. */
int process_close_from(int first);

#endif
