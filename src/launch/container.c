/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Steps of a start for an OCI runtime. Its container has no supervisor: what finds it again is its
 * record, and its first process waits for the start on a socket beside that. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cgroup/tree/mount.h"
#include "cgroup/tree/place.h"
#include "launch/context.h"
#include "launch/init/message.h"
#include "launch/init/plan.h"

/* ---- state ---- */

/* The socket's address, by the descriptor of its directory: that path is always short enough. */
static int address_of(const struct state_store *store, const char *name, struct sockaddr_un *ret,
                      struct machine_error *error)
{
        int n;

        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        n = snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s" STATE_START_SUFFIX,
                     store->directory_fd, name);
        return n < (int)sizeof ret->sun_path
                       ? 0
                       : error_say(error, ENAMETOOLONG, "the container's id \"%s\" is too long",
                                   name);
}

static int open_waiting(struct launch *launch, struct machine_error *error)
{
        struct sockaddr_un address;
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        mode_t mask;
        int r = address_of(&launch->store, launch->machine->name, &address, error);

        launch->waiting = fd;
        if (r < 0) {
                return r;
        }
        (void)unlink(address.sun_path);
        mask = umask(0077);
        r = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0
                    ? -errno
                    : 0;
        (void)umask(mask);
        return r < 0 ? error_set(error, r,
                                 "cannot create the socket on which container \"%s\" waits",
                                 launch->machine->name)
                     : 0;
}

static int fill_record(struct launch *launch, struct machine_error *error)
{
        struct machine_record *record = &launch->record;
        int r;

        if (machine_record_init(record, launch->machine->name, launch->machine->definition) < 0) {
                return error_oom(error);
        }
        record->started_usec = clock_realtime();
        r = process_identify(0, &record->supervisor);
        return r < 0 ? error_set(error, r, "cannot read the start time of this process") : 0;
}

static int take_name(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->name;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(&launch->store, name, &record, error);

        if (r == 0) {
                error_say(error, EEXIST, "container with id exists: \"%s\"", name);
                error_hint(error, "delete it first, or use another id");
                return -EEXIST;
        }
        return r == -ENOENT ? 0 : r;
}

/* The group's place is recorded before it exists, so that it is found whenever this process dies.
 */
static int choose_place(struct launch *launch, struct machine_error *error)
{
        return launch_wants_group(launch) ? cgroup_place(launch->options.container->cgroup,
                                                         &launch->record.cgroup, error)
                                          : 0;
}

int launch_set_up_container(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->name;
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r < 0) {
                return r;
        }
        launch->store.unlogged = true;
        launch->lock = state_lock(&launch->store, name, error);
        if (launch->lock < 0) {
                return launch->lock;
        }
        r = take_name(launch, error);
        if (r < 0) {
                return r;
        }
        r = fill_record(launch, error);
        if (r == 0) {
                r = choose_place(launch, error);
        }
        if (r == 0 && launch->options.snapshot) {
                r = state_save_definition(&launch->store, name, launch->options.snapshot);
                if (r < 0) {
                        error_set(error, r, "cannot save config.json in %s", launch->store.path);
                }
        }
        if (r == 0) {
                r = launch_record_steps(launch, error);
        }
        return r < 0 ? r : open_waiting(launch, error);
}

int launch_tear_down_container(struct launch *launch, struct machine_error *error)
{
        /* Without a record of its own this start has made nothing. */
        return launch->record.name ? state_remove(&launch->store, launch->record.name, error) : 0;
}

/* ---- control group ---- */

bool launch_wants_group(const struct launch *launch)
{
        return launch_is_container(launch) && launch->options.container->cgroup;
}

int launch_set_up_group(struct launch *launch, struct machine_error *error)
{
        return cgroup_create_at(launch->record.cgroup, &launch->cgroup, error);
}

int launch_collect_group(const struct launch_directories *directories,
                         const struct machine_record *record, struct machine_error *error)
{
        return record->cgroup ? cgroup_collect(record->cgroup, CGROUP_REMOVE_TIMEOUT, error) : 0;
}

bool launch_wants_scope(const struct launch *launch)
{
        return launch_is_container(launch) && launch->options.container->enter_scope;
}

/* A scope needs a process from its beginning: the maker, from whom the first process inherits it.
 */
