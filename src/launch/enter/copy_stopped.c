/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Copies to and from a stopped machine. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/enter/copy_sides.h"

/* ---- the root without a process ---- */

/* The kernel's file systems, and the tmpfs of a booted machine. */
static bool is_below_facility(const struct machine *machine, const char *target)
{
        return path_is_below(target, "/proc") || path_is_below(target, "/sys") ||
               path_is_below(target, "/dev") ||
               (machine->process.boot &&
                (path_is_below(target, "/run") || path_is_below(target, "/tmp")));
}

/* Moves the mounts with files of the user to the front, in their order, and returns their number.
 * */
static size_t choose_mounts(struct machine *machine)
{
        size_t chosen = 0;

        for (size_t i = 0; i < machine->mount_count; i++) {
                struct machine_mount mount = machine->mounts[i];

                if (mount.type == MACHINE_MOUNT_MQUEUE ||
                    is_below_facility(machine, mount.target)) {
                        continue;
                }
                machine->mounts[i] = machine->mounts[chosen];
                machine->mounts[chosen++] = mount;
        }
        return chosen;
}

/* Files written to a mount that only exists while the machine runs would be lost. */
static int protect_mounts(const struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

        for (size_t i = 0; i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];
                _cleanup_close_ int fd = -EBADF;

                if (mount->type == MACHINE_MOUNT_BIND || mount->type == MACHINE_MOUNT_VOLUME) {
                        continue;
                }
                fd = path_open_in_root(rootfs_root(launch->rootfs), mount->target, O_PATH, 0);
                if (fd < 0 ||
                    mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
                        return error_set(error, fd < 0 ? fd : errno, "cannot make \"%s\" read-only",
                                         mount->target);
                }
        }
        return 0;
}

/* ---- the machine's side ---- */

/* The steps of the child of a start, up to `mounts`. */
static int enter_stopped(void *data, struct machine_error *error)
{
        struct launch *launch = data;
        int r = copy_become_root(launch->user_namespace);

        if (r < 0) {
                return error_set(error, r, "cannot become root of machine \"%s\"",
                                 launch->machine->name);
        }
        if (unshare(CLONE_NEWNS) < 0) {
                return error_set(error, errno, "cannot create a mount namespace");
        }
        r = rootfs_enter(launch->rootfs, error);
        if (r == 0) {
                r = rootfs_volumes(launch->rootfs, error);
        }
        if (r == 0) {
                r = rootfs_mounts(launch->rootfs, error);
        }
        if (r == 0) {
                r = protect_mounts(launch, error);
        }
        return r < 0 ? r : rootfs_root(launch->rootfs);
}

/* ---- whether writes are kept ---- */

static int refuse_to_write(const struct machine *machine, const char *reason, const char *hint,
                           struct machine_error *error)
{
        error_say(error, EROFS, "machine \"%s\" does not run, and %s", machine->name, reason);
        error_hint(error, "%s", hint);
        return -EROFS;
}

static int check_upper(const struct machine *machine, const char *state,
                       struct machine_error *error)
{
        const struct machine_root *root = &machine->root;
        _cleanup_free_ char *upper =
                root->upper == MACHINE_UPPER_DIRECTORY
                        ? string_format("%s/upper", root->upper_directory)
                        : string_format("%s/machines/%s/upper", state, machine->name);

        if (!upper) {
                return error_oom(error);
        }
        return access(upper, F_OK) == 0
                       ? 0
                       : refuse_to_write(machine, "has never run: it has no writable layer yet",
                                         "machinectl-lite create makes one without running it",
                                         error);
}

static int check_writable(const struct machine *machine, const char *state,
                          struct machine_error *error)
{
        static const char start[] = "start the machine first";

        if (machine->root.read_only) {
                return refuse_to_write(machine, "its root is read-only",
                                       "start it, and copy into one of its volumes", error);
        }
        switch (machine->root.upper) {
        case MACHINE_UPPER_VOLATILE:
                return refuse_to_write(machine, "keeps nothing (upper = \"volatile\")", start,
                                       error);
        case MACHINE_UPPER_NONE:
                return refuse_to_write(machine, "keeps nothing (upper = \"none\")", start, error);
        case MACHINE_UPPER_PERSISTENT:
        case MACHINE_UPPER_DIRECTORY:
                return check_upper(machine, state, error);
        case MACHINE_UPPER_IN_PLACE:
                break;
        }
        return 0;
}

static int copy(const struct copy_sides *sides, struct machine_error *error)
{
        int r = copy_between(sides, error);

        if (r == -EROFS) {
                error_hint(error, "of the machine's mounts only volumes and those of the host's "
                                  "directories can be written to while it does not run");
        }
        return r;
}

int launch_copy_stopped(const struct copy_request *request, struct machine *machine,
                        const struct launch_options *options, struct machine_error *error)
{
        _Alignas(16) char stack[MAKER_STACK_SIZE];
        _cleanup_close_ int host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *path = NULL;
        const struct launch_options own = {
                .directories = options->directories,
                .log = options->log,
                /* A layer does not include the mounts in a root that is used in place. */
                .ephemeral =
                        !request->into_machine && machine->root.upper != MACHINE_UPPER_IN_PLACE,
                .streams = LAUNCH_OWN_STREAMS,
        };
        size_t mount_count = machine->mount_count;
        struct launch *launch = NULL;
        int r = host_root < 0 ? error_set(error, errno, "cannot open \"/\"")
                              : copy_host_path(request, &path, error);

        if (r == 0 && request->into_machine) {
                r = check_writable(machine, own.directories.state, error);
        }
        if (r == 0) {
                machine->mount_count = choose_mounts(machine);
                r = launch_run(machine, &own, launch_storage_steps, NULL, stack, &launch, error);
        }
        if (r == 0) {
                const struct copy_sides sides = { request, host_root, path, enter_stopped, launch };
                int undone;

                r = copy(&sides, error);
                undone = launch_finish(launch, r < 0 ? NULL : error);
                r = r < 0 ? r : undone;
        }
        machine->mount_count = mount_count;
        return r;
}
