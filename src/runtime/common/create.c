/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/tree/place.h"
#include "launch/init/hook.h"
#include "launch/init/start.h"
#include "runtime/common/hand_over.h"
#include "runtime/common/life.h"
#include "runtime/common/notify.h"
#include "runtime/common/preserved.h"
#include "runtime/common/scope.h"
#include "runtime/common/user.h"

/* A container that is being created, for its moments. */
struct creation {
        const struct runtime *runtime;
        const struct arguments *arguments;
        const char *id;
        struct oci_bundle bundle;
        char *group; /* below the mount of cgroup2 */
        char **start_hooks;
        char *start_state;
        char *agent_state;
};

static void creation_clear(struct creation *creation)
{
        oci_bundle_clear(&creation->bundle);
        free(creation->group);
        strv_free(creation->start_hooks);
        free(creation->start_state);
        free(creation->agent_state);
}

static struct oci_state state_of(const struct creation *creation, enum oci_status status, pid_t pid)
{
        return (struct oci_state){
                .version = creation->bundle.version,
                .id = creation->id,
                .status = status,
                .pid = pid,
                .bundle = creation->bundle.directory,
                .annotations = creation->bundle.annotations,
        };
}

/* ---- moments ---- */

static int run_created(void *data, pid_t pid, struct machine_error *error)
{
        const struct creation *creation = data;
        const struct oci_state state = state_of(creation, OCI_CREATING, pid);
        int r = container_run_hooks(&creation->bundle, OCI_HOOK_PRESTART, &state, error);

        return r < 0 ? r
                     : container_run_hooks(&creation->bundle, OCI_HOOK_CREATE_RUNTIME, &state,
                                           error);
}

static int run_inside(void *data, pid_t pid, struct machine_error *error)
{
        const struct creation *creation = data;
        const struct oci_state state = state_of(creation, OCI_CREATING, pid);

        return container_run_hooks(&creation->bundle, OCI_HOOK_CREATE_CONTAINER, &state, error);
}

static void warn(void *data, const char *message)
{
        const struct creation *creation = data;

        runtime_warn(creation->runtime, message);
}

static int enter_scope(void *data, pid_t pid, char **ret, struct machine_error *error)
{
        const struct creation *creation = data;

        return scope_enter(creation->bundle.cgroups_path, creation->id, pid, ret, error);
}

static bool has_hooks(const struct creation *creation, enum oci_hook_kind kind)
{
        return creation->bundle.hooks.lists[kind].count > 0;
}

/* The first process runs these itself, in its own root. */
static int prepare_start_hooks(struct creation *creation, struct machine_error *error)
{
        const struct oci_state state = state_of(creation, OCI_CREATED, 0);

        for (size_t i = 0; i < creation->bundle.hooks.lists[OCI_HOOK_START_CONTAINER].count; i++) {
                const struct oci_hook *item =
                        &creation->bundle.hooks.lists[OCI_HOOK_START_CONTAINER].items[i];
                const struct hook hook = {
                        item->path, item->args, item->env, item->timeout, NULL,
                };

                if (start_add_hook(&creation->start_hooks, &hook) < 0) {
                        return error_oom(error);
                }
        }
        if (creation->start_hooks) {
                creation->start_state = oci_state_begin(&state);
        }
        return creation->start_hooks && !creation->start_state ? error_oom(error) : 0;
}

static int prepare_agent(struct creation *creation, struct machine_error *error)
{
        const struct oci_state state = state_of(creation, OCI_CREATING, 0);
        const struct machine_seccomp *seccomp = &creation->bundle.machine->security.seccomp;

        if (!seccomp->listener) {
                return 0;
        }
        creation->agent_state = oci_agent_state_begin(&state, seccomp->listener_metadata);
        return creation->agent_state ? 0 : error_oom(error);
}

/* ---- what is asked for ---- */

/* A user has the group that the bundle names if it was delegated to him, and otherwise none: what
 * needs one is then an error. */
