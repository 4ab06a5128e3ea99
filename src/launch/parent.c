/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side of a start: steps that need the host's privileges, and the control of the
 * child. */

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
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cgroup/limits/devices.h"
#include "cgroup/limits/limits.h"
#include "cgroup/tree/mount.h"
#include "config/config.h"
#include "launch/context.h"
#include "launch/image.h"
#include "launch/init/message.h"
#include "launch/init/plan.h"
#include "launch/init/user.h"
#include "launch/network.h"
#include "launch/steps.h"
#include "security/label.h"
#include "security/resources.h"
#include "security/user/user.h"
#include "state/member.h"
#include "state/owner.h"

/* ---- state ---- */

static struct claim_to_machine claim_of(const struct launch *launch)
{
        return (struct claim_to_machine){
                .name = launch->machine->name,
                .definition = launch->machine->definition,
                .search = launch->options.directories.config,
        };
}

/* Cleans up after an earlier supervisor of this name, unless its machine is still running. */
static int deal_with_predecessor(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->name;
        const struct claim_to_machine claim = claim_of(launch);
        _cleanup_record_ struct machine_record record = { 0 };
        int r = owner_check_kept(&claim, launch->options.directories.state, error);

        if (r == 0) {
                r = state_load(&launch->store, name, &record, error);
        }
        if (r == -ENOENT) {
                return 0;
        }
        if (r == 0) {
                r = owner_check(&claim, record.definition, error);
        }
        if (r < 0) {
                return r;
        }
        /* A supervisor that restarts its machine finds its own record; one that has finished
         * cleaning up takes a moment to exit. */
        if (machine_state_is_live(record.state) && record.supervisor.pid != getpid() &&
            process_is_alive(&record.supervisor)) {
                r = error_say(error, EALREADY, "machine \"%s\" is already running (supervisor %d)",
                              name, record.supervisor.pid);
                error_hint(error, "stop it first, or run a copy with another --name");
                return r;
        }
        /* The record stays until this start replaces it: a machine that is restarted always has
         * one, and the lock that this start holds belongs to it. */
        return launch_undo(&launch->options.directories, &record, launch->options.log, error);
}

/* Fills the part of the record that is known from the beginning. */
static int fill_record(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        struct machine_record *record = &launch->record;

        if (machine_record_init(record, machine->name, machine->definition) < 0 ||
            string_replace(&record->unit, launch->options.unit) < 0 ||
            string_replace(&record->digest, launch->options.digest) < 0 ||
            string_replace(&record->kept,
                           launch->options.ephemeral ? NULL : machine->root.upper_directory) < 0) {
                return error_oom(error);
        }
        record->labels = strv_copy(machine->life.labels);
        if ((machine->life.labels && !record->labels) ||
            config_requirements(machine, &record->requires) < 0 ||
            (machine->network.mode == MACHINE_NETWORK_MACHINE &&
             string_replace(&record->network_of, machine->network.target) < 0)) {
                return error_oom(error);
        }
        record->background = launch->options.background;
        record->awaits_readiness = launch->options.awaits_readiness;
        record->restarts = launch->options.restarts;
        record->out_of_memory_kills = launch->options.out_of_memory_kills;
        record->started_usec = clock_realtime();
        return 0;
}

/* Later starts of a user join his user namespace through this process. */
static int become_member(struct launch *launch, struct machine_error *error)
{
        const char *runtime = launch->options.directories.runtime;

        launch->runtime_lock = member_hold_directory(runtime, error);
        return launch->runtime_lock < 0 ? launch->runtime_lock
                                        : member_register(runtime, user_namespace_size() == 1,
                                                          &launch->record.supervisor, error);
}

int launch_set_up_state(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r < 0) {
                return r;
        }
        launch->store.unlogged = launch->options.creation;
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
                        error_set(error, r, "cannot save the definition in %s", launch->store.path);
                }
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(0, &launch->record.supervisor);
        if (r < 0) {
                return error_set(error, r, "cannot read the start time of this process");
        }
        return launch->by_user && !launch->machine->bare ? become_member(launch, error) : 0;
}

