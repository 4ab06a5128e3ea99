/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_EVENT_LOG_H
#define STATE_EVENT_LOG_H

/*
 * What happened to machines since the boot, for `events`: a line of JSON for each record and health
 * that was saved, and for each record that was removed, in the order in which it happened. Readers
 * derive events from the differences. The log has two files beside the directory of records, which
 * is RUNTIME/machines; the full one replaces the older one, so that they take at most 2 MiB
 * together.
 */
#define EVENT_LOG     "../events"
#define EVENT_LOG_OLD "../events.old"

/** Each logs one thing, given the directory of records, and does nothing if the log cannot be
 * written: what it reports has happened in any case. `text` is one line of JSON. */
void event_log_record(int directory_fd, const char *text);
void event_log_health(int directory_fd, const char *name, const char *text);
void event_log_removed(int directory_fd, const char *name);

#endif
