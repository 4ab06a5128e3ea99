/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/firewalld.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process/process.h"
#include "base/process/program.h"
#include "base/strings.h"
#include "machinectl-lite-settings.h"

static const struct program firewalld = {
        .name = "machinectl-lite-firewalld",
        .purpose = "which communicates with firewalld",
        .places = (const char *const[]){ LIBEXEC_FROM_BINDIR "/machinectl-lite-firewalld",
                                         "../network/machinectl-lite-firewalld", NULL },
};

int firewalld_trust(const char *interface)
{
        const char *const arguments[] = { "trust", interface, NULL };
        _cleanup_free_ char *output = NULL;
        int r = program_run(&firewalld, arguments, "", &output, NULL);

        return r > 0 ? -EIO : r;
}

int firewalld_follow(void (*reloaded)(void *data), void *data, struct machine_error *error)
{
        static const char *const arguments[] = { "follow", NULL };
        _cleanup_free_ char *line = NULL;
        _cleanup_(cleanup_file) FILE *lines = NULL;
        size_t size = 0;
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot watch firewalld");
        }
        pid = program_start(&firewalld, arguments, -EBADF, ends[1], error);
        fd_close(ends[1]);
        lines = fdopen(ends[0], "r");
        if (pid < 0 || !lines) {
                return pid < 0 ? (int)pid : error_oom(error);
        }
        while (getline(&line, &size, lines) > 0) {
                reloaded(data);
        }
        (void)process_wait(pid);
        return error_say(error, EIO, "cannot watch firewalld on the system bus");
}
