/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_JOURNAL_H
#define SYSTEMD_JOURNAL_H

#include <stddef.h>

/** Connects to the journal (its native protocol). A descriptor, -ENOENT where no journal runs, or
 *  another -errno. */
int journal_open(void);

/**
 * Sends a line: MESSAGE, PRIORITY (syslog(3)), MACHINE and SYSLOG_IDENTIFIER with the machine's
 * name. 0 or -errno; waits while the journal is behind, so that no line is lost.
 */
int journal_send(int fd, const char *machine, int priority, const char *text, size_t length);

#endif
