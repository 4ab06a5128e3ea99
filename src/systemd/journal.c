/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "systemd/command.h"

#define SOCKET_PATH  "/run/systemd/journal/socket"
#define NAME_MAXIMUM 512

bool journal_is_running(void)
{
        return access(SOCKET_PATH, F_OK) == 0;
}

void journal_sync(void)
{
        static char *const command[] = { (char *)"journalctl", (char *)"--sync", NULL };
        pid_t pid;

        if (systemd_spawn(command, -EBADF, &pid) == 0) {
                (void)process_wait(pid);
        }
}

int journal_open(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_PATH };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
                return errno == ECONNREFUSED ? -ENOENT : -errno;
        }
        return TAKE_FD(fd);
}

int journal_send(int fd, const char *machine, int priority, const char *text, size_t length)
{
        char head[2 * NAME_MAXIMUM + 64];
        uint64_t size = htole64(length);
        int head_length = snprintf(head, sizeof head,
                                   "PRIORITY=%d\nMACHINE=%.*s\nSYSLOG_IDENTIFIER=%.*s\nMESSAGE\n",
                                   priority, NAME_MAXIMUM, machine, NAME_MAXIMUM, machine);
        /* The format with a length, because the text may contain any byte. */
        struct iovec parts[] = {
                { head, (size_t)head_length },
                { &size, sizeof size },
                { (char *)text, length },
                { (char *)"\n", 1 },
        };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = ELEMENTS_OF(parts) };

        while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        return 0;
}

static char **reader_command(const struct journal_query *query)
{
        static const char *const fixed[] = { "journalctl", "--no-pager", "--quiet", "--all",
                                             "--output=json" };
        _cleanup_strv_ char **command = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(fixed); i++) {
                r = strv_append(&command, fixed[i]);
        }
        /* Not both: with --since, --lines of journalctl(1) may select the first lines, not the
         * last. */
        if (r == 0 && query->last != UINT64_MAX) {
                r = strv_take(&command, string_format("--lines=%" PRIu64, query->last));
        } else if (r == 0) {
                r = strv_append(&command, "--no-tail");
        }
        if (r == 0 && query->last == UINT64_MAX && query->since > 0) {
                r = strv_take(&command,
                              string_format("--since=@%" PRIu64, query->since / USEC_PER_SEC));
        }
        if (r == 0 && query->follow) {
                r = strv_append(&command, "--follow");
        }
        if (r == 0) {
                r = strv_take(&command, string_format("MACHINE=%s", query->machine));
        }
        return r < 0 ? NULL : TAKE_PTR(command);
}

int journal_spawn_reader(const struct journal_query *query, pid_t *ret, int *ret_fd)
{
        _cleanup_strv_ char **command = reader_command(query);
        int ends[2];
        int r;

        if (!command) {
                return -ENOMEM;
        }
        if (pipe2(ends, O_CLOEXEC) < 0) {
                return -errno;
        }
        r = systemd_spawn(command, ends[1], ret);
        fd_close(ends[1]);
        if (r < 0) {
                fd_close(ends[0]);
                return r;
        }
        *ret_fd = ends[0];
        return 0;
}
