/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pods. A pod is a machine without a payload: its stub init and a program that only waits hold the
 * namespaces, so that each member can end and start again without the others noticing. A member
 * joins the pod's user, IPC and UTS namespaces, and its network like that of any other machine
 * (launch/network.c). All of them belong to that user namespace, so that members have the same
 * rights over them as over namespaces of their own.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/snapshot.h"
#include "launch/context.h"

/* An empty directory of the runtime directory, which all pods have as their root. */
#define POD_ROOT "pod-root"
/* Where the program that waits is in it. */
#define POD_PROGRAM "/machine-init"

/* ---- The pod ---- */

bool launch_holds_pod(const struct launch *launch)
{
        return launch->machine->holds_pod;
}

static int give_program(struct machine *machine, struct machine_error *error)
{
        static const char *const command[] = { POD_PROGRAM, "pause" };
        struct machine_mount *mount = calloc(1, sizeof *mount);

        if (!mount) {
                return error_oom(error);
        }
        *mount = (struct machine_mount){ .type = MACHINE_MOUNT_BIND,
                                         .target = strdup(POD_PROGRAM),
                                         .read_only = true,
                                         .size = MACHINE_UNSET,
                                         .mode = MACHINE_UNSET,
                                         .create = true };
        machine->mounts = mount;
        machine->mount_count = 1;
        mount->source = launch_find_init_program(error);
        if (!mount->source) {
                return -ENOENT;
        }
        for (size_t i = 0; mount->target && i < ELEMENTS_OF(command); i++) {
                if (strv_append(&machine->process.command, command[i]) < 0) {
                        return error_oom(error);
                }
        }
        return mount->target ? 0 : error_oom(error);
}

int launch_set_up_pod(struct launch *launch, struct machine_error *error)
{
        struct machine *machine = launch->machine;
        int r;

        /* It is started again. */
        if (machine->root.directory) {
                return 0;
        }
        machine->root.directory = path_join(launch->options.directories.runtime, POD_ROOT);
        if (!machine->root.directory) {
                return error_oom(error);
        }
        r = directory_make(machine->root.directory, 0755);
        return r < 0 ? error_set(error, r, "cannot create the directory %s",
                                 machine->root.directory)
                     : give_program(machine, error);
}

/* ---- Members ---- */

/* A rehearsal and a copy to a stopped machine get namespaces of their own. */
bool launch_joins_pod(const struct launch *launch)
{
        return launch->machine->pod && !launch->options.rehearsal;
}

static int refuse_stopped(const char *pod, struct machine_error *error)
{
        error_say(error, ESRCH, "pod \"%s\" is not running", pod);
        error_hint(error, "start it first: machinectl-lite start %s", pod);
        return -ESRCH;
}

static int open_namespace(pid_t pid, const char *name, int *ret, struct machine_error *error)
{
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
        *ret = open(path, O_RDONLY | O_CLOEXEC);
        return *ret < 0 ? error_set(error, errno, "cannot open %s", path) : 0;
}

static int open_namespaces(struct launch *launch, const struct machine_record *record,
                           struct machine_error *error)
{
        struct pod_namespaces *pod = &launch->pod;
        /* A pid is not reused while its process can be signalled. */
        _cleanup_close_ int process = record->init.pid > 0 ? process_open(&record->init) : -ESRCH;
        int r = process < 0 ? refuse_stopped(launch->machine->pod, error) : 0;

        r = r < 0 ? r : open_namespace(record->init.pid, "user", &pod->user, error);
        r = r < 0 ? r : open_namespace(record->init.pid, "ipc", &pod->ipc, error);
        r = r < 0 ? r : open_namespace(record->init.pid, "uts", &pod->uts, error);
        return r == 0 && !process_is_alive(&record->init)
                       ? refuse_stopped(launch->machine->pod, error)
                       : r;
}

/* The machine's files have the host name that the pod was started with; without a record of that,
 * the pod's name. */
static int take_hostname(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->pod, *hostname = NULL;
        _cleanup_json_ json_t *settings = NULL;
        _cleanup_free_ char *snapshot = NULL;

        if (state_load_definition(&launch->store, name, &snapshot) == 0) {
                settings = config_snapshot_settings(snapshot);
                hostname = json_get_string(settings, "hostname");
        }
        return string_replace(&launch->machine->hostname, hostname ? hostname : name) < 0
                       ? error_oom(error)
                       : 0;
}

int launch_join_pod(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->pod;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(&launch->store, name, &record, error);

        if (r == -ENOENT) {
                return refuse_stopped(name, error);
        }
        r = r < 0 ? r : open_namespaces(launch, &record, error);
        if (r < 0) {
                return r;
        }
        launch->pod.group = machine_record_limited_group(&record);
        if (launch->pod.group && access(launch->pod.group, F_OK) < 0) {
                free(launch->pod.group);
                launch->pod.group = NULL;
        }
        launch->ids.range = (struct id_range){ record.user_base, record.user_count };
        launch->record.user_base = record.user_base;
        launch->record.user_count = record.user_count;
        return take_hostname(launch, error);
}

int launch_leave_pod(struct launch *launch, struct machine_error *error)
{
        struct pod_namespaces *pod = &launch->pod;

        pod->user = fd_close(pod->user);
        pod->ipc = fd_close(pod->ipc);
        pod->uts = fd_close(pod->uts);
        free(pod->group);
        pod->group = NULL;
        return 0;
}
