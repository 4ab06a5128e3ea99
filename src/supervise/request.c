/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/request.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Distinguishes a request from signals that users send to a `run` for its payload. */
#define STOP_VALUE 0x73746f70

int request_stop(int supervisor, bool now)
{
        /* The second request is a different signal, because a signal that is already pending is not
         * queued again (signal(7)). A supervisor suspended with Ctrl-Z has to continue to read
         * them. */
        const int signals[] = { SIGTERM, now ? SIGINT : 0, SIGCONT };

        for (size_t i = 0; i < ELEMENTS_OF(signals); i++) {
                /* Signal 0 is not sent, but only checks that the process exists. */
                siginfo_t info = { .si_signo = signals[i], .si_code = SI_QUEUE };

                info.si_pid = getpid();
                info.si_uid = getuid();
                info.si_value.sival_int = STOP_VALUE;
                if (syscall(SYS_pidfd_send_signal, supervisor, signals[i], &info, 0) < 0) {
                        return errno == ESRCH ? 0 : -errno;
                }
        }
        return 0;
}

bool request_is_stop(const struct signalfd_siginfo *info)
{
        return info->ssi_code == SI_QUEUE && info->ssi_int == STOP_VALUE;
}