/* Its record stays as it is, and what is on record of this process is for the locks alone. */
int launch_set_up_storage_state(struct launch *launch, struct machine_error *error)
{
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r < 0) {
                return r;
        }
        launch->lock = state_lock(&launch->store, launch->machine->name, error);
        if (launch->lock < 0) {
                return launch->lock;
        }
        r = deal_with_predecessor(launch, error);
        return r < 0 ? r : fill_record(launch, error);
}

/* The lock of a machine without a record goes, as it came. */
int launch_tear_down_storage_state(struct launch *launch, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        const char *name = launch->machine->name;

        return launch->lock >= 0 && state_load(&launch->store, name, &record, NULL) == -ENOENT
                       ? state_remove(&launch->store, name, error)
                       : 0;
}

bool launch_is_rehearsal(const struct launch *launch)
{
        return launch->options.rehearsal;
}

bool launch_is_in_earnest(const struct launch *launch)
{
        return !launch->options.rehearsal && !launch_is_container(launch);
}

/* A bundle's directories, ids and network are its caller's to share out. */
bool launch_is_not_bare(const struct launch *launch)
{
        return !launch->machine->bare;
}

bool launch_wants_trees(const struct launch *launch)
{
        return launch_is_in_earnest(launch) && launch_is_not_bare(launch);
}

bool launch_wants_named_volumes(const struct launch *launch)
{
        return launch_is_not_bare(launch) && launch_has_volumes(launch);
}

/* Fills the record for the later steps of a rehearsal; nothing is written. */
int launch_set_up_rehearsal(struct launch *launch, struct machine_error *error)
{
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r == 0) {
                r = fill_record(launch, error);
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(0, &launch->record.supervisor);
        return r < 0 ? error_set(error, r, "cannot read the start time of this process") : 0;
}

/* Its record goes with the machine, so the last one is only logged. */
static void log_end(struct launch *launch)
{
        struct machine_record *record = &launch->record;
        int status = launch->exit_status;

        if (record->init.pid > 0) {
                record->state = status == 0 ? MACHINE_STATE_STOPPED : MACHINE_STATE_FAILED;
                record->exit_status = status;
                record->stopped_usec = clock_realtime();
                state_log(&launch->store, record);
        }
}

int launch_tear_down_state(struct launch *launch, struct machine_error *error)
{
        /* Without a record of this start there is nothing to remove. */
        if (!launch->record.name) {
                return 0;
        }
        if (launch->lock < 0) {
                launch->lock = state_lock(&launch->store, launch->record.name, error);
                if (launch->lock < 0) {
                        return launch->lock;
                }
        }
        /* All other steps have been undone. */
        strv_free(TAKE_PTR(launch->record.steps));
        if (!launch->options.keep_record) {
                log_end(launch);
                return state_remove(&launch->store, launch->record.name, error);
        }
        return launch_save(launch, launch->record.state, error);
}

/* ---- settings of the definition, resolved before anything is created ---- */

static int resolve_capabilities(struct launch *launch, struct machine_error *error)
{
        _cleanup_strv_ char **warnings = NULL;
        int r = launch->machine->bare
                        ? capabilities_take_sets(launch->machine, &launch->capabilities, &warnings,
                                                 error)
                        : capabilities_resolve(launch->machine, &launch->capabilities, error);

        STRV_FOREACH(warning, warnings) {
                launch_warn(launch, *warning);
        }
        return r;
}