int launch_set_up_scope(struct launch *launch, struct machine_error *error)
{
        const struct launch_container *container = launch->options.container;
        _cleanup_free_ char *scope = NULL;
        int r = container->enter_scope(container->data, launch->maker.pid, &scope, error);

        if (r == 0) {
                r = cgroup_create_below(scope, launch->maker.pid, &launch->cgroup, error);
        }
        if (r == 0 && string_replace(&launch->record.cgroup, launch->cgroup.path) < 0) {
                r = error_oom(error);
        }
        return r < 0 ? r : launch_save(launch, MACHINE_STATE_STARTING, error);
}

/* ---- namespaces of others ---- */

/* What this process joins for the maker. A process in a new user namespace may not join those that
 * belong to the host. The maker joins a pid namespace itself: it must not be visible there. The
 * first process joins a time namespace itself: the kernel wants a process that shares no memory. */
static const struct {
        enum machine_namespace kind;
        int flag;
        const char *name; /* in /proc/self/ns */
} joined[] = {
        { MACHINE_NAMESPACE_NETWORK, CLONE_NEWNET, "net" },
        { MACHINE_NAMESPACE_IPC, CLONE_NEWIPC, "ipc" },
        { MACHINE_NAMESPACE_UTS, CLONE_NEWUTS, "uts" },
        { MACHINE_NAMESPACE_CGROUP, CLONE_NEWCGROUP, "cgroup" },
};

static int open_namespace(const struct launch *launch, enum machine_namespace kind,
                          struct machine_error *error)
{
        const char *path = launch->machine->namespaces.given[kind].path;
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? error_set(error, errno, "cannot open the namespace \"%s\"", path) : fd;
}

static int join(struct launch *launch, size_t i, struct machine_error *error)
{
        const char *path = launch->machine->namespaces.given[joined[i].kind].path;
        _cleanup_close_ int fd = open_namespace(launch, joined[i].kind, error);
        char own[32];

        if (fd < 0) {
                return fd;
        }
        (void)snprintf(own, sizeof own, "/proc/self/ns/%s", joined[i].name);
        launch->own_namespaces[i] = open(own, O_RDONLY | O_CLOEXEC);
        if (launch->own_namespaces[i] < 0) {
                return error_set(error, errno, "cannot open %s", own);
        }
        return setns(fd, joined[i].flag) < 0
                       ? error_set(error, errno, "cannot join the %s namespace \"%s\"",
                                   joined[i].name, path)
                       : 0;
}

/* The ids of a joined namespace are what it has, whatever the definition says. */
static int join_ids(struct launch *launch, struct machine_error *error)
{
        struct machine_id_maps maps, *own = &launch->machine->namespaces.maps;
        int r = launch->user_namespace = open_namespace(launch, MACHINE_NAMESPACE_USER, error);

        if (r >= 0) {
                r = id_maps_of_namespace(launch->user_namespace, &maps, error);
        }
        if (r < 0) {
                return r;
        }
        free(own->uids);
        free(own->gids);
        *own = maps;
        return 0;
}

int launch_join_namespaces(struct launch *launch, struct machine_error *error)
{
        int r = 0;

        if (!launch->machine->bare) {
                return 0;
        }
        if (launch_given(launch, MACHINE_NAMESPACE_PID) == MACHINE_NAMESPACE_JOINED) {
                r = launch->maker.pid_namespace =
                        open_namespace(launch, MACHINE_NAMESPACE_PID, error);
        }
        if (r >= 0 && launch_given(launch, MACHINE_NAMESPACE_USER) == MACHINE_NAMESPACE_JOINED) {
                r = join_ids(launch, error);
        }
        if (r >= 0 && launch_given(launch, MACHINE_NAMESPACE_TIME) == MACHINE_NAMESPACE_JOINED) {
                r = launch->time_namespace = open_namespace(launch, MACHINE_NAMESPACE_TIME, error);
        }
        for (size_t i = 0; r >= 0 && i < ELEMENTS_OF(joined); i++) {
                if (launch_given(launch, joined[i].kind) == MACHINE_NAMESPACE_JOINED) {
                        r = join(launch, i, error);
                }
        }
        return r < 0 ? r : 0;
}

int launch_join_time(const struct launch *launch, struct machine_error *error)
{
        if (launch->time_namespace < 0 || setns(launch->time_namespace, CLONE_NEWTIME) == 0) {
                return 0;
        }
        return error_set(error, errno, "cannot join the time namespace \"%s\"",
                         launch->machine->namespaces.given[MACHINE_NAMESPACE_TIME].path);
}

