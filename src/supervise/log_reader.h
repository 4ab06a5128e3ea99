/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LOG_READER_H
#define SUPERVISE_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

/** One entry of a log file, see supervise/log_file.h. Borrowed from the reader. */
struct log_entry {
        uint64_t usec; /* CLOCK_REALTIME */
        const char *stream;
        size_t stream_length;
        bool whole; /* the text ends its line */
        const char *text;
        size_t length;
};

/** Called for each entry, oldest first; a negative answer ends the reading with it. */
typedef int (*log_entry_handler)(const struct log_entry *entry, void *data);

struct log_reading {
        const char *directory;
        const char *machine;
        uint64_t since; /* entries before are left out; 0: none are */
        uint64_t last;  /* only so many of the newest lines; UINT64_MAX: all */
        bool follow;    /* go on with what is written later; never ends by itself */
        /** Asked when nothing new is there and follow is set: true ends the reading. May be NULL.
         */
        bool (*ended)(void *data);
        log_entry_handler handler;
        void *data;
};

/** Reads the log of a machine, the rotated part first. -ENOENT with an error where it has none. */
int log_read(const struct log_reading *reading, struct machine_error *error);

/** The same from the journal, whose directory is its own. An error where journalctl(1) fails. */
int log_read_journal(const struct log_reading *reading, struct machine_error *error);

/** The same from wherever the machine's log is: its file, else the journal where one runs. -ENOENT
 * with an error where it has none. */
int log_read_any(const struct log_reading *reading, struct machine_error *error);

/** Reads one line of a log file, without its newline. 0, or -EBADMSG: not of the form. */
int log_parse_entry(const char *line, size_t length, struct log_entry *ret);

#endif
