/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_PROCESS_H
#define BASE_PROCESS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/cleanup.h"

/**
 * Identifies a process unambiguously: a pid is reused, a pid with its start time within one boot is
 * not.
 */
struct process_identity {
        pid_t pid;
        uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat */
        char boot_id[37];    /* /proc/sys/kernel/random/boot_id */
};

/** Gets the identity of a running process; pid 0 is the caller. Returns 0, or -ESRCH if it does not
 * exist. */
int process_identify(pid_t pid, struct process_identity *ret);

/** Whether this very process is still running (a zombie is not). */
bool process_is_alive(const struct process_identity *identity);

/** The same, for many checks with a known boot id. */
bool process_is_alive_in_boot(const struct process_identity *identity, const char *boot_id);

/** Opens a pidfd for this very process, or returns -ESRCH if it has exited. The caller closes
 * it. */
int process_open(const struct process_identity *identity);

/** Gets the current boot id. Returns 0 or -errno. */
int process_boot_id(char ret[static 37]);

/**
 * fork(2) by clone3(2): a copy of the caller with its own memory and descriptors. `flags` are
 * additional CLONE_ flags. ret_pidfd (may be NULL) is set to a descriptor (O_CLOEXEC) of the child.
 * Returns the child's pid in the parent, 0 in the child, or -errno.
 */
pid_t process_fork(uint64_t flags, int *ret_pidfd);

/** Waits for a child, continuing after EINTR. Returns its exit status as in a shell (128 + signal),
 * or -errno. */
int process_wait(pid_t pid);

/** The exit status as in a shell, from si_code and si_status of waitid(2). */
int process_exit_status(int code, int status);

/** The command line of this process as others read it from /proc/PID/cmdline. */
struct process_title {
        char *start;
        size_t length;
};

/** Finds it by the arguments of main(). */
struct process_title process_title_of(int argc, char **argv);

/** Overwrites it, and sets the name of the process; both are cut if they are too long. What argv
 * points to is gone. */
void process_set_title(const struct process_title *title, const char *name);

/** The names of resource limits by their number, "RLIMIT_CPU" (getrlimit(2)). */
extern const char *const process_limit_names[RLIM_NLIMITS];

/** Gives all signals their default handlers, as programs expect: some fail if SIGPIPE is ignored,
 * as it is in services of systemd. */
void process_reset_handlers(void);

/** Empties the mask of signals. */
void process_unblock_signals(void);

/** Closes all descriptors from `first` on. Returns 0 or -errno. */
int process_close_from(int first);

#endif