int launch_leave_namespaces(struct launch *launch, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTS_OF(joined); i++) {
                int *own = &launch->own_namespaces[i];

                if (*own >= 0 && setns(*own, joined[i].flag) < 0 && r == 0) {
                        r = error_set(error, errno, "cannot return to the caller's %s namespace",
                                      joined[i].name);
                }
                *own = fd_close(*own);
        }
        return r;
}

/* ---- the caller's moment ---- */

bool launch_wants_created(const struct launch *launch)
{
        return launch_is_container(launch) && launch->options.container->created;
}

int launch_set_up_created(struct launch *launch, struct machine_error *error)
{
        const struct launch_container *container = launch->options.container;
        int r = launch_leave_mount_namespace(launch, error);

        return r < 0 ? r : container->created(container->data, launch->pid, error);
}

int launch_set_up_waiting(struct launch *launch, struct machine_error *error)
{
        bool starts = launch->options.container->starts;

        launch->record.supervisor = (struct process_identity){ 0 };
        return launch_save(launch, starts ? MACHINE_STATE_RUNNING : MACHINE_STATE_CREATED, error);
}

/* ---- the start ---- */

static int not_waiting(const struct machine_record *record, struct machine_error *error)
{
        return error_say(error, ESRCH,
                         "the first process of container \"%s\" does not wait: it has ended, or "
                         "somebody else has started it",
                         record->name);
}

/* Whatever the first process says until its end of the socket closes. */
static int await_payload(int fd, const struct machine_record *record, struct machine_error *error)
{
        struct message message;
        bool ready = false;
        int r;

        while ((r = message_receive(fd, &message)) > 0) {
                fd_close(message.fd);
                if (message.type == MESSAGE_ERROR) {
                        error_move(error, &message.error);
                        return error && error->number ? -error->number : -ECHILD;
                }
                ready = ready || message.type == MESSAGE_READY;
        }
        if (r == 0 && ready) {
                return 0;
        }
        /* An earlier starter was killed after it had called, and was listened to first. */
        if (r == 0 && process_is_alive(&record->init)) {
                return not_waiting(record, error);
        }
        return error_say(error, r < 0 ? r : ECHILD,
                         "the first process of container \"%s\" ended before its program was "
                         "started",
                         record->name);
}

/* Connects to the socket on which the first process waits for its start. */
static int call(const struct state_store *store, const struct machine_record *record,
                struct machine_error *error)
{
        struct sockaddr_un address;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        int r = address_of(store, record->name, &address, error);

        if (r < 0) {
                return r;
        }
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
                return TAKE_FD(fd);
        }
        return errno == ECONNREFUSED
                       ? not_waiting(record, error)
                       : error_set(error, errno,
                                   "cannot reach the first process of container \"%s\"",
                                   record->name);
}

int launch_has_program(const struct state_store *store, const struct machine_record *record,
                       struct machine_error *error)
{
        struct init_plan plan = { 0 };
        _cleanup_close_ int fd = state_open_plan(store, record->name);
        int r = fd < 0 ? fd : init_plan_read(fd, &plan, error);

        if (r == 0) {
                r = plan.arguments[0] != NULL;
                init_plan_clear(&plan);
        }
        return r < 0 ? error_wrap(error, r, "cannot start container \"%s\"", record->name) : r;
}

int launch_begin(const struct state_store *store, const struct machine_record *record,
                 struct machine_error *error)
{
        _cleanup_close_ int fd = call(store, record, error);

        return fd < 0 ? fd : await_payload(fd, record, error);
}

/* One that starts at once is called before it is let go: from then on nothing can keep it from
 * running, as its record says. */
int launch_release(struct launch *launch, struct machine_error *error)
{
        bool starts = launch->options.container->starts;
        _cleanup_close_ int caller = starts ? call(&launch->store, &launch->record, error) : -EBADF;
        int r = starts && caller < 0 ? caller : 0;

        if (r == 0) {
                r = message_send(launch->sockets[0], MESSAGE_PROCEED);
                if (r < 0) {
                        error_set(error, r, "the first process of container \"%s\" has ended",
                                  launch->machine->name);
                }
        }
        if (r < 0) {
                (void)launch_finish(launch, NULL);
                return r;
        }
        if (starts) {
                launch->sockets[0] = fd_close(launch->sockets[0]);
                r = await_payload(caller, &launch->record, error);
        }
        launch_free(launch);
        return r;
}
