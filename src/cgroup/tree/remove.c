/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "cgroup/tree/lock.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "cgroup/tree/wait.h"

#define PROCESSES_SHOWN 8
/* A new group can appear between listing and removing. */
#define REMOVE_TRIES 3
#define FILE_MAXIMUM 65536
#define LOCK_TIMEOUT UINT64_C(1000000)

/* Whether the group or one of its files no longer exists (ENODEV for a file that was open). */
static bool is_gone(int number)
{
        return number == -ENOENT || number == -ENODEV;
}

int cgroup_wait_empty(const struct cgroup *group, uint64_t timeout, struct machine_error *error)
{
        _cleanup_free_ char *processes = NULL;
        char text[32];
        int r = cgroup_wait_event(group->fd, "populated", false, timeout);

        if (r == 0) {
                return 0;
        }
        if (r != -ETIMEDOUT) {
                return error_set(error, r, "cannot wait for the end of the processes in %s",
                                 group->path);
        }
        processes = cgroup_describe_processes(group, PROCESSES_SHOWN);
        quantity_format_time(timeout, text);
        error_say(error, ETIMEDOUT, "processes stay in %s after %s: %s", group->path, text,
                  processes ? processes : "none visible");
        error_hint(error, "a killed process that does not exit hangs in the kernel, usually in a "
                          "device or a network file system: see /proc/PID/stack");
        return -ETIMEDOUT;
}

/* ---- Groups below ---- */

/* Calls back for each group below a directory, with the parent directory and the name, until a call
 * returns other than 0. Groups may be removed in the meantime: -ENOENT is ignored. */
static int for_each_child(int directory_fd,
                          int (*act)(int fd, const char *name, unsigned int depth),
                          unsigned int depth)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int r = directory_open(directory_fd, &directory);

        while (r == 0 && (entry = directory_next(directory))) {
                if (entry->d_type == DT_DIR) {
                        r = act(directory_fd, entry->d_name, depth);
                        r = is_gone(r) ? 0 : r;
                }
        }
        return r;
}

static int open_child(int directory_fd, const char *name)
{
        /* Another group mounted here does not belong to this machine. */
        return path_open_no_mounts(directory_fd, name, O_PATH | O_DIRECTORY, 0);
}

/* Deepest first; cgroup.max.depth limits the depth. */
static int remove_child(int directory_fd, const char *name, unsigned int depth)
{
        _cleanup_close_ int child = -EBADF;
        int r;

        if (unlinkat(directory_fd, name, AT_REMOVEDIR) == 0) {
                return 0;
        }
        if (errno != EBUSY || depth == 0) {
                return -errno;
        }
        child = open_child(directory_fd, name);
        r = child < 0 ? child : for_each_child(child, remove_child, depth - 1);
        if (r < 0) {
                return r;
        }
        return unlinkat(directory_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static void lift_brakes(int directory_fd)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        (void)file_write_value(directory_fd, "cpu.max", "max");
        if (file_read(directory_fd, "io.max", FILE_MAXIMUM, &text, NULL) < 0) {
                return;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                _cleanup_free_ char *free_again =
                        string_format("%.*s rbps=max wbps=max riops=max wiops=max",
                                      (int)strcspn(line, " "), line);

                if (free_again) {
                        (void)file_write_value(directory_fd, "io.max", free_again);
                }
        }
}

static int lift_brakes_of_child(int directory_fd, const char *name, unsigned int depth)
{
        _cleanup_close_ int child = open_child(directory_fd, name);

        if (child >= 0) {
                lift_brakes(child);
                if (depth > 0) {
                        (void)for_each_child(child, lift_brakes_of_child, depth - 1);
                }
        }
        return 0;
}

/* A killed process needs CPU time to exit, and one that waits for a throttled disk does not react
 * to a signal: lift the limits that would delay it. */
int cgroup_kill(const struct cgroup *group, struct machine_error *error)
{
        int r = file_write_value(group->fd, "cgroup.kill", "1");

        if (r < 0) {
                return error_set(error, r, "cannot kill the processes in %s", group->path);
        }
        lift_brakes(group->fd);
        (void)for_each_child(group->fd, lift_brakes_of_child, CGROUP_DEPTH_MAXIMUM);
        return 0;
}

/* ---- Removal ---- */

/* The directory of all machines' groups is removed with the last of them; until then the kernel
 * refuses. */
static void remove_parent(const struct cgroup *group)
{
        _cleanup_free_ char *parent = strdup(group->path);

        if (parent && strrchr(parent, '/')) {
                *strrchr(parent, '/') = '\0';
                if (!string_equal(parent, group->top)) {
                        (void)rmdir(parent);
                }
        }
}

static int empty_and_remove(const struct cgroup *group, uint64_t timeout,
                            struct machine_error *error)
{
        int r = 0;

        /* Most machines stop by themselves and leave a single empty directory. */
        if (rmdir(group->path) == 0 || errno == ENOENT) {
                return 0;
        }
        for (int i = 0; i < REMOVE_TRIES; i++) {
                r = cgroup_kill(group, error);
                if (r == 0) {
                        r = cgroup_wait_empty(group, timeout, error);
                }
                if (r < 0) {
                        return is_gone(r) ? 0 : r;
                }
                r = for_each_child(group->fd, remove_child, CGROUP_DEPTH_MAXIMUM);
                if (r == 0 && rmdir(group->path) < 0) {
                        r = -errno;
                }
                if (r == 0 || is_gone(r)) {
                        return 0;
                }
                if (r != -EBUSY) {
                        break;
                }
        }
        return error_set(error, r, "cannot remove the control group %s", group->path);
}

int cgroup_remove(struct cgroup *group, uint64_t timeout, struct machine_error *error)
{
        int r = empty_and_remove(group, timeout, error);

        if (r < 0) {
                return r;
        }
        /* If the error is about a group that has vanished in the meantime. */
        if (error) {
                machine_error_clear(error);
        }
        remove_parent(group);
        cgroup_release(group);
        return 0;
}

int cgroup_collect(const char *path, uint64_t timeout, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        _cleanup_close_ int lock = -EBADF;
        int r;

        if (access(path, F_OK) < 0 && errno == ENOENT) {
                return 0;
        }
        r = cgroup_open(path, &group, error);
        if (r < 0) {
                return is_gone(r) ? 0 : r;
        }
        /* A first process that dies with its supervisor shares the lock until it has exited. */
        lock = cgroup_lock_wait(path, LOCK_TIMEOUT);
        if (lock == -ESTALE || lock == -EWOULDBLOCK) {
                return 0;
        }
        return lock < 0 ? error_set(error, lock, "cannot lock the control group %s", path)
                        : cgroup_remove(&group, timeout, error);
}
