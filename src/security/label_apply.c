/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "security/label.h"

/* Opens an attribute of this thread on the procfs at /proc, refusing mounts below it. */
static int open_attribute(const char *name)
{
        struct open_how how = {
                .flags = O_WRONLY | O_CLOEXEC | O_NOCTTY,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
        };
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct statfs statistics;
        int fd;

        if (proc < 0 || fstatfs(proc, &statistics) < 0) {
                return -errno;
        }
        if (statistics.f_type != PROC_SUPER_MAGIC) {
                return -EXDEV;
        }
        fd = (int)syscall(SYS_openat2, proc, name, &how, sizeof how);
        return fd < 0 ? -errno : fd;
}

static int apply(const char *module, const char *attribute, const char *value,
                 struct machine_error *error)
{
        _cleanup_close_ int fd = open_attribute(attribute);
        int r = fd < 0 ? fd : 0;

        if (r == 0 && write(fd, value, strlen(value)) < 0) {
                r = -errno;
        }
        if (r == -EXDEV) {
                return error_say(error, EXDEV,
                                 "cannot set the %s label \"%s\": /proc in the machine is covered "
                                 "by a mount",
                                 module, value);
        }
        return r < 0 ? error_set(error, r, "cannot set the %s label \"%s\"", module, value) : 0;
}

int security_label_apply(const struct security_label *label, struct machine_error *error)
{
        int r = 0;

        if (label->apparmor && *label->apparmor) {
                /* The kernel's keyword for "at the next execve(2)". */
                _cleanup_free_ char *command = string_format("exec %s", label->apparmor);

                r = command ? apply("AppArmor", "thread-self/attr/apparmor/exec", command, error)
                            : error_oom(error);
        }
        if (r == 0 && label->selinux && *label->selinux) {
                r = apply("SELinux", "thread-self/attr/exec", label->selinux, error);
        }
        return r;
}
