/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_SIGNAL_NAME_H
#define BASE_PROCESS_SIGNAL_NAME_H

/** The first and the last real-time signal as glibc, and thus systemd, numbers them: it reserves 32
 * and 33 (signal(7)). Other C libraries have another SIGRTMIN. */
#define SIGNAL_REALTIME_FIRST 34
#define SIGNAL_REALTIME_LAST  64

/** Writes the name of a signal with "SIG" ("SIGTERM", "SIGRTMIN+3") into text. */
void signal_name(int signal, char text[static 16]);

/** Parses "SIGTERM", "TERM", "15", "SIGRTMIN+3". Returns the number, or -EINVAL. */
int signal_parse(const char *text);

#endif
