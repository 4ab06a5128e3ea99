/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/session.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

int session_leave(bool keep_keyring, struct machine_error *error)
{
        /* Without a controlling terminal no process can inject input into the host's (TIOCSTI).
         * EPERM: it is already a session leader. */
        if (setsid() < 0 && errno != EPERM) {
                return error_set(error, errno, "cannot create a session");
        }
        /* The machine must not find keys of the caller's session keyring. ENOSYS: the kernel does
         * not support keys. */
        if (!keep_keyring && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
            errno != ENOSYS) {
                return error_set(error, errno, "cannot create a session keyring");
        }
        return 0;
}

void session_copy_window_size(int terminal)
{
        struct winsize size;

        /* Without a terminal of the caller the size stays 0 by 0. */
        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 ||
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
                (void)ioctl(terminal, TIOCSWINSZ, &size);
        }
}
