/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

_Static_assert(INIT_SOCKET_FD == 3 && INIT_PLAN_FD == 4 && INIT_MACHINE_FD == 5 &&
                       INIT_GROUP_FD == 6,
               "the order of sources in handover()");

/* Descriptors are first moved away from the numbers that machine-init expects. */
#define FIRST_SPARE_FD 16

int handover_place(const struct handover *with, struct machine_error *error)
{
        const int sources[] = { with->streams[0], with->streams[1], with->streams[2], with->socket,
                                with->plan,       with->machine,    with->group };
        int spare = FIRST_SPARE_FD + (int)with->preserved;
        int copies[ELEMENTS_OF(sources)];

        /* All are copied before any is overwritten: they may have each other's numbers. */
        for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
                copies[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, spare);
                /* A standard stream that the caller had closed stays closed. */
                if (copies[i] < 0 && sources[i] > STDERR_FILENO) {
                        return error_set(error, errno, "cannot place descriptors for machine-init");
                }
        }
        /* From the last on: each is copied before its own number is taken. */
        for (int i = (int)with->preserved; i-- > 0;) {
                if (dup2(3 + i, INIT_PRESERVED_FD + i) < 0) {
                        return error_set(error, errno, "cannot pass on descriptor %d", 3 + i);
                }
        }
        for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
                if (copies[i] >= 0 && dup2(copies[i], (int)i) < 0) {
                        return error_set(error, errno, "cannot place descriptor %zu", i);
                }
        }
        if (with->group < 0) {
                (void)close(INIT_GROUP_FD);
        }
        if (with->machine < 0) {
                (void)close(INIT_MACHINE_FD);
        }
        return 0;
}

int handover(const struct handover *with, struct machine_error *error)
{
        static char *const arguments[] = { (char *)"machine-init", NULL };
        static char *const environment[] = { NULL };
        int init_program =
                fcntl(with->init_program, F_DUPFD_CLOEXEC, FIRST_SPARE_FD + (int)with->preserved);
        int r = init_program < 0
                        ? error_set(error, errno, "cannot place descriptors for machine-init")
                        : handover_place(with, error);

        if (r < 0) {
                return r;
        }
        syscall(SYS_execveat, init_program, "", arguments, environment, AT_EMPTY_PATH);
        return error_set(error, errno, "cannot execute machine-init");
}
