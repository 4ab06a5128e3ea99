/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cgroup/tree/lock.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "cgroup/tree/wait.h"

#define GROUP_MODE       0755
#define PROGRAMS_MAXIMUM 1024
#define TYPE_MAXIMUM     64
#define END_TIMEOUT      USEC_PER_SEC

/* Once a machine has created a threaded group, all other groups below its own are invalid: no
 * process can enter them (cgroup-v2, "Threads"). */
static bool can_be_entered(int directory_fd)
{
        _cleanup_free_ char *type = NULL;

        return file_read(directory_fd, "cgroup.type", TYPE_MAXIMUM, &type, NULL) < 0 ||
               !string_after(type, "domain invalid");
}

/* An existing group is in use or was left by a killed command; the latter can be removed once it is
 * empty, which the kernel ensures. */
static int make_directory(const char *path)
{
        _cleanup_close_ int lock = -EBADF;

        if (mkdir(path, GROUP_MODE) == 0) {
                return 0;
        }
        if (errno != EEXIST) {
                return -errno;
        }
        lock = cgroup_lock(path);
        if (lock < 0 || rmdir(path) < 0) {
                return -EEXIST;
        }
        return mkdir(path, GROUP_MODE) < 0 ? -errno : 0;
}

/* Returns 0, -EEXIST to try the next number, or another -errno. */
static int take_number(const struct cgroup *machine, unsigned int number, struct cgroup *ret)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        int r;

        group.path = string_format("%s/program.%u", machine->path, number);
        group.top = strdup(machine->path);
        if (!group.path || !group.top) {
                return -ENOMEM;
        }
        r = make_directory(group.path);
        if (r < 0) {
                return r;
        }
        /* Another command may remove it as a leftover in the meantime. */
        group.fd = cgroup_lock(group.path);
        if (group.fd < 0) {
                return -EEXIST;
        }
        if (!can_be_entered(group.fd)) {
                (void)rmdir(group.path);
                return -EOPNOTSUPP;
        }
        *ret = group;
        group = (struct cgroup)CGROUP_INIT;
        return 0;
}

int cgroup_begin_program(const struct cgroup *machine, struct cgroup *ret)
{
        int r = -EEXIST;

        for (unsigned int number = 1; r == -EEXIST && number <= PROGRAMS_MAXIMUM; number++) {
                r = take_number(machine, number, ret);
        }
        return r;
}

/* Whether this process runs; one that has exited leaves its group a moment after it was reaped. */
static int runs(void *data, pid_t pid)
{
        struct process_identity identity;

        return process_identify(pid, &identity) == 0 && process_is_alive(&identity);
}

/* The group of a program which left nothing behind may still be in use, by processes that have
 * exited: their moment is waited for. */
static void remove_unused(const struct cgroup *group)
{
        if (rmdir(group->path) == 0 || errno != EBUSY) {
                return;
        }
        if (cgroup_for_each_process(group, runs, NULL) == 0 &&
            cgroup_wait_event(group->fd, "populated", false, END_TIMEOUT) == 0) {
                (void)rmdir(group->path);
        }
}

void cgroup_end_program(struct cgroup *group, bool whole)
{
        if (!group->path) {
                return;
        }
        if (whole) {
                (void)cgroup_remove(group, END_TIMEOUT, NULL);
        } else {
                remove_unused(group);
        }
        cgroup_release(group);
}
