/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/path.h"
#include "base/rights/trust.h"
#include "base/strings.h"

void config_source_free(struct config_source *source)
{
        if (!source) {
                return;
        }
        free(source->name);
        free(source->directory);
        free(source->text);
        free(source);
}

void config_tidy_path(char *path)
{
        char *out = path;

        for (const char *s = path; *s;) {
                size_t length;

                s += strspn(s, "/");
                length = strcspn(s, "/");
                if (length > 0 && !(length == 1 && *s == '.')) {
                        *out++ = '/';
                        memmove(out, s, length);
                        out += length;
                }
                s += length;
        }
        if (out == path) {
                *out++ = '/';
        }
        *out = '\0';
}

/* The absolute directory of a path, by text: a link to a definition counts as a file of the link's
 * directory. */
static char *directory_of(const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *here = NULL, *directory = NULL;
        char *absolute;

        directory = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
        if (!directory) {
                return NULL;
        }
        if (directory[0] != '/') {
                here = get_current_dir_name();
                /* A removed directory has no name, and opening a relative path in it fails; a
                 * definition may not need one. */
                if (!here && errno != ENOMEM) {
                        here = strdup("/proc/self/cwd");
                }
        }
        absolute = directory[0] == '/' ? TAKE_PTR(directory)
                   : here              ? path_join(here, directory)
                                       : NULL;
        if (absolute) {
                config_tidy_path(absolute);
        }
        return absolute;
}

static struct config_source *source_new(const char *name, const char *path)
{
        _cleanup_config_source_ struct config_source *source = calloc(1, sizeof *source);

        if (!source) {
                return NULL;
        }
        source->name = strdup(name);
        source->directory = directory_of(path);
        return source->name && source->directory ? TAKE_PTR(source) : NULL;
}

static int source_read(struct config_source *source, int fd, struct machine_error *error)
{
        int r = file_read_fd(fd, CONFIG_SOURCE_MAXIMUM, &source->text, &source->length);

        if (r == -EFBIG) {
                error_say(error, EFBIG, "%s is longer than %u bytes, the limit for definitions",
                          source->name, CONFIG_SOURCE_MAXIMUM);
                error_kind(error, MACHINE_ERROR_DEFINITION);
                return r;
        }
        return r < 0 ? error_set(error, r, "cannot read %s", source->name) : 0;
}

/* A device or an idle pipe must not block the check of another user's definitions. A link to
 * /dev/null hides a drop-in, and a pipe may be named on the command line. */
static int check_type(struct config_source *source, int fd, bool named, struct machine_error *error)
{
        struct stat status;

        if (fstat(fd, &status) < 0) {
                return error_set(error, errno, "cannot read %s", source->name);
        }
        source->device = status.st_dev;
        source->inode = status.st_ino;
        if (S_ISREG(status.st_mode) ||
            (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3))) {
                return 0;
        }
        if (S_ISFIFO(status.st_mode) && named) {
                return fcntl(fd, F_SETFL, 0) < 0
                               ? error_set(error, errno, "cannot read %s", source->name)
                               : 0;
        }
        return S_ISDIR(status.st_mode) ? error_say(error, EISDIR, "%s is a directory", source->name)
                                       : error_say(error, EINVAL, "%s is not a file", source->name);
}

static int open_file(const char *path, const char *name, const struct config_trust *trust,
                     struct machine_error *error)
{
        int fd = trust->required ? trust_open(path, trust->owner, O_RDONLY, error)
                                 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd >= 0 || error_is_set(error)) {
                return fd;
        }
        return error_set(error, trust->required ? fd : errno, "cannot open %s", name);
}

int config_source_open(const char *path, const char *name, bool named,
                       const struct config_trust *trust, struct config_source **ret,
                       struct machine_error *error)
{
        _cleanup_config_source_ struct config_source *source = source_new(name, path);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!source) {
                return error_oom(error);
        }
        fd = open_file(path, name, trust, error);
        if (fd < 0) {
                return fd;
        }
        r = check_type(source, fd, named, error);
        r = r < 0 ? r : source_read(source, fd, error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(source);
        return 0;
}