static int choose_group_of_user(struct creation *creation, struct machine_error *error)
{
        const char *path = creation->bundle.cgroups_path;
        _cleanup_free_ char *place = NULL;

        if (!path || path[0] != '/') {
                return 0;
        }
        if (cgroup_place(path, &place, error) < 0) {
                return -error->number;
        }
        if (!cgroup_may_create(place)) {
                runtime_warn(creation->runtime,
                             "linux.cgroupsPath is not delegated to the user: the container has no "
                             "control group of its own");
                return 0;
        }
        creation->group = strdup(path);
        return creation->group ? 0 : error_oom(error);
}

/* Without a path of the bundle's, and for a relative one, the place is the runtime's choice. */
static int choose_group(struct creation *creation, struct machine_error *error)
{
        const char *path = creation->bundle.cgroups_path;

        if (creation->runtime->manager != MANAGER_CGROUPFS) {
                return 0;
        }
        if (creation->runtime->rootless) {
                return choose_group_of_user(creation, error);
        }
        creation->group = !path || !*path  ? string_format("/machine-oci/%s", creation->id)
                          : path[0] == '/' ? strdup(path)
                                           : string_format("/machine-oci/%s", path);
        return creation->group ? 0 : error_oom(error);
}

static int check_options(const struct creation *creation, struct machine_error *error)
{
        const struct arguments *arguments = creation->arguments;
        bool terminal = creation->bundle.machine->process.terminal == MACHINE_CHOICE_YES;

        if (arguments_has(arguments, ARGUMENT_NO_PIVOT)) {
                return error_say(error, ENOTSUP,
                                 "--no-pivot is not supported: a container's root "
                                 "is always made \"/\" by pivot_root(2)");
        }
        if (arguments_has(arguments, ARGUMENT_CONSOLE_SOCKET) && !terminal) {
                return error_say(error, EINVAL,
                                 "--console-socket is given, but process.terminal "
                                 "is not true in config.json");
        }
        return 0;
}

