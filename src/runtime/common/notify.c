/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "systemd/notify.h"

#define MESSAGE_MAXIMUM 4096
#define STATUS_MAXIMUM  65536
#define BARRIER_TIMEOUT 5000
/* More than the kernel queues (net.unix.max_dgram_qlen), for a process that has ended. */
#define LAST_MAXIMUM 64

#define MAIN_PID "MAINPID="

/* What a container may say. The rest, such as descriptors to keep or a time limit, is the service
 * manager's business with its own program. */
static const char *const passed[] = {
        "READY=1",    "RELOADING=1", "MONOTONIC_USEC=", "STOPPING=1",
        "WATCHDOG=1", "STATUS=",     "ERRNO=",          "EXTEND_TIMEOUT_USEC=",
};

bool notify_is_wanted(void)
{
        const char *path = getenv("NOTIFY_SOCKET");

        return path && *path;
}

int notify_open(const struct container *container, int *ret, struct machine_error *error)
{
        int fd = notify_is_wanted() ? launch_listen_for_readiness(&container->store,
                                                                  container->record.name, error)
                                    : -ENOENT;

        *ret = fd == -ENOENT ? -EBADF : fd;
        return fd < 0 && fd != -ENOENT ? fd : 0;
}

/* ---- pids ---- */

/* The pids of a process in its pid namespace and those above, ours first. The number of them, at
 * most `maximum`, or 0. */
static size_t pids_of(pid_t pid, long *pids, size_t maximum)
{
        _cleanup_free_ char *text = NULL;
        char path[32], *at;
        size_t count = 0;

        (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
        if (file_read(AT_FDCWD, path, STATUS_MAXIMUM, &text, NULL) < 0 ||
            !(at = strstr(text, "\nNSpid:"))) {
                return 0;
        }
        at += strlen("\nNSpid:");
        while (count < maximum && *at == '\t') {
                pids[count++] = strtol(at + 1, &at, 10);
        }
        return count;
}

struct search {
        size_t level; /* of the container's pid namespace below ours */
        long wanted;
        pid_t found;
};

/* A pid namespace has at most 32 above it (pid_namespaces(7)). */
#define LEVELS 33

static int compare(void *data, pid_t pid)
{
        struct search *search = data;
        long pids[LEVELS];

        if (pids_of(pid, pids, LEVELS) > search->level && pids[search->level] == search->wanted) {
                search->found = pid;
        }
        return search->found > 0;
}

/* Our pid of a process of the container, which must be in its group; 0: there is none. */
static pid_t translate(const struct container *container, long pid)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        long pids[LEVELS];
        size_t levels = pids_of(container->record.init.pid, pids, LEVELS);
        struct search search = { .level = levels - 1, .wanted = pid };

        if (levels > 0 && container->record.cgroup &&
            cgroup_open(container->record.cgroup, &group, NULL) == 0) {
                (void)cgroup_for_each_process(&group, compare, &search);
        }
        return search.found;
}

/* ---- messages ---- */

static bool is_passed(const char *line)
{
        for (size_t i = 0; i < ELEMENTS_OF(passed); i++) {
                const char *rest = string_after(line, passed[i]);

                if (rest && (!*rest || passed[i][strlen(passed[i]) - 1] == '=')) {
                        return true;
                }
        }
        return false;
}

/* Builds what is passed on of a message. Without a container no main process is named. */
static char *select_lines(char *text, const struct container *container, bool *ret_ready)
{
        _cleanup_strv_ char **lines = NULL;
        char *save = NULL;
        pid_t main_pid = 0;
        bool ready = false;
        int r = 0;

        for (char *line = strtok_r(text, "\n", &save); line && r == 0;
             line = strtok_r(NULL, "\n", &save)) {
                const char *pid = string_after(line, MAIN_PID);

                if (pid && container) {
                        main_pid = translate(container, strtol(pid, NULL, 10));
                } else if (is_passed(line)) {
                        ready = ready || strcmp(line, "READY=1") == 0;
                        r = strv_append(&lines, line);
                }
        }
        if (container && ready && main_pid == 0) {
                main_pid = container->record.init.pid;
        }
        if (r == 0 && main_pid > 0) {
                r = strv_take(&lines, string_format(MAIN_PID "%d", main_pid));
        }
        *ret_ready = ready;
        return r == 0 && lines ? strv_join(lines, "\n") : NULL;
}

/* Passes on one message. 1 if it says that the container is ready, 0, or -EAGAIN: there is none. */
static int take(int socket, const struct container *container)
{
        _cleanup_free_ char *lines = NULL;
        char text[MESSAGE_MAXIMUM + 1];
        ssize_t n = recv(socket, text, MESSAGE_MAXIMUM, MSG_DONTWAIT);
        bool ready;

        if (n < 0) {
                return -EAGAIN;
        }
        text[n] = '\0';
        lines = select_lines(text, container, &ready);
        if (lines) {
                (void)systemd_notify(lines);
        }
        return ready;
}

/* The last thing that a process did may have been to say something. */
static void drain(int socket, const struct container *container)
{
        for (int i = 0; i < LAST_MAXIMUM && take(socket, container) >= 0; i++) {
        }
}

void notify_await(int socket, const struct container *container)
{
        struct pollfd events[] = {
                { .fd = socket, .events = POLLIN },
                { .fd = container->process, .events = POLLIN },
        };
        int r = 0;

        while (r <= 0 && !events[1].revents) {
                if (poll(events, ELEMENTS_OF(events), -1) > 0) {
                        r = take(socket, container);
                }
        }
        if (r <= 0) {
                drain(socket, container);
        }
        systemd_notify_barrier(BARRIER_TIMEOUT);
}

void notify_pass_on(int socket)
{
        (void)take(socket, NULL);
}

void notify_end(int socket)
{
        drain(socket, NULL);
}
