/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "security/seccomp/program.h"

int seccomp_program_install(const struct seccomp_program *program, int *ret_listener,
                            struct machine_error *error)
{
        struct sock_fprog filter;
        long r;

        if (program->length == 0) {
                return 0;
        }
        if (program->length > BPF_MAXINSNS) {
                return error_say(
                        error, E2BIG,
                        "the seccomp filter has %zu instructions, the kernel's maximum is %d",
                        program->length, BPF_MAXINSNS);
        }
        filter = (struct sock_fprog){
                .len = (unsigned short)program->length,
                .filter = program->instructions,
        };
        r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &filter);
        if (r >= 0) {
                if (program->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
                        *ret_listener = (int)r;
                }
                return 0;
        }
        switch (errno) {
        case EACCES:
                return error_say(error, EACCES,
                                 "the kernel does not accept a seccomp filter from a process that "
                                 "has neither no_new_privs nor CAP_SYS_ADMIN");
        case EINVAL:
                return error_say(error, EINVAL,
                                 "the kernel rejects the seccomp filter (CONFIG_SECCOMP_FILTER "
                                 "missing, or an invalid program)");
        default:
                return error_set(error, errno, "installing the seccomp filter failed");
        }
}
