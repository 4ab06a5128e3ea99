/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps of a start that makes the processes of a checkpoint. */

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "criu/criu.h"
#include "launch/checkpoint/checkpoint.h"
#include "launch/checkpoint/mold.h"
#include "launch/checkpoint/program.h"
#include "launch/context.h"
#include "launch/parent/network.h"
#include "launch/steps.h"

#define LOG_NAME "restore.log"

/* In the scratch. */
#define PROGRAM_PLACE "restored-program"

/* Of the first process, before CRIU makes anything in them. */
#define POINT_NAMESPACES "setup-namespaces"

bool launch_is_restore(const struct launch *launch)
{
        return launch->options.restore != NULL;
}

bool launch_is_no_restore(const struct launch *launch)
{
        return !launch_is_restore(launch);
}

bool launch_wants_empty_network(const struct machine *machine)
{
        return machine->network.mode != MACHINE_NETWORK_HOST;
}

/* ---- the mounts ---- */

int launch_set_up_restored_mounts(struct launch *launch, struct machine_error *error)
{
        return mold_take(launch, &launch->restored.points, error);
}

/* ---- the processes ---- */

static int list_external(const struct launch *launch, const char *place, char ***ret)
{
        char *const *points = launch->restored.points;
        int r = 0;

        for (size_t i = 1; r == 0 && points[0] && points[i]; i++) {
                r = strv_take(ret, string_format("mnt[%s]:%s/%zu", points[i], place, i));
        }
        return r;
}

/* A copy like the one that was executed. */
static int open_program(const struct launch *launch, int *ret, struct machine_error *error)
{
        _cleanup_free_ char *source = launch_find_init_program(error);
        _cleanup_close_ int place = -EBADF, program = -EBADF;
        char path[32];
        int r;

        if (!source) {
                return -ENOENT;
        }
        r = mkdirat(AT_FDCWD, PROGRAM_PLACE, 0700) < 0 ? -errno : 0;
        place = r < 0 ? r : open(PROGRAM_PLACE, O_PATH | O_DIRECTORY | O_CLOEXEC);
        program = r < 0 ? r
                        : program_copy(source, launch_root_uid(launch),
                                       launch->options.restore->mode, place);
        if (program < 0) {
                return error_set(error, program, "cannot copy machine-init");
        }
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", program);
        *ret = open(path, O_RDONLY | O_CLOEXEC);
        return *ret < 0 ? error_set(error, errno, "cannot open machine-init") : 0;
}

/* The descriptors that images know by names. The caller closes *ret_program and *ret_null. */
static int fill_start(const struct launch *launch, struct criu_start *start, int *ret_program,
                      int *ret_null, struct machine_error *error)
{
        const struct launch_restore *restore = launch->options.restore;
        size_t count = 0;
        int r = restore->program ? open_program(launch, ret_program, error) : 0;

        if (r < 0) {
                return r;
        }
        *ret_null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (*ret_null < 0) {
                return error_set(error, errno, "cannot open /dev/null");
        }
        *start = (struct criu_start){ .group = launch->cgroup.fd,
                                      .own_group_root = launch->machine->namespaces.cgroup };
        for (size_t i = 0; i < ELEMENTS_OF(restore->streams); i++) {
                if (restore->streams[i]) {
                        start->inherited[count++] =
                                (struct criu_inherited){ restore->streams[i],
                                                         launch_stream(launch, 1 + (int)i) };
                }
        }
        if (restore->program) {
                start->inherited[count++] =
                        (struct criu_inherited){ restore->program, *ret_program };
        }
        for (size_t i = 0; restore->nulls && restore->nulls[i]; i++) {
                if (count == CRIU_INHERITED_MAXIMUM) {
                        return error_say(error, E2BIG,
                                         "the checkpoint has too many descriptors of the host");
                }
                start->inherited[count++] = (struct criu_inherited){ restore->nulls[i], *ret_null };
        }
        return 0;
}

static void fill_request(const struct launch *launch, struct criu_request *ret)
{
        const struct launch_restore *restore = launch->options.restore;

        *ret = (struct criu_request){
                .action = CRIU_RESTORE,
                .images = restore->images,
                .log = LOG_NAME,
                .empty_network = launch_wants_empty_network(launch->machine),
                .tcp_established = restore->tcp_established,
                .tcp_close = restore->tcp_close,
                .file_locks = restore->file_locks,
                .external_sockets = restore->external_sockets,
        };
}

