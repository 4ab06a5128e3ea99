/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_JOURNAL_H
#define SYSTEMD_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Returns whether a journal is running on this host. */
bool journal_is_running(void);

/** Waits until all lines sent before can be read. */
void journal_sync(void);

/** Connects to the journal with its native protocol. Returns a descriptor, -ENOENT if no journal is
 * running, or another -errno. */
int journal_open(void);

/**
 * Sends a line: MESSAGE, PRIORITY (syslog(3)), and the name of the machine as MACHINE and
 * SYSLOG_IDENTIFIER. Blocks if the journal is slow, so that no line is lost. Returns 0 or -errno.
 */
int journal_send(int fd, const char *machine, int priority, const char *text, size_t length);

/** Selects lines of a machine. */
struct journal_query {
        const char *machine;
        uint64_t since; /* CLOCK_REALTIME, microseconds; 0 for all */
        uint64_t last;  /* number of newest lines, ignoring since; UINT64_MAX for all */
        bool follow;
};

/**
 * Runs journalctl(1), which writes one JSON object per line to a pipe. *ret_fd is the reading end.
 * The caller closes it and reaps the process. Returns 0 or -errno.
 */
int journal_spawn_reader(const struct journal_query *query, pid_t *ret, int *ret_fd);

#endif
