/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs at build time: writes the table of system calls for one processor as C source, from
 * libseccomp's tables. The table includes the names of other processors' calls, so that a profile
 * for several is not reported as misspelt.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/syscalls/syscall_table.h"

#define NAMES_MAXIMUM 2048
#define X32_BIT       0x40000000
/* MIPS numbers its three tables from 4000, 5000 and 6000. */
#define NUMBER_MAXIMUM 7000

struct convention {
        const char *name;
        uint32_t token; /* libseccomp's, equal to AUDIT_ARCH_* except for x32 */
        unsigned int bits;
        bool common;
};

static const struct processor {
        const char *meson;   /* host_machine.cpu_family() */
        const char *profile; /* in the syntax of OCI profiles */
        struct convention conventions[SYSCALL_ARCHITECTURES_MAXIMUM];
} processors[] = {
        { "x86_64",
          "amd64",
          { { "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, 64, true },
            { "SCMP_ARCH_X86", SCMP_ARCH_X86, 32, true },
            { "SCMP_ARCH_X32", SCMP_ARCH_X32, 64, false } } },
        { "aarch64",
          "arm64",
          { { "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, 64, true },
            { "SCMP_ARCH_ARM", SCMP_ARCH_ARM, 32, true } } },
        { "riscv64", "riscv64", { { "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, 64, true } } },
        { "ppc64", "ppc64le", { { "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, 64, true } } },
        { "x86", "386", { { "SCMP_ARCH_X86", SCMP_ARCH_X86, 32, true } } },
        { "arm", "arm", { { "SCMP_ARCH_ARM", SCMP_ARCH_ARM, 32, true } } },
};

static const uint32_t all_tokens[] = {
        SCMP_ARCH_X86_64,  SCMP_ARCH_X86,   SCMP_ARCH_X32,     SCMP_ARCH_ARM,
        SCMP_ARCH_AARCH64, SCMP_ARCH_MIPS,  SCMP_ARCH_MIPS64,  SCMP_ARCH_MIPS64N32,
        SCMP_ARCH_PARISC,  SCMP_ARCH_PPC,   SCMP_ARCH_PPC64,   SCMP_ARCH_PPC64LE,
        SCMP_ARCH_S390,    SCMP_ARCH_S390X, SCMP_ARCH_RISCV64,
};

/* Calls newer than the oldest supported libseccomp. Since Linux 5.1 a new call has the same number
 * on all processors of this list; calls of a single processor have its token. */
static const struct young_call {
        const char *name;
        int number;
        uint32_t token; /* 0: all */
} young_calls[] = {
        { "uretprobe", 335, SCMP_ARCH_X86_64 },
        { "uprobe", 336, SCMP_ARCH_X86_64 },
        { "cachestat", 451, 0 },
        { "fchmodat2", 452, 0 },
        { "map_shadow_stack", 453, 0 },
        { "futex_wake", 454, 0 },
        { "futex_wait", 455, 0 },
        { "futex_requeue", 456, 0 },
        { "statmount", 457, 0 },
        { "listmount", 458, 0 },
        { "lsm_get_self_attr", 459, 0 },
        { "lsm_set_self_attr", 460, 0 },
        { "lsm_list_modules", 461, 0 },
        { "mseal", 462, 0 },
        { "setxattrat", 463, 0 },
        { "getxattrat", 464, 0 },
        { "listxattrat", 465, 0 },
        { "removexattrat", 466, 0 },
        { "open_tree_attr", 467, 0 },
        { "file_getattr", 468, 0 },
        { "file_setattr", 469, 0 },
        { "listns", 470, 0 },
};

struct call {
        char *name;
        int32_t numbers[SYSCALL_ARCHITECTURES_MAXIMUM];
};

struct table {
        const struct processor *processor;
        struct call calls[NAMES_MAXIMUM];
        size_t count;
};

static struct call *call_of(struct table *table, const char *name)
{
        struct call *call;

        for (size_t i = 0; i < table->count; i++) {
                if (strcmp(table->calls[i].name, name) == 0) {
                        return &table->calls[i];
                }
        }
        if (table->count == NAMES_MAXIMUM) {
                fprintf(stderr, "more than %d system calls\n", NAMES_MAXIMUM);
                exit(EXIT_FAILURE);
        }
        call = &table->calls[table->count++];
        call->name = strdup(name);
        for (size_t i = 0; i < SYSCALL_ARCHITECTURES_MAXIMUM; i++) {
                call->numbers[i] = -1;
        }
        return call;
}

static void add_names(struct table *table, uint32_t token)
{
        for (int number = 0; number < NUMBER_MAXIMUM; number++) {
                char *name = seccomp_syscall_resolve_num_arch(token, number);

                if (name) {
                        call_of(table, name);
                }
                free(name);
        }
}

static void add_numbers(struct table *table, size_t column)
{
        const struct convention *convention = &table->processor->conventions[column];
        int bit = convention->token == SCMP_ARCH_X32 ? X32_BIT : 0;

        for (int number = 0; number < NUMBER_MAXIMUM; number++) {
                char *name = seccomp_syscall_resolve_num_arch(convention->token, number | bit);

                if (name) {
                        call_of(table, name)->numbers[column] = number | bit;
                }
                free(name);
        }
        for (size_t i = 0; i < ELEMENTS_OF(young_calls); i++) {
                const struct young_call *young = &young_calls[i];
                struct call *call = call_of(table, young->name);

                if (young->token == 0 || young->token == convention->token) {
                        call->numbers[column] = young->number | bit;
                }
        }
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct call *)a)->name, ((const struct call *)b)->name);
}

static size_t conventions_of(const struct processor *processor)
{
        size_t count = 0;

        while (count < SYSCALL_ARCHITECTURES_MAXIMUM && processor->conventions[count].name) {
                count++;
        }
        return count;
}

static void print_architectures(const struct processor *processor)
{
        size_t count = conventions_of(processor);

        printf("const char syscall_processor[] = \"%s\";\n", processor->profile);
        printf("const struct syscall_architecture syscall_architectures[] = {\n");
        for (size_t i = 0; i < count; i++) {
                const struct convention *convention = &processor->conventions[i];
                uint32_t audit =
                        convention->token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : convention->token;

                printf("\t{ \"%s\", 0x%x, %u, %d },\n", convention->name, audit, convention->bits,
                       convention->common);
        }
        printf("};\nconst size_t syscall_architecture_count = %zu;\n", count);
}

static void print_calls(const struct table *table)
{
        size_t offset = 0;

        printf("const char syscall_names[] =\n");
        for (size_t i = 0; i < table->count; i++) {
                printf("\t\"%s\\0\"\n", table->calls[i].name);
        }
        printf(";\nconst struct syscall_entry syscall_table[] = {\n");
        for (size_t i = 0; i < table->count; i++) {
                const struct call *call = &table->calls[i];

                printf("\t{ %zu, { %d, %d, %d } },\n", offset, call->numbers[0], call->numbers[1],
                       call->numbers[2]);
                offset += strlen(call->name) + 1;
        }
        printf("};\nconst size_t syscall_count = %zu;\n", table->count);
}

int main(int argc, char **argv)
{
        static struct table table;

        for (size_t i = 0; argc == 2 && i < ELEMENTS_OF(processors); i++) {
                if (strcmp(processors[i].meson, argv[1]) == 0) {
                        table.processor = &processors[i];
                }
        }
        if (!table.processor) {
                fprintf(stderr, "no table of system calls for the processor %s\n",
                        argc == 2 ? argv[1] : "(none given)");
                return EXIT_FAILURE;
        }
        for (size_t i = 0; i < ELEMENTS_OF(all_tokens); i++) {
                add_names(&table, all_tokens[i]);
        }
        for (size_t i = 0; i < conventions_of(table.processor); i++) {
                add_numbers(&table, i);
        }
        qsort(table.calls, table.count, sizeof table.calls[0], by_name);
        printf("#include \"base/syscalls/syscall_table.h\"\n");
        print_architectures(table.processor);
        print_calls(&table);
        return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
