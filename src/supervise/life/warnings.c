/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/warnings.h"

#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/strings.h"
#include "launch/init/message.h"
#include "supervise/life/supervision.h"
#include "supervise/output/output.h"

/* What a start warns of is a few lines. */
#define WARNINGS_MAXIMUM (16U << 10)

void warnings_begin(struct supervisor *supervisor)
{
        int fd = memfd_create("warnings", MFD_CLOEXEC);

        supervisor->log = (struct log){
                .fd = fd >= 0 ? fd : output_stream(supervisor->output, 2),
                .level = LOG_LEVEL_WARNING,
        };
}

static void report(const struct supervisor *supervisor, char *text)
{
        char *save = NULL;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *plain = string_after(line, "warning: ");

                (void)message_send_warning(supervisor->report, plain ? plain : line);
        }
}

void warnings_end(struct supervisor *supervisor)
{
        int stream = output_stream(supervisor->output, 2);
        _cleanup_free_ char *text = NULL;
        size_t length;

        if (supervisor->log.fd == stream) {
                return;
        }
        if (lseek(supervisor->log.fd, 0, SEEK_SET) == 0 &&
            file_read_fd(supervisor->log.fd, WARNINGS_MAXIMUM, &text, &length) == 0) {
                (void)file_write_all(stream, text, length);
                if (supervisor->report >= 0) {
                        report(supervisor, text);
                }
        }
        fd_close(supervisor->log.fd);
        supervisor->log.fd = stream;
}
