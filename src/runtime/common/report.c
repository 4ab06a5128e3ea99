/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "oci/state/state.h"
#include "runtime/common/runtime.h"

/* The message as callers know messages: one line, with the text of the errno, by which they tell
 * what went wrong (Podman for its own exit status). */
static char *text_of(const struct machine_error *error)
{
        const char *message = error->message ? error->message : "failed";
        const char *reason =
                error->kind == MACHINE_ERROR_NOT_FOUND
                        ? "executable file not found in $PATH: no such file or directory"
                : error->number ? strerror(error->number)
                                : "";
        bool said = !*reason || strcasestr(message, reason);

        return string_format("%s%s%s%s%s%s", message, said ? "" : ": ", said ? "" : reason,
                             error->hint ? " (" : "", error->hint ? error->hint : "",
                             error->hint ? ")" : "");
}

static char *line_of(const struct runtime *runtime, const char *level, const char *text)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *json = NULL;
        char now[40];

        oci_time_write(clock_realtime(), now);
        if (!runtime->log_json) {
                return string_format("time=\"%s\" level=%s msg=\"%s\"\n", now, level, text);
        }
        if (json_set_string(object, "level", level) < 0 ||
            json_set_string(object, "msg", text) < 0 || json_set_string(object, "time", now) < 0) {
                return NULL;
        }
        json = json_dumps(object, JSON_COMPACT);
        return json ? string_format("%s\n", json) : NULL;
}

static void append(const struct runtime *runtime, const char *level, const char *text)
{
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *line = NULL;

        if (!runtime->log_file) {
                return;
        }
        fd = open(runtime->log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        line = line_of(runtime, level, text);
        if (fd >= 0 && line) {
                (void)file_write_all(fd, line, strlen(line));
        }
}

void runtime_report(const struct runtime *runtime, const struct machine_error *error)
{
        _cleanup_free_ char *text = text_of(error);
        _cleanup_free_ char *printable = text ? string_printable(text) : NULL;
        _cleanup_free_ char *line =
                printable ? string_format("machine-oci: %s\n", printable) : NULL;

        if (line) {
                (void)file_write_all(STDERR_FILENO, line, strlen(line));
                append(runtime, "error", printable);
        }
}

void runtime_warn(const struct runtime *runtime, const char *message)
{
        log_debug(&runtime->log, "%s", message);
        append(runtime, "warning", message);
}