static int load(struct creation *creation, struct machine_error *error)
{
        const char *directory = creation->arguments->values[ARGUMENT_BUNDLE];
        _cleanup_free_ char *file = NULL;
        int r = container_check_id(creation->id, error);

        if (r == 0) {
                r = oci_bundle_load(directory ? directory : ".", &creation->bundle, error);
        }
        if (r < 0) {
                return r;
        }
        file = string_format("%s/config.json", creation->bundle.directory);
        if (!file || string_replace(&creation->bundle.machine->name, creation->id) < 0 ||
            string_replace(&creation->bundle.machine->definition, file) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(warning, creation->bundle.warnings) {
                runtime_warn(creation->runtime, *warning);
        }
        STRV_FOREACH(path, creation->bundle.unknown) {
                log_debug(&creation->runtime->log, "%s: %s is not in the specification and ignored",
                          file, *path);
        }
        r = check_options(creation, error);
        if (r == 0) {
                r = choose_group(creation, error);
        }
        if (r == 0) {
                r = prepare_agent(creation, error);
        }
        return r < 0 ? r : prepare_start_hooks(creation, error);
}

/* ---- the start ---- */

/* The descriptors outlive the launch. */
static int keep(const struct creation *creation, const struct launch *launch, struct created *ret,
                struct machine_error *error)
{
        int terminal = launch_terminal(launch);

        ret->pidfd = fcntl(launch_pidfd(launch), F_DUPFD_CLOEXEC, 3);
        ret->terminal =
                terminal >= 0 && !arguments_has(creation->arguments, ARGUMENT_CONSOLE_SOCKET)
                        ? fcntl(terminal, F_DUPFD_CLOEXEC, 3)
                        : -EBADF;
        return ret->pidfd < 0 ? error_set(error, errno, "cannot keep the process' descriptor") : 0;
}

/* Everything that a caller is promised when this returns. The container is undone if some of it
 * fails. */
static int hand_over(const struct creation *creation, struct launch *launch, struct created *ret,
                     struct machine_error *error)
{
        const struct waiting_process process = {
                .pid = launch_record(launch)->init.pid,
                .pidfd = launch_pidfd(launch),
                .terminal = launch_terminal(launch),
        };
        int r = hand_over_process(creation->arguments, &process, error);

        if (r == 0 && ret) {
                r = keep(creation, launch, ret, error);
        }
        if (r < 0) {
                (void)launch_finish(launch, NULL);
                return r;
        }
        return launch_release(launch, error);
}

/* A bundle that brings a socket of its own, as conmon's do, has what it needs. */
static bool wants_notify(const struct creation *creation)
{
        const struct machine *machine = creation->bundle.machine;

        STRV_FOREACH(entry, machine->process.environment) {
                if (string_after(*entry, "NOTIFY_SOCKET=")) {
                        return false;
                }
        }
        return notify_is_wanted();
}

static int create(struct creation *creation, struct created *ret, struct machine_error *error)
{
        const struct arguments *arguments = creation->arguments;
        const struct machine *machine = creation->bundle.machine;
        struct launch_container container = {
                .cgroup = creation->group,
                .enter_scope = creation->runtime->manager == MANAGER_SYSTEMD ? enter_scope : NULL,
                .limited = creation->runtime->rootless &&
                           creation->runtime->manager == MANAGER_CGROUPFS,
                .owns_cgroup = creation->bundle.owns_cgroup,
                .notifies = wants_notify(creation),
                .keeps_keyring = arguments_has(arguments, ARGUMENT_NO_NEW_KEYRING),
                .created = has_hooks(creation, OCI_HOOK_PRESTART) ||
                                           has_hooks(creation, OCI_HOOK_CREATE_RUNTIME)
                                   ? run_created
                                   : NULL,
                .inside = has_hooks(creation, OCI_HOOK_CREATE_CONTAINER) ? run_inside : NULL,
                .warn = warn,
                .data = creation,
                .start_hooks = creation->start_hooks,
                .start_state = creation->start_state,
                .agent_state = creation->agent_state,
        };
        const struct launch_options options = {
                .directories = container_directories(creation->runtime),
                .log = &creation->runtime->log,
                .terminal = machine->process.terminal == MACHINE_CHOICE_YES,
                .streams = LAUNCH_OWN_STREAMS,
                .snapshot = creation->bundle.json,
                .container = &container,
        };
        struct launch *launch = NULL;
        struct preserved preserved;
        int r = preserved_take(arguments, true, &preserved, error);

        if (r < 0) {
                return r;
        }
        r = user_enter(creation->bundle.machine, error);
        if (r < 0) {
                return r;
        }
        container.starts = ret && !container.notifies && !has_hooks(creation, OCI_HOOK_POSTSTART);
        container.preserved = preserved.count;
        container.listening = preserved.listening;
        container.listening_names = preserved.listening_names;
        r = launch_start(creation->bundle.machine, &options, &launch, error);
        if (r == 0) {
                r = hand_over(creation, launch, ret, error);
        }
        if (r == 0 && ret) {
                ret->started = container.starts;
        }
        return r;
}

int life_create(const struct runtime *runtime, const struct arguments *arguments,
                struct created *ret, struct machine_error *error)
{
        bool relayed = ret && !arguments_has(arguments, ARGUMENT_DETACH);
        struct creation creation = {
                .runtime = runtime,
                .arguments = arguments,
                .id = arguments->rest[0],
        };
        int r = load(&creation, error);

        if (r == 0 && ret && !creation.bundle.machine->process.command) {
                r = error_say(error, EINVAL, "%s has no `process`: there is no program to run",
                              creation.bundle.machine->definition);
        }
        if (r == 0 && creation.bundle.machine->process.terminal == MACHINE_CHOICE_YES && !relayed &&
            !arguments_has(arguments, ARGUMENT_CONSOLE_SOCKET)) {
                r = error_say(error, EINVAL,
                              "process.terminal is true in config.json: a container that is not "
                              "waited for needs --console-socket");
        }
        if (r == 0) {
                r = create(&creation, ret, error);
        }
        creation_clear(&creation);
        return r;
}
