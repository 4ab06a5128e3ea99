/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/user/namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "network/user/setup.h"

#define STACK_SIZE (256 * 1024)

uint64_t user_namespace_inode(int namespace_fd)
{
        struct stat status;

        return fstat(namespace_fd, &status) < 0 ? 0 : status.st_ino;
}

bool user_namespace_owns(int namespace_fd)
{
        _cleanup_close_ int owner = ioctl(namespace_fd, NS_GET_USERNS);
        struct stat one, own;

        return owner >= 0 && fstat(owner, &one) == 0 && stat("/proc/self/ns/user", &own) == 0 &&
               one.st_dev == own.st_dev && one.st_ino == own.st_ino;
}

/* A member may have closed the descriptor, and another file may have its number. */
static int open_member(const struct user_member *member)
{
        _cleanup_close_ int fd = -EBADF;
        char path[64];

        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)member->process.pid,
                       member->descriptor);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        return fd >= 0 && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET &&
                               user_namespace_inode(fd) == member->namespace &&
                               process_is_alive(&member->process) && user_namespace_owns(fd)
                       ? TAKE_FD(fd)
                       : -ENOENT;
}

int user_namespace_find_network(const struct user_record *record)
{
        int fd = -ENOENT;

        for (size_t i = 0; fd < 0 && i < record->member_count; i++) {
                fd = open_member(&record->members[i]);
        }
        return fd;
}

/* ---- calls ---- */

struct call {
        int namespace_fd;
        int (*act)(void *data, struct machine_error *error);
        void *data;
        struct machine_error *error;
        int result;
};

static void *run(void *data)
{
        struct call *call = data;

        /* With a root and working directory of its own, the process may still change its mount
         * namespace (setns(2)), even if this thread has not quite ended. */
        call->result = unshare(CLONE_FS) < 0 || (call->namespace_fd >= 0 &&
                                                 setns(call->namespace_fd, CLONE_NEWNET) < 0)
                               ? error_set(call->error, errno,
                                           "cannot enter the network namespace of your machines")
                               : call->act(call->data, call->error);
        return NULL;
}

int user_namespace_call(int namespace_fd, int (*act)(void *data, struct machine_error *error),
                        void *data, struct machine_error *error)
{
        struct call call = { namespace_fd, act, data, error, 0 };
        pthread_attr_t attributes;
        pthread_t thread;
        int r = pthread_attr_init(&attributes);

        if (r == 0) {
                (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
                r = pthread_create(&thread, &attributes, run, &call);
                (void)pthread_attr_destroy(&attributes);
        }
        if (r != 0) {
                return error_set(error, r, "cannot create a thread");
        }
        (void)pthread_join(thread, NULL);
        return call.result;
}

static int make_here(void *data, struct machine_error *error)
{
        int *ret = data;
        int r;

        if (unshare(CLONE_NEWNET) < 0) {
                r = error_set(error, errno, "cannot create a network namespace for your machines");
                if (r == -ENOSPC) {
                        error_hint(error, "the sysctl user.max_net_namespaces limits their number");
                }
                return r;
        }
        r = user_network_set_up(error);
        if (r == 0) {
                *ret = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
                r = *ret < 0 ? error_set(error, errno,
                                         "cannot open the network namespace of your machines")
                             : 0;
        }
        return r;
}

int user_namespace_make_network(struct machine_error *error)
{
        int fd = -EBADF;
        int r = user_namespace_call(-EBADF, make_here, &fd, error);

        return r < 0 ? r : fd;
}
