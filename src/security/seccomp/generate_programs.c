/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs at build time: compiles the default filter of each capability profile and writes it as C
 * source. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "security/capabilities/profiles.h"
#include "security/seccomp/default.h"

static const uint64_t profiles[] = CAPABILITY_PROFILES;

static uint64_t hash(uint64_t before, const void *data, size_t length)
{
        const unsigned char *bytes = data;

        for (size_t i = 0; i < length; i++) {
                before = (before ^ bytes[i]) * UINT64_C(0x100000001b3);
        }
        return before;
}

static int compile(uint64_t key, struct sock_filter **ret, size_t *ret_length)
{
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
        int r = seccomp_default_policy(key, &policy);

        return r < 0 ? r : seccomp_policy_compile(&policy, ret, ret_length);
}

int main(void)
{
        uint64_t fingerprint = UINT64_C(0xcbf29ce484222325);
        size_t lengths[ELEMENTS_OF(profiles)] = { 0 };

        printf("#include \"security/seccomp/programs.h\"\n");
        for (size_t i = 0; i < ELEMENTS_OF(profiles); i++) {
                _cleanup_free_ struct sock_filter *program = NULL;
                int r = compile(seccomp_default_key(profiles[i], false), &program, &lengths[i]);

                if (r < 0) {
                        fprintf(stderr, "compiling filter %zu: %s\n", i, strerror(-r));
                        return EXIT_FAILURE;
                }
                printf("static const struct sock_filter program_%zu[] = {\n", i);
                for (size_t j = 0; j < lengths[i]; j++) {
                        printf("\t{ 0x%x, %u, %u, 0x%x },\n", program[j].code, program[j].jt,
                               program[j].jf, program[j].k);
                }
                printf("};\n");
                fingerprint = hash(fingerprint, program, lengths[i] * sizeof *program);
        }
        printf("const struct seccomp_built_program seccomp_built_programs[] = {\n");
        for (size_t i = 0; i < ELEMENTS_OF(profiles); i++) {
                printf("\t{ UINT64_C(0x%" PRIx64 "), program_%zu, %zu },\n",
                       seccomp_default_key(profiles[i], false), i, lengths[i]);
        }
        printf("};\nconst size_t seccomp_built_program_count = %zu;\n", ELEMENTS_OF(profiles));
        fingerprint = hash(fingerprint, syscall_table, syscall_count * sizeof *syscall_table);
        printf("const char seccomp_build[] = \"%016" PRIx64 "\";\n", fingerprint);
        return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
