/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_LABEL_H
#define SECURITY_LABEL_H

#include <machine/error.h>

/* The label that a security module gives the payload at execve(2). */
struct security_label {
        const char *apparmor; /* a profile; NULL or "": the kernel's choice */
        const char *selinux;  /* a context; NULL or "": the kernel's choice */
};

/**
 * Checks that the host has the module and the profile or context of the label. Called by the parent
 * before anything is created. Returns 0, or with error set -EOPNOTSUPP if the kernel runs without
 * the module, -ENOENT if the profile is not loaded, -EINVAL if the loaded policy lacks the context.
 */
int security_label_check(const struct security_label *label, struct machine_error *error);

/**
 * Requests the label for the next execve(2) of the calling thread, through /proc/thread-self/attr
 * (proc_pid_attr(5)). Verifies that the file belongs to the kernel's procfs: otherwise a mount of
 * the machine's over /proc could take the label and leave the payload unconfined. Returns 0, or
 * -errno with error set.
 */
int security_label_apply(const struct security_label *label, struct machine_error *error);

#endif
