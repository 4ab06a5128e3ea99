/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The id maps of a user namespace that somebody else made. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "security/ids/id_map.h"

#define MAP_MAXIMUM 65536

/* The kernel shows a map only as that of a process. This one does nothing in the namespace, and its
 * parent ends it. */
static _Noreturn void join(int user_namespace, int said)
{
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setns(user_namespace, CLONE_NEWUSER) < 0 || write(said, "", 1) != 1) {
                _exit(errno);
        }
        for (;;) {
                pause();
        }
}

static int read_map(pid_t pid, const char *name, struct machine_id_map **ret, size_t *ret_count)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ struct machine_id_map *lines = NULL;
        char path[64];
        size_t count = 0;
        int r;

        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        r = file_read(AT_FDCWD, path, MAP_MAXIMUM, &text, NULL);
        if (r < 0) {
                return r;
        }
        for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                struct machine_id_map map, *grown;

                line += *line == '\n';
                if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &map.machine, &map.host,
                           &map.count) != 3) {
                        continue;
                }
                grown = reallocarray(lines, count + 1, sizeof *lines);
                if (!grown) {
                        return -ENOMEM;
                }
                lines = grown;
                lines[count++] = map;
        }
        *ret = TAKE_PTR(lines);
        *ret_count = count;
        return 0;
}

static int read_maps(pid_t pid, struct machine_id_maps *ret)
{
        struct machine_id_maps maps = { 0 };
        int r = read_map(pid, "uid_map", &maps.uids, &maps.uid_count);

        if (r == 0) {
                r = read_map(pid, "gid_map", &maps.gids, &maps.gid_count);
        }
        if (r < 0) {
                free(maps.uids);
                return r;
        }
        *ret = maps;
        return 0;
}

int id_maps_of_namespace(int user_namespace, struct machine_id_maps *ret,
                         struct machine_error *error)
{
        _cleanup_close_ int heard = -EBADF, said = -EBADF;
        int ends[2], status, r;
        char byte;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot make a pipe");
        }
        heard = ends[0];
        said = ends[1];
        pid = process_fork(0, NULL);
        if (pid == 0) {
                join(user_namespace, said);
        }
        said = fd_close(said);
        if (pid < 0) {
                return error_set(error, pid, "cannot create a process");
        }
        r = read(heard, &byte, 1) == 1 ? read_maps(pid, ret) : -ECHILD;
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (r == -ECHILD && WIFEXITED(status)) {
                r = -WEXITSTATUS(status);
        }
        return r < 0 ? error_set(error, r, "cannot join the user namespace") : 0;
}
