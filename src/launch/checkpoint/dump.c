/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing the processes of a machine down. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "criu/criu.h"
#include "launch/checkpoint/checkpoint.h"
#include "launch/checkpoint/mounts.h"
#include "launch/checkpoint/processes.h"
#include "launch/steps.h"

#define LOG_NAME "dump.log"

/* All is written, and no process goes on yet. */
#define POINT_WRITTEN "post-dump"

#define THAW_TIMEOUT UINT64_C(5000000)

/* ---- what is refused ---- */

static int refuse(const char *what, const char *way_out, struct machine_error *error)
{
        error_say(error, EOPNOTSUPP, "%s", what);
        if (way_out) {
                error_hint(error, "%s", way_out);
        }
        return -EOPNOTSUPP;
}

static int check_network(const struct machine *machine, struct machine_error *error)
{
        switch (machine->network.mode) {
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                return refuse(
                        "network.mode: an interface of macvlan or ipvlan cannot be made again "
                        "around running processes",
                        "use a bridge", error);
        case MACHINE_NETWORK_MACHINE:
        case MACHINE_NETWORK_PATH:
                return refuse("network.mode: the machine shares a network namespace, which would "
                              "be torn from its other owner",
                              NULL, error);
        case MACHINE_NETWORK_BRIDGE:
        case MACHINE_NETWORK_HOST:
        case MACHINE_NETWORK_NONE:
                break;
        }
        return 0;
}

static int check_definition(const struct machine *machine, struct machine_error *error)
{
        const struct machine_process *process = &machine->process;

        if (process->boot) {
                return refuse("boot: the processes of a service manager cannot be written down",
                              NULL, error);
        }
        if (process->terminal == MACHINE_CHOICE_YES) {
                return refuse("terminal: a machine on a terminal cannot be written down",
                              "set terminal = false, and start it again", error);
        }
        if (machine->device_count > 0) {
                return refuse("devices: the state of a device cannot be written down", NULL, error);
        }
        if (machine->pod || machine->holds_pod) {
                return refuse("pod: the namespaces of a pod are those of all its machines", NULL,
                              error);
        }
        if (machine->root.upper == MACHINE_UPPER_VOLATILE) {
                return refuse("upper: what the machine has written to its volatile root would be "
                              "lost",
                              "set upper = \"persistent\", and start it again", error);
        }
        return check_network(machine, error);
}

int checkpoint_check(const struct machine *machine, const struct machine_record *record,
                     struct machine_error *error)
{
        if (record->state != MACHINE_STATE_RUNNING) {
                error_say(error, ESRCH,
                          "machine \"%s\" is %s, and only a running one can be "
                          "written down",
                          record->name, machine_state_name(record->state));
                return -ESRCH;
        }
        if (!record->background) {
                return refuse("the machine runs in the foreground, with the input and output of a "
                              "command",
                              "start it with machinectl-lite start", error);
        }
        if (!record->cgroup) {
                return refuse("the machine has no control group, by which all of it could be "
                              "stopped at once",
                              "machinectl-lite doctor tells what is missing", error);
        }
        return check_definition(machine, error);
}

/* ---- the processes ---- */

static int send_continue(void *data, pid_t pid)
{
        (void)kill(pid, SIGCONT);
        return 0;
}

/* Whatever CRIU has left: frozen, stopped or both. */
void checkpoint_continue(const struct machine_record *record)
{
        struct cgroup group = CGROUP_INIT;

        if (cgroup_open(record->cgroup, &group, NULL) < 0) {
                return;
        }
        (void)cgroup_for_each_process(&group, send_continue, NULL);
        if (cgroup_is_frozen(&group) > 0) {
                (void)cgroup_freeze(&group, false, THAW_TIMEOUT, NULL);
        }
        cgroup_release(&group);
}

