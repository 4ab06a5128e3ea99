/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

_Static_assert(INIT_SOCKET_FD == 3 && INIT_PLAN_FD == 4, "the order of sources in handover()");

/* Descriptors are first copied out of the way of the numbers that machine-init expects. */
#define FIRST_SPARE_FD 16

int handover_leave_session(struct machine_error *error)
{
        /* Without a controlling terminal nobody can push input into the host's (TIOCSTI). EPERM: it
         * leads a session already. */
        if (setsid() < 0 && errno != EPERM) {
                return error_set(error, errno, "cannot make a session");
        }
        /* Keys of the caller's session keyring must not be found by the machine. ENOSYS: a kernel
         * without keys has none to be found. */
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS) {
                return error_set(error, errno, "cannot make a session keyring");
        }
        return 0;
}

int handover(const struct handover *with, struct machine_error *error)
{
        static char *const arguments[] = { (char *)"machine-init", NULL };
        static char *const environment[] = { NULL };
        const int sources[] = { with->streams[0], with->streams[1], with->streams[2], with->socket,
                                with->plan };
        int copies[ELEMENTS_OF(sources)];
        int init_program = fcntl(with->init_program, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);

        if (init_program < 0) {
                return error_set(error, errno, "cannot place descriptors for machine-init");
        }
        /* All are copied before one is overwritten: they may stand at each other's places. */
        for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
                copies[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
                if (copies[i] < 0 && sources[i] > STDERR_FILENO) {
                        return error_set(error, errno, "cannot place descriptors for machine-init");
                }
        }
        for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
                /* A standard stream that the caller had closed stays closed. */
                if (copies[i] >= 0 && dup2(copies[i], (int)i) < 0) {
                        return error_set(error, errno, "cannot place descriptor %zu", i);
                }
        }
        syscall(SYS_execveat, init_program, "", arguments, environment, AT_EMPTY_PATH);
        return error_set(error, errno, "cannot execute machine-init");
}