int launch_set_up_privileges(struct launch *launch, struct machine_error *error)
{
        const struct security_label label = {
                .apparmor = launch->machine->security.apparmor,
                .selinux = launch->machine->security.selinux,
        };
        const struct security_label mounts = {
                .selinux = launch->machine->security.mount_label,
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
        if (r == 0 && launch->machine->security.mount_label) {
                r = security_label_check(&mounts, error);
                if (r < 0) {
                        error_prefix(error, "linux.mountLabel");
                }
        }
        if (r == 0) {
                r = resolve_capabilities(launch, error);
        }
        if (r == 0) {
                r = seccomp_program_load(launch->machine, &launch->capabilities, cache,
                                         &launch->filter, error);
        }
        return r;
}

int launch_set_up_environment(struct launch *launch, struct machine_error *error)
{
        int r = launch_is_not_bare(launch)
                        ? launch_derive_machine_id(launch->machine, &launch->machine_id, error)
                        : 0;

        return r < 0 ? r : launch_load_environment(launch->machine, &launch->environment, error);
}

int launch_set_up_init_program(struct launch *launch, struct machine_error *error)
{
        if (launch_calls_init(launch)) {
                return 0;
        }
        launch->init_program = launch_open_init_program(error);
        return launch->init_program < 0 ? launch->init_program : 0;
}

/* ---- ids ---- */

bool launch_wants_user_namespace(const struct launch *launch)
{
        return launch_has_user_namespace(launch);
}

bool launch_wants_id_range(const struct launch *launch)
{
        return launch_has_user_namespace(launch) && launch_is_not_bare(launch);
}

int launch_set_up_id_range(struct launch *launch, struct machine_error *error)
{
        const struct machine_namespaces *given = &launch->machine->namespaces;
        int r;

        /* The ids of the pod. */
        if (launch->pod.user >= 0) {
                return 0;
        }
        /* The machine's own previous range is not a conflict. */
        if (!launch->by_user && launch->options.rehearsal &&
            given->user == MACHINE_USER_NAMESPACE_RANGE) {
                launch->ids.range = (struct id_range){ given->user_base, given->user_count };
                return 0;
        }
        r = launch->by_user ? id_range_of_user(given, &launch->ids.range, error)
                            : id_range_acquire(launch->options.directories.runtime, launch->machine,
                                               &launch->ids, error);

        if (r == 0) {
                launch->record.user_base = launch->ids.range.base;
                launch->record.user_count = launch->ids.range.count;
        }
        return r;
}

int launch_tear_down_id_range(struct launch *launch, struct machine_error *error)
{
        id_lease_release(&launch->ids);
        return 0;
}

/* ---- file systems ---- */

static void note_rootfs(void *data, const char *message)
{
        log_debug(data, "%s", message);
}

static void warn_rootfs(void *data, const char *message)
{
        log_warning(data, "%s", message);
}

/* User namespaces with the maps that mounts have of their own. */
static int open_maps(const struct machine *machine, int *fds, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; i < machine->mount_count && r == 0; i++) {
                if (machine->mounts[i].maps.uid_count > 0) {
                        r = user_namespace_create_mapped(&machine->mounts[i].maps, &fds[i], error);
                        if (r < 0) {
                                error_prefix(error, "mounts[%zu].uidMappings", i);
                        }
                }
        }
        return r;
}

static int build_mapped_root(struct launch *launch, struct rootfs_parameters *parameters,
                             struct machine_error *error)
{
        size_t count = launch->machine->mount_count;
        _cleanup_free_ int *fds = calloc(count + 1, sizeof *fds);
        _cleanup_free_ char *mount = NULL;
        int r;

        if (!fds) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                fds[i] = -EBADF;
        }
        r = open_maps(launch->machine, fds, error);
        if (r == 0 && !parameters->cgroup_directory) {
                (void)cgroup_find_mount(&mount, NULL);
                parameters->cgroup_directory = mount;
        }
        if (r == 0) {
                parameters->map_fds = fds;
                r = rootfs_build(parameters, &launch->rootfs, error);
        }
        for (size_t i = 0; i < count; i++) {
                fd_close(fds[i]);
        }
        return r;
}

