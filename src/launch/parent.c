/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side of a start: what needs the host's privileges, and the watch over the child. */

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cgroup/devices.h"
#include "cgroup/limits.h"
#include "launch/context.h"
#include "launch/image.h"
#include "launch/init/plan.h"
#include "launch/message.h"
#include "launch/network.h"
#include "security/label.h"
#include "security/resources.h"

/* ---- state ---- */

/* Whatever an earlier supervisor of this name left: its machine, if it lives, wins. */
static int deal_with_predecessor(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->name;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(&launch->store, name, &record, error);

        if (r == -ENOENT) {
                return 0;
        }
        if (r < 0) {
                return r;
        }
        /* A supervisor that starts its machine anew finds its own record; one that has undone all
         * and said so takes a moment to end. */
        if (machine_state_is_live(record.state) && record.supervisor.pid != getpid() &&
            process_is_alive(&record.supervisor)) {
                r = error_say(error, EEXIST, "machine \"%s\" is already running (supervisor %d)",
                              name, record.supervisor.pid);
                error_hint(error, "stop it first, or run a copy under another name with --name");
                return r;
        }
        /* The record stays until this start's own replaces it: a machine that is restarted is never
         * without one, and the lock that this start holds lives with it. */
        return launch_undo(&launch->options.directories, &record, launch->options.log, error);
}

/* What the record says of the machine from the beginning. */
static int fill_record(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        struct machine_record *record = &launch->record;

        if (machine_record_init(record, machine->name, machine->definition) < 0 ||
            string_replace(&record->unit, launch->options.unit) < 0 ||
            string_replace(&record->digest, launch->options.digest) < 0) {
                return error_oom(error);
        }
        record->labels = strv_copy(machine->life.labels);
        record->requires = strv_copy(machine->life.requires);
        if ((machine->life.labels && !record->labels) ||
            (machine->life.requires && !record->requires)) {
                return error_oom(error);
        }
        record->started_usec = clock_realtime();
        return 0;
}

static int set_up_state(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r < 0) {
                return r;
        }
        launch->lock = state_lock(&launch->store, machine->name, error);
        if (launch->lock < 0) {
                return launch->lock;
        }
        r = deal_with_predecessor(launch, error);
        if (r < 0) {
                return r;
        }
        r = fill_record(launch, error);
        if (r == 0 && launch->options.snapshot) {
                r = state_save_definition(&launch->store, machine->name, launch->options.snapshot);
                if (r < 0) {
                        error_set(error, r, "cannot keep the definition in %s", launch->store.path);
                }
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(0, &launch->record.supervisor);
        return r < 0 ? error_set(error, r, "cannot read this process' own start time") : 0;
}

static int tear_down_state(struct launch *launch, struct machine_error *error)
{
        /* Without a record of our own there is nothing of ours to remove. */
        if (!launch->record.name) {
                return 0;
        }
        if (launch->lock < 0) {
                launch->lock = state_lock(&launch->store, launch->record.name, error);
                if (launch->lock < 0) {
                        return launch->lock;
                }
        }
        /* All other steps are undone by now. */
        strv_free(TAKE_PTR(launch->record.steps));
        if (!launch->options.keep_record) {
                return state_remove(&launch->store, launch->record.name, error);
        }
        return launch_save(launch, launch->record.state, error);
}

/* ---- what the definition asks for, worked out before anything is made ---- */

static int set_up_privileges(struct launch *launch, struct machine_error *error)
{
        const struct security_label label = {
                .apparmor = launch->machine->security.apparmor,
                .selinux = launch->machine->security.selinux,
        };
        _cleanup_free_ char *cache = path_join(launch->options.directories.state, "seccomp");
        int r;

        if (!cache) {
                return error_oom(error);
        }
        r = launch_check_sysctls(launch->machine, error);
        if (r == 0) {
                r = security_label_check(&label, error);
        }
        if (r == 0) {
                r = capabilities_resolve(launch->machine, &launch->capabilities, error);
        }
        if (r == 0) {
                r = seccomp_program_load(launch->machine, &launch->capabilities, cache,
                                         &launch->filter, error);
        }
        return r;
}