int config_source_read_input(struct config_source **ret, struct machine_error *error)
{
        _cleanup_config_source_ struct config_source *source = source_new("standard input", "");
        int r;

        if (!source) {
                return error_oom(error);
        }
        r = source_read(source, STDIN_FILENO, error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(source);
        return 0;
}

struct config_source *config_source_new(const char *name, const char *text)
{
        _cleanup_config_source_ struct config_source *source = source_new(name, "");

        if (!source) {
                return NULL;
        }
        source->text = strdup(text);
        if (!source->text) {
                return NULL;
        }
        source->length = strlen(text);
        return TAKE_PTR(source);
}

static bool is_continuation(char c)
{
        return ((unsigned char)c & 0xc0) == 0x80;
}

static unsigned int count_characters(const char *text, size_t length)
{
        unsigned int n = 0;

        for (size_t i = 0; i < length; i++) {
                n += !is_continuation(text[i]);
        }
        return n;
}

/* The number of bytes of a line that are shown before the place, and in total: a generated file may
 * consist of one line of a megabyte with a finding at every byte. */
#define EXCERPT_BEFORE 100
#define EXCERPT_LENGTH 200

/* Sets the part of the line to show, cut at character boundaries. */
static void set_excerpt(struct diagnostic_place *shown, const char *line, size_t length,
                        size_t before)
{
        const char *start = line + (before > EXCERPT_BEFORE ? before - EXCERPT_BEFORE : 0);
        const char *place = line + before;
        size_t shown_length;

        while (start < place && is_continuation(*start)) {
                start++;
        }
        shown_length = length - (size_t)(start - line);
        if (shown_length > EXCERPT_LENGTH) {
                shown_length = EXCERPT_LENGTH;
                while (shown_length > 0 && is_continuation(start[shown_length])) {
                        shown_length--;
                }
        }
        shown->text = strndup(start, shown_length);
        shown->text_column = count_characters(start, (size_t)(place - start)) + 1;
}

static struct diagnostic_place show_place(const struct config_place *place)
{
        const struct config_source *source = place->source;
        const char *line = source ? source->text + place->line_start : "";
        size_t line_length = strcspn(line, "\n");
        size_t before = place->offset - place->line_start;
        size_t length = place->length;
        struct diagnostic_place shown = { 0 };

        shown.file = strdup(source ? source->name : "command line");
        if (!source || place->line == 0) {
                return shown;
        }
        /* A place that spans several lines is marked up to the end of the first. */
        if (before + length > line_length) {
                length = before < line_length ? line_length - before : 1;
        }
        if (length > EXCERPT_LENGTH - EXCERPT_BEFORE) {
                length = EXCERPT_LENGTH - EXCERPT_BEFORE;
        }
        shown.line = place->line;
        shown.column = count_characters(line, before) + 1;
        shown.length = count_characters(line + before, length);
        set_excerpt(&shown, line, line_length, before);
        return shown;
}

/* A finding that is only counted needs no place. */
static struct diagnostic_place place_for(const struct diagnostics *diagnostics,
                                         const struct config_place *place)
{
        struct diagnostic_place nowhere = { 0 };

        return diagnostics_is_full(diagnostics) ? nowhere : show_place(place);
}

int config_report(struct diagnostics *diagnostics, enum diagnostic_severity severity,
                  const struct config_place *place, char *message, char *hint)
{
        struct diagnostic finding = {
                .severity = severity,
                .place = place_for(diagnostics, place),
                .message = message,
                .hint = hint,
        };

        return diagnostics_add(diagnostics, &finding);
}

int config_report_related(struct diagnostics *diagnostics, enum diagnostic_severity severity,
                          const struct config_place *place, char *message,
                          const struct config_place *related, const char *related_message)
{
        struct diagnostic finding = {
                .severity = severity,
                .place = place_for(diagnostics, place),
                .message = message,
                .related = place_for(diagnostics, related),
                .related_message = strdup(related_message),
        };

        return diagnostics_add(diagnostics, &finding);
}