static int build_root(struct launch *launch, bool storage, struct machine_error *error)
{
        _cleanup_free_ char *directory = string_format(
                "%s/machines/%s", launch->options.directories.state, launch->machine->name);
        _cleanup_free_ char *scratch = path_join(launch->options.directories.runtime, "scratch");
        struct rootfs_parameters parameters = {
                .machine = launch->machine,
                .state_directory = directory,
                .scratch_directory = scratch,
                .user_namespace_fd =
                        launch->by_user && !launch->machine->bare ? -EBADF : launch->user_namespace,
                .root_uid = launch_root_uid(launch),
                .root_gid = launch_root_gid(launch),
                .id_count = launch->ids.range.count,
                .by_user = launch->by_user,
                .ungrouped = !launch->cgroup.path,
                .ephemeral = launch->options.ephemeral,
                .rehearsal = launch->options.rehearsal,
                .volumes = launch->mounted_volumes,
                .storage = storage,
                .program_mount_fd = launch->init_program,
                .network_namespace_fd = -EBADF,
                .host_mounts_fd = launch->host.mounts,
                .cgroup_directory = launch->cgroup.path,
                .machine_id = launch->machine_id,
                .note = note_rootfs,
                .warn = warn_rootfs,
                .note_data = (void *)launch->options.log,
        };

        if (launch->network) {
                parameters.network_namespace_fd = network_shared_namespace(launch->network);
                parameters.hosts_path = network_hosts_path(launch->network);
                parameters.hosts_text = network_hosts_text(launch->network);
                parameters.reach = launch_reach(launch);
        }
        if (!directory || !scratch) {
                return error_oom(error);
        }
        return launch->machine->bare ? build_mapped_root(launch, &parameters, error)
                                     : rootfs_build(&parameters, &launch->rootfs, error);
}

static int keep_owner(const struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *directory = string_format(
                "%s/machines/%s", launch->options.directories.state, launch->machine->name);
        const struct claim_to_machine claim = claim_of(launch);

        if (!directory) {
                return error_oom(error);
        }
        return access(directory, F_OK) == 0
                       ? owner_keep(&claim, launch->options.directories.state, error)
                       : 0;
}

int launch_set_up_root(struct launch *launch, struct machine_error *error)
{
        int r = build_root(launch, false, error);

        if (r < 0 || launch->options.rehearsal || launch_is_container(launch)) {
                return r;
        }
        r = launch_take_new_trees(launch, error);
        return r < 0 ? r : keep_owner(launch, error);
}

int launch_set_up_storage(struct launch *launch, struct machine_error *error)
{
        return build_root(launch, true, error);
}

int launch_tear_down_root(struct launch *launch, struct machine_error *error)
{
        rootfs_free(TAKE_PTR(launch->rootfs));
        return 0;
}

/* ---- readiness ---- */

bool launch_wants_notify(const struct launch *launch)
{
        return launch->options.notify;
}

/* A socket in the directory that becomes /run/host in the machine: only the machine can reach it,
 * by its path there. */
int launch_set_up_notify(struct launch *launch, struct machine_error *error)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int directory = rootfs_host_directory(launch->rootfs);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        launch->notify_socket = fd;
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify", directory);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            fchmodat(directory, "notify", 0666, 0) < 0) {
                return error_set(error, errno, "cannot create the machine's notify socket");
        }
        return 0;
}

int launch_tear_down_notify(struct launch *launch, struct machine_error *error)
{
        launch->notify_socket = fd_close(launch->notify_socket);
        return 0;
}

/* ---- control group ---- */

bool launch_has_group_of_own(const struct launch *launch)
{
        return !launch_is_container(launch);
}

bool launch_has_group(const struct launch *launch)
{
        return launch_has_group_of_own(launch) || launch_wants_group(launch) ||
               launch_wants_scope(launch) || launch->options.container->limited;
}

/* A container's root gets its group only if the bundle says so. */
static bool is_delegated(const struct launch *launch)
{
        return launch_is_container(launch) ? launch->options.container->owns_cgroup
                                           : launch_has_user_namespace(launch);
}