static int set_up_environment(struct launch *launch, struct machine_error *error)
{
        int r = launch_derive_machine_id(launch->machine, &launch->machine_id, error);

        return r < 0 ? r : launch_load_environment(launch->machine, &launch->environment, error);
}

static int set_up_init_program(struct launch *launch, struct machine_error *error)
{
        launch->init_program = launch_open_init_program(error);
        return launch->init_program < 0 ? launch->init_program : 0;
}

/* ---- ids ---- */

static bool wants_user_namespace(const struct launch *launch)
{
        return launch_has_user_namespace(launch);
}

static int set_up_id_range(struct launch *launch, struct machine_error *error)
{
        int r = id_range_acquire(launch->options.directories.runtime, launch->machine, &launch->ids,
                                 error);

        if (r == 0) {
                launch->record.user_base = launch->ids.range.base;
                launch->record.user_count = launch->ids.range.count;
        }
        return r;
}

static int tear_down_id_range(struct launch *launch, struct machine_error *error)
{
        id_lease_release(&launch->ids);
        return 0;
}

/* ---- file systems ---- */

static void note_rootfs(void *data, const char *message)
{
        log_debug(data, "%s", message);
}

static int set_up_root(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *directory = string_format(
                "%s/machines/%s", launch->options.directories.state, launch->machine->name);
        _cleanup_free_ char *scratch = path_join(launch->options.directories.runtime, "scratch");
        struct rootfs_parameters parameters = {
                .machine = launch->machine,
                .state_directory = directory,
                .scratch_directory = scratch,
                .user_namespace_fd = launch->user_namespace,
                .root_uid = launch->ids.range.base,
                .root_gid = launch->ids.range.base,
                .ephemeral = launch->options.ephemeral,
                .program_mount_fd = launch->init_program,
                .network_namespace_fd = network_shared_namespace(launch->network),
                .hosts_path = network_hosts_path(launch->network),
                .hosts_text = network_hosts_text(launch->network),
                .machine_id = launch->machine_id,
                .note = note_rootfs,
                .note_data = (void *)launch->options.log,
        };

        return directory && scratch ? rootfs_build(&parameters, &launch->rootfs, error)
                                    : error_oom(error);
}

static int tear_down_root(struct launch *launch, struct machine_error *error)
{
        rootfs_free(TAKE_PTR(launch->rootfs));
        return 0;
}

/* ---- readiness ---- */

static bool wants_notify(const struct launch *launch)
{
        return launch->options.notify;
}

/* A socket on the directory that is /run/host in the machine: reachable by its path there, and by
 * nobody else. */
static int set_up_notify(struct launch *launch, struct machine_error *error)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int directory = rootfs_host_directory(launch->rootfs);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        launch->notify_socket = fd;
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify", directory);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            fchmodat(directory, "notify", 0666, 0) < 0) {
                return error_set(error, errno, "cannot make the machine's notify socket");
        }
        return 0;
}

static int tear_down_notify(struct launch *launch, struct machine_error *error)
{
        launch->notify_socket = fd_close(launch->notify_socket);
        return 0;
}

/* ---- control group ---- */

static int set_up_cgroup(struct launch *launch, struct machine_error *error)
{
        const struct cgroup_parameters parameters = { .name = launch->machine->name };
        int r = cgroup_create(&parameters, &launch->cgroup, error);

        if (r == 0 && string_replace(&launch->record.cgroup, launch->cgroup.path) < 0) {
                r = error_oom(error);
        }
        return r;
}

/* What holds for the group and its subtree, before the payload begins. */
static int set_up_limits(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        _cleanup_strv_ char **warnings = NULL;
        uid_t root = launch->ids.range.base;
        int r = launch_has_user_namespace(launch)
                        ? cgroup_delegate(&launch->cgroup, root, root, error)
                        : 0;

        if (r == 0) {
                r = cgroup_apply_limits(&launch->cgroup, &machine->limits, &warnings, error);
        }
        if (r == 0) {
                r = cgroup_restrict_devices(&launch->cgroup, machine->devices,
                                            machine->device_count, error);
        }
        STRV_FOREACH(warning, warnings) {
                log_warning(launch->options.log, "%s", *warning);
        }
        return r;
}

