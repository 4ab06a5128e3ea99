/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SIGNAL_NAME_H
#define BASE_SIGNAL_NAME_H

/** The name of a signal with "SIG" ("SIGTERM", "SIGRTMIN+3") into text. */
void signal_name(int signal, char text[static 16]);

/** Reads "SIGTERM", "TERM", "15", "SIGRTMIN+3". The number, or -EINVAL. */
int signal_parse(const char *text);

#endif
