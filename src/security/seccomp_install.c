/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "security/seccomp.h"

int seccomp_program_install(const struct seccomp_program *program, struct machine_error *error)
{
        struct sock_fprog filter;

        if (program->length == 0) {
                return 0;
        }
        if (program->length > BPF_MAXINSNS) {
                return error_say(error, E2BIG,
                                 "the seccomp filter has %zu instructions, the kernel takes %d",
                                 program->length, BPF_MAXINSNS);
        }
        filter = (struct sock_fprog){
                .len = (unsigned short)program->length,
                .filter = program->instructions,
        };
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                    program->log ? SECCOMP_FILTER_FLAG_LOG : 0, &filter) == 0) {
                return 0;
        }
        switch (errno) {
        case EACCES:
                return error_say(error, EACCES,
                                 "the kernel takes no seccomp filter from a process that has "
                                 "neither no_new_privs nor CAP_SYS_ADMIN");
        case EINVAL:
                return error_say(error, EINVAL,
                                 "the kernel refuses the seccomp filter (CONFIG_SECCOMP_FILTER "
                                 "missing, or an invalid program)");
        default:
                return error_set(error, errno, "installing the seccomp filter failed");
        }
}
