/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A JSON profile is parsed and compiled. The filter must be acceptable to the kernel and return an
 * action for every call. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "security/seccomp/profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

/* The kernel's requirements on a program: every jump stays inside, it only loads valid offsets, and
 * it ends with a return. */
static void check_program(const struct sock_filter *program, size_t length)
{
        require(length > 0 && length <= BPF_MAXINSNS);
        for (size_t at = 0; at < length; at++) {
                const struct sock_filter *instruction = &program[at];

                switch (BPF_CLASS(instruction->code)) {
                case BPF_LD:
                        require(instruction->k % 4 == 0 &&
                                instruction->k + 4 <= sizeof(struct seccomp_data));
                        break;
                case BPF_JMP:
                        require(BPF_OP(instruction->code) == BPF_JA
                                        ? instruction->k < length - at - 1
                                        : instruction->jt < length - at - 1 &&
                                                  instruction->jf < length - at - 1);
                        break;
                case BPF_ALU:
                        break;
                default:
                        require(instruction->code == (BPF_RET | BPF_K));
                }
        }
        require(program[length - 1].code == (BPF_RET | BPF_K));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct seccomp_oci_subject subject = {
                .capabilities = 0xa80425fb,
                .kernel_major = 6,
                .kernel_minor = 1,
        };
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ struct sock_filter *program = NULL;
        size_t length;
        uint32_t flags;
        int r = seccomp_oci_parse((const char *)data, size, "profile.json", &subject, &policy,
                                  &flags, &error);

        if (r < 0) {
                require(error.message != NULL);
                return 0;
        }
        r = seccomp_policy_compile(&policy, &program, &length);
        require(r == 0 || r == -E2BIG);
        if (r == 0) {
                check_program(program, length);
        }
        return 0;
}