/* From here on the first process is the one that CRIU has made. */
static int adopt(struct launch *launch, pid_t pid, struct machine_error *error)
{
        int r;

        if (pid <= 0) {
                return error_say(error, EBADMSG, "CRIU did not tell the machine's first process");
        }
        launch->pidfd = pidfd_open(pid, 0);
        if (launch->pidfd < 0) {
                return error_set(error, errno, "cannot open the machine's first process");
        }
        launch->pid = pid;
        r = process_identify(pid, &launch->record.init);
        if (r < 0) {
                return error_set(error, r, "cannot identify the machine's first process");
        }
        return launch_is_connected(launch) ? launch_open_network_namespace(launch, error) : 0;
}

static int ask(struct launch *launch, const struct criu_start *start, struct machine_error *error)
{
        _cleanup_free_ char *scratch = path_join(launch->options.directories.runtime, "scratch");
        _cleanup_free_ char *place = scratch ? path_join(scratch, MOLD_PLACE) : NULL;
        _cleanup_free_ char *root = place ? path_join(place, "0") : NULL;
        _cleanup_strv_ char **external = NULL;
        struct criu_answer answer = { 0 };
        struct criu_request request;
        int r;

        fill_request(launch, &request);
        request.root = root;
        if (!root || list_external(launch, place, &external) < 0) {
                return error_oom(error);
        }
        request.external = external;
        r = criu_ask(&launch->restored.criu, start, &request, &answer, error);
        while (r == 0 && !answer.finished && strcmp(answer.point, POINT_NAMESPACES) != 0) {
                r = criu_proceed(&launch->restored.criu, &request, true, &answer, error);
        }
        if (r == 0 && answer.finished) {
                r = error_say(error, EBADMSG, "CRIU has made no namespaces");
        }
        return r < 0 ? r : adopt(launch, answer.pid, error);
}

int launch_set_up_restored_processes(struct launch *launch, struct machine_error *error)
{
        const struct launch_restore *restore = launch->options.restore;
        _cleanup_close_ int program = -EBADF, null = -EBADF;
        struct criu_start start;
        int r = criu_adopt_images(restore->images, launch->ids.range.base, launch->ids.range.count,
                                  error);

        r = r < 0 ? r : fill_start(launch, &start, &program, &null, error);
        r = r < 0 ? r : criu_begin(&start, restore->timeout, &launch->restored.criu, error);
        return r < 0 ? r : ask(launch, &start, error);
}

int launch_tear_down_restored_processes(struct launch *launch, struct machine_error *error)
{
        criu_end(&launch->restored.criu);
        return 0;
}

/* ---- the network namespace ---- */

/* The interface that nothing else brings up in a machine without a network, and kernel parameters:
 * CRIU leaves all of this namespace to its caller. In a process of its own. */
static int set_up_namespace(const struct launch *launch, const struct machine *machine,
                            struct machine_error *error)
{
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int socket_fd = -EBADF;

        if (proc < 0 || setns(launch->pidfd, CLONE_NEWNET) < 0) {
                return error_set(error, errno, "cannot enter the network namespace");
        }
        socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (socket_fd < 0 || ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0) {
                return error_set(error, errno, "cannot bring up the loopback interface");
        }
        return launch_write_sysctls(machine, proc, false, error);
}

static int list_network_sysctls(const struct machine *machine, char ***ret)
{
        STRV_FOREACH(entry, machine->sysctl) {
                if (string_after(*entry, "net.") && strv_append(ret, *entry) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

int launch_set_up_restored_network(struct launch *launch, struct machine_error *error)
{
        _cleanup_strv_ char **sysctls = NULL;
        struct machine machine = { 0 };
        pid_t pid;
        int r;

        if (list_network_sysctls(launch->machine, &sysctls) < 0) {
                return error_oom(error);
        }
        machine.sysctl = sysctls;
        pid = process_fork(0, NULL);
        if (pid == 0) {
                r = set_up_namespace(launch, &machine, NULL);
                _exit(r < 0 ? -r : 0);
        }
        r = pid < 0 ? (int)pid : -process_wait(pid);
        return r == 0 ? 0
                      : error_set(error, r, "cannot set up the machine's network namespace again");
}

bool launch_wants_restored_network(const struct launch *launch)
{
        return launch_is_restore(launch) && launch_wants_empty_network(launch->machine);
}

/* ---- the end ---- */

int launch_finish_restore(struct launch *launch, struct machine_error *error)
{
        struct criu_answer answer = { 0 };
        struct criu_request request;
        int r = 0;

        fill_request(launch, &request);
        while (r == 0 && !answer.finished) {
                r = criu_proceed(&launch->restored.criu, &request, true, &answer, error);
        }
        if (r < 0) {
                return r;
        }
        if (answer.pid != launch->pid) {
                return error_say(error, EBADMSG, "CRIU has restored another process than it said");
        }
        launch->record.restored_usec = clock_realtime();
        criu_end(&launch->restored.criu);
        launch->options.restore = NULL;
        return launch_leave_mount_namespace(launch, error);
}