static int tear_down_cgroup(struct launch *launch, struct machine_error *error)
{
        return launch->cgroup.path ? cgroup_remove(&launch->cgroup, CGROUP_REMOVE_TIMEOUT, error)
                                   : 0;
}

static int collect_cgroup(const struct launch_directories *directories,
                          const struct machine_record *record, struct machine_error *error)
{
        _cleanup_free_ char *mount = NULL, *path = NULL;
        int r;

        if (record->cgroup) {
                return cgroup_collect(record->cgroup, CGROUP_REMOVE_TIMEOUT, error);
        }
        /* It died between the record and the making; the group may stand at its usual place. */
        r = cgroup_find_mount(&mount, error);
        if (r < 0) {
                return r;
        }
        path = string_format("%s/machinectl-lite/%s", mount, record->name);
        return path ? cgroup_collect(path, CGROUP_REMOVE_TIMEOUT, error) : error_oom(error);
}

/* ---- what is set from outside ---- */

static int set_up_resources(struct launch *launch, struct machine_error *error)
{
        const struct resource_settings settings = resource_settings_of(&launch->machine->limits);

        return resources_prepare(launch->pid, &settings, error);
}

static bool wants_streams(const struct launch *launch)
{
        return !launch->options.terminal && launch_has_user_namespace(launch);
}

/*
 * A payload that opens /dev/stdout, as web servers do for their logs, opens the pipe anew: only its
 * owner may, and that is an id the machine does not know. A pipe is given to the machine's root;
 * files and devices of the caller's stay as they are.
 */
static int set_up_streams(struct launch *launch, struct machine_error *error)
{
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                int fd = launch_stream(launch, i);
                struct stat status;

                if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
                    fchown(fd, launch->ids.range.base, launch->ids.range.base) < 0) {
                        return error_set(error, errno,
                                         "cannot give the pipe on descriptor %d to the machine",
                                         fd);
                }
        }
        return 0;
}

/* ---- the child's turn ---- */

static int first_process_died(struct launch *launch, struct machine_error *error)
{
        int status = launch_reap(launch);
        int r = error_say(error, ECHILD,
                          "the machine's first process ended (status %d) before the program was "
                          "started, without saying why",
                          status);

        if (status == 128 + SIGKILL) {
                error_hint(error,
                           "it was killed: by somebody, or for memory (see the kernel's log)");
        }
        return r;
}

/* The plan stays beside the record for as long as the machine runs: whoever joins the machine runs
 * with the privileges and the environment that its payload was given, whatever its definition has
 * become since. The environment may hold secrets. */
static int keep_plan(struct launch *launch, int fd, struct machine_error *error)
{
        struct stat status;
        void *plan;
        int r;

        /* Mapped, not read: the child's machine-init reads the same open file from its position. */
        if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0 ||
            status.st_size > (off_t)PLAN_MAXIMUM) {
                return error_say(error, EBADMSG, "the machine's first process sent no plan");
        }
        plan = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (plan == MAP_FAILED) {
                return error_set(error, errno, "cannot map the plan of the payload");
        }
        r = state_save_plan(&launch->store, launch->record.name, plan, (size_t)status.st_size);
        (void)munmap(plan, (size_t)status.st_size);
        return r < 0 ? error_set(error, r, "cannot keep the plan of the payload") : 0;
}

/* Takes one message of the child. 1: go on, 0: the payload runs, -errno. */
static int take_message(struct launch *launch, bool *ready, struct machine_error *error)
{
        struct message message;
        int r = message_receive(launch->sockets[0], &message);

        if (r < 0) {
                return error_set(error, r, "cannot read what the machine's first process says");
        }
        if (r == 0) {
                return *ready ? 0 : first_process_died(launch, error);
        }
        switch (message.type) {
        case MESSAGE_READY:
                *ready = true;
                return 1;
        case MESSAGE_TERMINAL:
                fd_close(launch->terminal);
                launch->terminal = message.fd;
                return 1;
        case MESSAGE_PLAN:
                r = keep_plan(launch, message.fd, error);
                fd_close(message.fd);
                return r < 0 ? r : 1;
        case MESSAGE_ERROR:
                error_move(error, &message.error);
                return error && error->number ? -error->number : -ECHILD;
        case MESSAGE_PROCEED:
        case MESSAGE_COMPANION:
        case MESSAGE_PROCESS:
        case MESSAGE_ENDED:
                fd_close(message.fd);
                break;
        }
        return error_say(error, EBADMSG, "the machine's first process sent an unexpected message");
}

