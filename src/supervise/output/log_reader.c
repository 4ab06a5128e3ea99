/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/output/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"

/* The interval, in milliseconds, at which a follower checks whether the machine has ended. */
#define END_CHECK_INTERVAL 500

int log_parse_entry(const char *line, size_t length, struct log_entry *ret)
{
        struct log_entry entry = { 0 };
        struct tm parts = { 0 };
        const char *end = line + length;
        const char *rest = strptime(line, "%Y-%m-%dT%H:%M:%S", &parts);
        char *after;
        long micros;

        if (!rest || *rest != '.') {
                return -EBADMSG;
        }
        micros = strtol(rest + 1, &after, 10);
        if (after != rest + 7 || after[0] != 'Z' || after[1] != ' ' || micros < 0) {
                return -EBADMSG;
        }
        entry.usec = (uint64_t)timegm(&parts) * USEC_PER_SEC + (uint64_t)micros;
        entry.stream = after + 2;
        entry.stream_length = strcspn(entry.stream, " \n");
        rest = entry.stream + entry.stream_length;
        if (end - rest < 3 || (rest[1] != 'F' && rest[1] != 'P') || rest[2] != ' ') {
                return -EBADMSG;
        }
        entry.whole = rest[1] == 'F';
        entry.text = rest + 3;
        entry.length = (size_t)(end - entry.text);
        *ret = entry;
        return 0;
}

/* A log file and the current line. */
struct source {
        FILE *file;
        char *line;
        size_t room;
        uint64_t skip; /* lines to skip */
};

/* Passes on all entries up to the current end of the file. */
static int read_entries(const struct log_reading *reading, struct source *source)
{
        ssize_t n;

        while ((n = getline(&source->line, &source->room, source->file)) > 0) {
                struct log_entry entry;
                int r;

                if (source->line[n - 1] != '\n') {
                        /* Incomplete: read it again when there is more. */
                        (void)fseeko(source->file, -n, SEEK_CUR);
                        break;
                }
                if (source->skip > 0) {
                        source->skip--;
                        continue;
                }
                if (log_parse_entry(source->line, (size_t)n - 1, &entry) < 0 ||
                    entry.usec < reading->since) {
                        continue;
                }
                r = reading->handler(&entry, reading->data);
                if (r < 0) {
                        return r;
                }
        }
        clearerr(source->file);
        return 0;
}

static uint64_t count_lines(FILE *file)
{
        char chunk[16384];
        uint64_t lines = 0;
        size_t n;

        while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
                for (const char *at = chunk; (at = memchr(at, '\n', (size_t)(chunk + n - at)));
                     at++) {
                        lines++;
                }
        }
        rewind(file);
        return lines;
}

static FILE *open_log(const struct log_reading *reading, const char *suffix)
{
        _cleanup_free_ char *path =
                string_format("%s/%s.log%s", reading->directory, reading->machine, suffix);

        return path ? fopen(path, "re") : NULL;
}

/* Starts over if the file was truncated. */
static void follow_truncation(FILE *file)
{
        struct stat status;

        if (fstat(fileno(file), &status) == 0 && status.st_size < ftello(file)) {
                rewind(file);
        }
}

/* Returns whether the open file is still the log of the machine and was not rotated. */
static bool is_current(const struct log_reading *reading, FILE *file)
{
        _cleanup_free_ char *path =
                string_format("%s/%s.log", reading->directory, reading->machine);
        struct stat here, there;

        return !path || stat(path, &there) < 0 || fstat(fileno(file), &here) < 0 ||
               (here.st_ino == there.st_ino && here.st_dev == there.st_dev);
}

static int wait_for_more(int notifier)
{
        char events[4096];
        struct pollfd changes = { .fd = notifier, .events = POLLIN };

        if (poll(&changes, 1, END_CHECK_INTERVAL) < 0 && errno != EINTR) {
                return -errno;
        }
        while (read(notifier, events, sizeof events) > 0) {
        }
        return 0;
}

/* Switches to the new file if the log was rotated, after reading the rest of the old one. Returns 1
 * if it was rotated, 0 if not, or the error of a handler. */
static int move_on(const struct log_reading *reading, struct source *source)
{
        FILE *next = is_current(reading, source->file) ? NULL : open_log(reading, "");
        int r = next ? read_entries(reading, source) : 0;

        if (!next) {
                return 0;
        }
        if (r < 0) {
                fclose(next);
                return r;
        }
        fclose(source->file);
        source->file = next;
        return 1;
}

static int follow(const struct log_reading *reading, struct source *source)
{
        _cleanup_close_ int notifier = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        int r = 0;

        if (notifier < 0 ||
            inotify_add_watch(notifier, reading->directory, IN_MODIFY | IN_CREATE | IN_MOVE) < 0) {
                return -errno;
        }
        while (r >= 0) {
                bool ended = reading->ended && reading->ended(reading->data);

                follow_truncation(source->file);
                r = read_entries(reading, source);
                if (r == 0) {
                        r = move_on(reading, source);
                }
                if (r == 0 && ended) {
                        return 0;
                }
                if (r == 0) {
                        r = wait_for_more(notifier);
                }
        }
        return r;
}

static int read_both(const struct log_reading *reading, struct source *old, struct source *current)
{
        int r = 0;

        if (reading->last != UINT64_MAX) {
                uint64_t old_lines = old->file ? count_lines(old->file) : 0;
                uint64_t lines = count_lines(current->file);
                uint64_t skip =
                        old_lines + lines > reading->last ? old_lines + lines - reading->last : 0;

                old->skip = skip < old_lines ? skip : old_lines;
                current->skip = skip - old->skip;
        }
        if (old->file) {
                r = read_entries(reading, old);
        }
        if (r == 0) {
                r = read_entries(reading, current);
        }
        return r == 0 && reading->follow ? follow(reading, current) : r;
}

int log_read(const struct log_reading *reading, struct machine_error *error)
{
        struct source old = { .file = open_log(reading, ".1") };
        struct source current = { .file = open_log(reading, "") };
        int r;

        if (!current.file) {
                r = error_set(error, errno, "cannot read the log of machine \"%s\" in %s",
                              reading->machine, reading->directory);
        } else {
                r = read_both(reading, &old, &current);
                if (r < 0) {
                        error_set(error, r, "cannot read the log of machine \"%s\"",
                                  reading->machine);
                }
        }
        cleanup_file(&old.file);
        cleanup_file(&current.file);
        free(old.line);
        free(current.line);
        return r;
}
