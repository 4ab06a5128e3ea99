/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/execute.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/process/program.h"
#include "base/strings.h"
#include "machinectl-lite-settings.h"

static const struct program images = {
        .name = "machinectl-lite-image",
        .purpose = "which handles images",
        .places = (const char *const[]){ LIBEXEC_FROM_BINDIR "/machinectl-lite-image",
                                         "../image/machinectl-lite-image", NULL },
};

int image_execute(char *const *arguments, struct machine_error *error)
{
        return program_execute(&images, arguments, error);
}

/* Its messages are for the user. */
static int run(const char *const *arguments, int output, const char *failure,
               struct machine_error *error)
{
        pid_t pid = program_start(&images, arguments, STDIN_FILENO, output, error);
        int status = pid < 0 ? (int)pid : process_wait(pid);

        if (pid < 0 || status == 0) {
                return status;
        }
        return status < 0 ? error_set(error, status, "%s", failure)
                          : error_say(error, EIO, "%s", failure);
}

int image_run(char *const *arguments, const char *failure, struct machine_error *error)
{
        return run((const char *const *)arguments, STDOUT_FILENO, failure, error);
}

int image_fetch(const char *state_directory, const char *reference, struct machine_error *error)
{
        const char *const arguments[] = { "--state-dir", state_directory, "pull",
                                          "--",          reference,       NULL };
        _cleanup_free_ char *failure =
                string_format("the image \"%s\" could not be fetched", reference);

        return failure ? run(arguments, STDERR_FILENO, failure, error) : error_oom(error);
}