static int list_external(const struct machine_record *record, const struct checkpoint_names *names,
                         char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **points = NULL;
        const char *const others[] = { names->streams[0], names->streams[1], names->program };
        int r = checkpoint_list_mounts(record->init.pid, &points, error);

        if (r < 0) {
                return r;
        }
        for (size_t i = 1; r == 0 && points[i]; i++) {
                r = strv_take(ret, string_format("mnt[%s]:%s", points[i], points[i]));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(others); i++) {
                r = others[i] ? strv_append(ret, others[i]) : 0;
        }
        STRV_FOREACH(null, names->nulls) {
                r = r < 0 ? r : strv_append(ret, *null);
        }
        return r < 0 ? error_oom(error) : 0;
}

/* A CRIU that lies: what it must have written is there. */
static int check_images(const char *images, struct machine_error *error)
{
        static const char *const needed[] = { "inventory.img", "pstree.img", "ids-1.img" };
        _cleanup_close_ int directory = open(images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        for (size_t i = 0; i < ELEMENTS_OF(needed); i++) {
                struct stat status;

                if (directory < 0 ||
                    fstatat(directory, needed[i], &status, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISREG(status.st_mode) || status.st_size == 0) {
                        return error_say(error, EIO,
                                         "CRIU said that it had written the processes, but there "
                                         "is no %s",
                                         needed[i]);
                }
        }
        return 0;
}

static int converse(struct criu *criu, const struct criu_start *start,
                    const struct criu_request *request, const struct checkpoint_options *options,
                    const struct checkpoint_names *names, struct machine_error *error)
{
        struct criu_answer answer;
        bool complete = false;
        int r = criu_ask(criu, start, request, &answer, error);

        while (r == 0 && !answer.finished) {
                bool written = strcmp(answer.point, POINT_WRITTEN) == 0;

                if (written) {
                        r = check_images(options->images, error);
                        r = r < 0 ? r : options->complete(options->data, names, error);
                        complete = r == 0;
                        /* It was not CRIU that took this time. */
                        criu->deadline = log_now() + options->timeout;
                }
                if (r < 0) {
                        (void)criu_proceed(criu, request, false, &answer, NULL);
                        return r;
                }
                r = criu_proceed(criu, request, true, &answer, error);
        }
        if (r == 0 && !complete) {
                return error_say(error, EIO, "CRIU has ended before it had written the processes");
        }
        return r;
}

static int write_processes(const struct machine *machine, const struct machine_record *record,
                           const struct checkpoint_options *options,
                           const struct checkpoint_names *names, struct machine_error *error)
{
        static const struct criu_start start = { .group = -EBADF };
        _cleanup_strv_ char **external = NULL;
        struct criu_request request = {
                .action = CRIU_DUMP,
                .images = options->images,
                .log = LOG_NAME,
                .pid = record->init.pid,
                .freeze = record->cgroup,
                .leave_running = options->leave_running,
                .empty_network = launch_wants_empty_network(machine),
                .tcp_established = options->tcp_established,
                .tcp_close = options->tcp_close,
                .file_locks = options->file_locks,
                .external_sockets = options->external_sockets,
        };
        struct criu criu;
        int r = list_external(record, names, &external, error);

        if (r < 0) {
                return r;
        }
        request.external = external;
        r = criu_begin(&start, options->timeout, &criu, error);
        if (r < 0) {
                return r;
        }
        r = converse(&criu, &start, &request, options, names, error);
        criu_end(&criu);
        if (r < 0) {
                checkpoint_continue(record);
        }
        return r;
}

int checkpoint_write(const struct machine *machine, const struct machine_record *record,
                     const struct checkpoint_options *options, struct machine_error *error)
{
        struct checkpoint_names names = { 0 };
        struct cgroup group = CGROUP_INIT;
        int r = cgroup_open(record->cgroup, &group, error);

        if (r < 0) {
                return error_wrap(error, r, "cannot open the machine's control group");
        }
        r = processes_await_tree(&group, record->init.pid, options->timeout, error);
        r = r < 0 || !machine->process.init ? r : stub_execute(record, error);
        r = r < 0 ? r : processes_find_names(&group, record, &names, error);
        r = r < 0 ? r : write_processes(machine, record, options, &names, error);
        checkpoint_names_clear(&names);
        cgroup_release(&group);
        return r;
}
