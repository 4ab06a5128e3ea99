/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_LABEL_H
#define SECURITY_LABEL_H

#include <machine/error.h>

/* What a security module calls the payload, from its execve(2) on. */
struct security_label {
        const char *apparmor; /* a profile, NULL or "": the one that the kernel chooses */
        const char *selinux;  /* a context, NULL or "": likewise */
};

/**
 * Whether the host has what the label names: the module, and in it the profile or the context. For
 * the parent, before anything is made. 0, or with the error filled -EOPNOTSUPP where the kernel
 * runs without the module, -ENOENT where no such profile is loaded, -EINVAL where the loaded policy
 * has no such context.
 */
int security_label_check(const struct security_label *label, struct machine_error *error);

/**
 * Asks the kernel to give the label at the next execve(2) of the calling thread, through
 * /proc/thread-self/attr (proc_pid_attr(5)). What is written to is known to be the kernel's own
 * file: a mount of the machine's over /proc would otherwise take the label and leave the payload
 * unconfined. 0 or -errno with the error filled.
 */
int security_label_apply(const struct security_label *label, struct machine_error *error);

#endif
