/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_LOG_READER_H
#define SUPERVISE_OUTPUT_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

/** One entry of a log file, see supervise/output/log_file.h. Borrowed from the reader. */
struct log_entry {
        uint64_t usec; /* CLOCK_REALTIME */
        const char *stream;
        size_t stream_length;
        bool whole; /* the text ends its line */
        const char *text;
        size_t length;
};

/** Called for each entry, oldest first. A negative return value ends the reading. */
typedef int (*log_entry_handler)(const struct log_entry *entry, void *data);

struct log_reading {
        const char *directory;
        const char *machine;
        uint64_t since; /* omit older entries */
        uint64_t last;  /* number of newest lines; UINT64_MAX for all */
        bool follow;    /* wait for new entries */
        /** With follow, called when there are no new entries; true ends the reading. May be NULL.
         */
        bool (*ended)(void *data);
        log_entry_handler handler;
        void *data;
};

/** Reads the log files of a machine, the rotated one first. Returns 0 or -errno with error set;
 * -ENOENT if there is none. */
int log_read(const struct log_reading *reading, struct machine_error *error);

/** Like log_read() from the journal, with journalctl(1). The directory is ignored. */
int log_read_journal(const struct log_reading *reading, struct machine_error *error);

/** Like log_read() from the log file if it exists, or else from the journal. */
int log_read_any(const struct log_reading *reading, struct machine_error *error);

/** Parses one line of a log file, without its newline. Returns 0, or -EBADMSG if it is malformed.
 */
int log_parse_entry(const char *line, size_t length, struct log_entry *ret);

#endif