/* A service manager needs groups for its services. */
static int refuse_to_boot(struct machine_error *error)
{
        error_say(error, ENODEV,
                  "\"boot\" needs a control group, and none was delegated to the user");
        error_hint(error, "start the machine as a service of the user's manager: systemctl --user "
                          "start container@NAME");
        return -ENODEV;
}

int launch_set_up_cgroup(struct launch *launch, struct machine_error *error)
{
        const struct cgroup_parameters parameters = {
                .name = launch->machine->name,
                .by_user = launch->by_user,
                .boots = launch->machine->process.boot,
        };
        int r = cgroup_create(&parameters, &launch->cgroup, error);

        if (r == 0 && string_replace(&launch->record.cgroup, launch->cgroup.path) < 0) {
                r = error_oom(error);
        }
        if (r == 0 && launch->machine->process.boot && !launch->cgroup.path) {
                return refuse_to_boot(error);
        }
        return r;
}

/* Sets the limits of the group and its subtree before the payload starts. */
int launch_set_up_limits(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        _cleanup_strv_ char **warnings = NULL;
        int r = is_delegated(launch) && launch->cgroup.path
                        ? cgroup_delegate(&launch->cgroup, launch_root_uid(launch),
                                          launch_root_gid(launch), error)
                        : 0;

        if (r == 0) {
                r = cgroup_apply_limits(&launch->cgroup, &machine->limits, &warnings, error);
        }
        /* A user's machine can make no node, and has only those that the user may open. */
        if (r == 0 && !launch->by_user && launch->cgroup.path) {
                r = machine->bare
                            ? cgroup_restrict_devices_by(&launch->cgroup, &machine->limits, error)
                            : cgroup_restrict_devices(&launch->cgroup, machine->devices,
                                                      machine->device_count, error);
        }
        STRV_FOREACH(warning, warnings) {
                launch_warn(launch, *warning);
        }
        return r;
}

int launch_tear_down_cgroup(struct launch *launch, struct machine_error *error)
{
        return launch->cgroup.path ? cgroup_remove(&launch->cgroup, CGROUP_REMOVE_TIMEOUT, error)
                                   : 0;
}

int launch_collect_cgroup(const struct launch_directories *directories,
                          const struct machine_record *record, struct machine_error *error)
{
        _cleanup_free_ char *mount = NULL, *path = NULL;
        int r;

        if (record->cgroup) {
                return cgroup_collect(record->cgroup, CGROUP_REMOVE_TIMEOUT, error);
        }
        if (!caller_is_root()) {
                return 0;
        }
        /* It died between writing the record and creating the group, which may exist at its usual
         * path. */
        r = cgroup_find_mount(&mount, error);
        if (r < 0) {
                return r;
        }
        path = string_format("%s/machinectl-lite/%s", mount, record->name);
        return path ? cgroup_collect(path, CGROUP_REMOVE_TIMEOUT, error) : error_oom(error);
}

/* ---- settings made from outside ---- */

int launch_set_up_resources(struct launch *launch, struct machine_error *error)
{
        const struct resource_settings settings = resource_settings_of(launch->machine);

        return resources_prepare(launch->pid, &settings, error);
}

bool launch_wants_streams(const struct launch *launch)
{
        /* A user's machine mostly has his own id as root's. */
        return !launch->options.terminal && launch_has_user_namespace(launch) &&
               !(launch->by_user && launch_root_uid(launch) == 0);
}

/* The owner of the caller's pipes is not in the machine's user namespace. */
int launch_set_up_streams(struct launch *launch, struct machine_error *error)
{
        const int streams[] = { launch_stream(launch, 0), launch_stream(launch, 1),
                                launch_stream(launch, 2) };

        return init_user_own_pipes(streams, launch_root_uid(launch), launch_root_gid(launch),
                                   error);
}

int launch_set_up_running(struct launch *launch, struct machine_error *error)
{
        int r = launch_save(launch, MACHINE_STATE_RUNNING, error);

        launch->lock = fd_close(launch->lock);
        return r;
}