void launch_prefer_error_of_child(struct launch *launch, struct machine_error *error)
{
        struct pollfd child = { .fd = launch->sockets[0], .events = POLLIN };
        struct message message;

        /* What it sent before is taken as well, until its error, its end, or nothing more. */
        while (child.fd >= 0 && poll(&child, 1, 0) > 0 && message_receive(child.fd, &message) > 0) {
                fd_close(message.fd);
                if (message.type == MESSAGE_ERROR) {
                        error_move(error, &message.error);
                        return;
                }
        }
}

/* A child that died before it could listen is told of by its messages. */
static int tell_to_proceed(const struct launch *launch, struct machine_error *error)
{
        int r = message_send(launch->sockets[0], MESSAGE_PROCEED);

        return r < 0 && r != -EPIPE
                       ? error_set(error, r, "cannot tell the machine's first process to go on")
                       : 0;
}

static int set_up_payload(struct launch *launch, struct machine_error *error)
{
        bool ready = false;
        int r = tell_to_proceed(launch, error);

        /* The child has its own copy of what was staged. The grace period of RCU that the end of
         * this one takes passes while the child executes machine-init and that the payload. */
        if (r == 0) {
                r = launch_leave_mount_namespace(launch, error);
        }
        if (r < 0) {
                return r;
        }
        do {
                r = take_message(launch, &ready, error);
        } while (r > 0);
        if (r < 0) {
                return r;
        }
        launch->sockets[0] = fd_close(launch->sockets[0]);
        return 0;
}

static int set_up_running(struct launch *launch, struct machine_error *error)
{
        int r = launch_save(launch, MACHINE_STATE_RUNNING, error);

        launch->lock = fd_close(launch->lock);
        return r;
}

const struct launch_step launch_parent_steps[] = {
        { .name = "state", .set_up = set_up_state, .tear_down = tear_down_state },
        { .name = "image",
          .wanted = launch_wants_image,
          .set_up = launch_set_up_image,
          .tear_down = launch_tear_down_image },
        { .name = "privileges", .set_up = set_up_privileges },
        { .name = "environment", .set_up = set_up_environment },
        { .name = "id-range",
          .wanted = wants_user_namespace,
          .set_up = set_up_id_range,
          .tear_down = tear_down_id_range },
        { .name = "network",
          .set_up = launch_set_up_network,
          .tear_down = launch_tear_down_network,
          .leaves = launch_is_connected,
          .collect = launch_collect_network },
        { .name = "mount-namespace",
          .set_up = launch_set_up_mount_namespace,
          .tear_down = launch_leave_mount_namespace },
        { .name = "namespaces",
          .set_up = launch_set_up_namespaces,
          .tear_down = launch_tear_down_namespaces },
        { .name = "id-maps", .wanted = wants_user_namespace, .set_up = launch_set_up_id_maps },
        { .name = "init-program", .set_up = set_up_init_program },
        { .name = "root", .set_up = set_up_root, .tear_down = tear_down_root },
        { .name = "notify",
          .wanted = wants_notify,
          .set_up = set_up_notify,
          .tear_down = tear_down_notify },
        { .name = "cgroup",
          .set_up = set_up_cgroup,
          .tear_down = tear_down_cgroup,
          .collect = collect_cgroup },
        { .name = "clone", .set_up = launch_set_up_clone, .tear_down = launch_tear_down_clone },
        { .name = "resources", .set_up = set_up_resources },
        { .name = "standard-streams", .wanted = wants_streams, .set_up = set_up_streams },
        { .name = "limits", .set_up = set_up_limits },
        { .name = "network-attach",
          .wanted = launch_is_connected,
          .set_up = launch_attach_network },
        { .name = "payload", .set_up = set_up_payload },
        { .name = "running", .set_up = set_up_running },
        { 0 },
};
