/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_JOURNAL_H
#define SYSTEMD_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Whether a journal runs on this host. */
bool journal_is_running(void);

/** Waits until all lines that were sent can be read. */
void journal_sync(void);

/** Connects to the journal (its native protocol). A descriptor, -ENOENT where no journal runs, or
 *  another -errno. */
int journal_open(void);

/**
 * Sends a line: MESSAGE, PRIORITY (syslog(3)), MACHINE and SYSLOG_IDENTIFIER with the machine's
 * name. 0 or -errno; waits while the journal is behind, so that no line is lost.
 */
int journal_send(int fd, const char *machine, int priority, const char *text, size_t length);

/** What of a machine's lines is read. */
struct journal_query {
        const char *machine;
        uint64_t since; /* CLOCK_REALTIME, microseconds; 0: from the first on */
        uint64_t last;  /* only so many of the newest, whatever since says; UINT64_MAX: all */
        bool follow;
};

/**
 * Runs journalctl(1), which writes one JSON object in each line to the pipe whose other end is
 * *ret_fd. Both are the caller's, who reaps the process. 0 or -errno.
 */
int journal_spawn_reader(const struct journal_query *query, pid_t *ret, int *ret_fd);

#endif
