/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/syscalls/syscall_groups.h"
#include "security/seccomp/default.h"
#include "security/seccomp/policy.h"
#include "security/seccomp/programs.h"
#include "security/seccomp/seccomp.h"

#define ALLOW          SECCOMP_RET_ALLOW
#define REFUSE(number) (SECCOMP_RET_ERRNO | (number))

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)
#define _cleanup_machine_ _cleanup_(cleanup_machine)

/* ---- A filter's answer, by simulating the kernel ---- */

static uint32_t word_at(const struct seccomp_data *data, uint32_t offset)
{
        uint32_t word;

        assert_true(offset % 4 == 0 && offset + 4 <= sizeof *data);
        memcpy(&word, (const char *)data + offset, sizeof word);
        return word;
}

static bool compare(const struct sock_filter *instruction, uint32_t accumulator)
{
        switch (BPF_OP(instruction->code)) {
        case BPF_JEQ:
                return accumulator == instruction->k;
        case BPF_JGT:
                return accumulator > instruction->k;
        case BPF_JGE:
                return accumulator >= instruction->k;
        default:
                fail_msg("unexpected jump 0x%x", instruction->code);
        }
        return false;
}

static uint32_t run(const struct sock_filter *program, size_t length,
                    const struct seccomp_data *data)
{
        uint32_t accumulator = 0;

        for (size_t at = 0; at < length; at++) {
                const struct sock_filter *instruction = &program[at];

                switch (instruction->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        accumulator = word_at(data, instruction->k);
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        accumulator &= instruction->k;
                        break;
                case BPF_RET | BPF_K:
                        return instruction->k;
                case BPF_JMP | BPF_JA:
                        at += instruction->k;
                        break;
                default:
                        assert_int_equal(BPF_CLASS(instruction->code), BPF_JMP);
                        at += compare(instruction, accumulator) ? instruction->jt : instruction->jf;
                }
        }
        fail_msg("the program ends without an answer");
        return 0;
}

/* ---- The policy's answer, by reading it ---- */

static bool holds(const struct seccomp_condition *condition, uint64_t argument)
{
        switch (condition->operation) {
        case SECCOMP_EQUAL:
                return argument == condition->value;
        case SECCOMP_NOT_EQUAL:
                return argument != condition->value;
        case SECCOMP_LESS:
                return argument < condition->value;
        case SECCOMP_LESS_OR_EQUAL:
                return argument <= condition->value;
        case SECCOMP_GREATER:
                return argument > condition->value;
        case SECCOMP_GREATER_OR_EQUAL:
                return argument >= condition->value;
        case SECCOMP_MASKED_EQUAL:
                return (argument & condition->mask) == condition->value;
        }
        return false;
}

/* Action numbers are ordered as signed values: the lowest is the strictest (seccomp(2)). */
static bool stricter(uint32_t a, uint32_t b)
{
        return (int32_t)(a & SECCOMP_RET_ACTION_FULL) < (int32_t)(b & SECCOMP_RET_ACTION_FULL);
}

static uint32_t judge(const struct seccomp_policy *policy, const struct seccomp_data *data)
{
        bool in_use = false;

        for (size_t column = 0; column < syscall_architecture_count; column++) {
                if (!policy->architectures[column] ||
                    syscall_architectures[column].audit != data->arch) {
                        continue;
                }
                in_use = true;
                for (size_t call = 0; call < syscall_count; call++) {
                        uint32_t found = policy->default_action;
                        bool matched = false;

                        if (data->nr < 0 || syscall_table[call].numbers[column] != data->nr) {
                                continue;
                        }
                        for (size_t i = 0; i < policy->rule_count; i++) {
                                const struct seccomp_rule *rule = &policy->rules[i];
                                bool all = rule->call == call;

                                for (size_t j = 0; j < rule->condition_count && all; j++) {
                                        const struct seccomp_condition *condition =
                                                &policy->conditions[rule->first_condition + j];
                                        all = holds(condition, data->args[condition->argument]);
                                }
                                if (all && (!matched || stricter(rule->action, found))) {
                                        found = rule->action;
                                        matched = true;
                                }
                        }
                        return found;
                }
        }
        return in_use ? policy->unknown_action : policy->foreign_action;
}

/* ---- Random policies ---- */

struct random_source {
        uint64_t state;
};

static uint64_t next_random(struct random_source *source)
{
        source->state = source->state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return source->state >> 11;
}

/* Interacting values, and the limits of both halves. */
static uint64_t random_value(struct random_source *source)
{
        static const uint64_t values[] = {
                0,
                1,
                2,
                0x5412,
                0x80000000,
                0xffffffff,
                0x100000000,
                0x100000001,
                0x500000002,
                0x7fffffffffffffff,
                0x8000000000000000,
                UINT64_MAX,
        };

        return values[next_random(source) % ELEMENTS_OF(values)];
}

static void random_policy(struct random_source *source, struct seccomp_policy *policy)
{
        static const uint32_t answers[] = { ALLOW,
                                            REFUSE(EPERM),
                                            REFUSE(ENOSYS),
                                            SECCOMP_RET_LOG,
                                            SECCOMP_RET_TRAP,
                                            SECCOMP_RET_KILL_THREAD,
                                            SECCOMP_RET_KILL_PROCESS };
        size_t rules = next_random(source) % 600;
        /* One errno per action: it is undefined which of two equally strict rules answers. */
        size_t kinds = ELEMENTS_OF(answers);

        *policy = (struct seccomp_policy){
                .default_action = answers[next_random(source) % kinds],
                .unknown_action = answers[next_random(source) % kinds],
                .foreign_action = answers[next_random(source) % kinds],
        };
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                policy->architectures[i] = next_random(source) % 4 != 0;
        }
        for (size_t i = 0; i < rules; i++) {
                struct seccomp_condition conditions[SECCOMP_CONDITIONS_MAXIMUM];
                size_t count = next_random(source) % 8;
                uint32_t action = answers[next_random(source) % kinds];

                count = count > 3 ? 0 : count;
                for (size_t j = 0; j < count; j++) {
                        conditions[j] = (struct seccomp_condition){
                                .argument = (unsigned int)(next_random(source) % 6),
                                .operation = (enum seccomp_operation)(next_random(source) % 7),
                                .value = random_value(source),
                                .mask = random_value(source),
                        };
                }
                if (action == REFUSE(ENOSYS)) {
                        action = REFUSE(EPERM);
                }
                assert_int_equal(seccomp_policy_add(policy,
                                                    (uint32_t)(next_random(source) % syscall_count),
                                                    action, conditions, count),
                                 0);
        }
}

static void random_data(struct random_source *source, struct seccomp_data *data)
{
        size_t column = next_random(source) % (syscall_architecture_count + 1);
        size_t call = next_random(source) % syscall_count;
        bool narrow = false;

        memset(data, 0, sizeof *data);
        data->arch = AUDIT_ARCH_S390;
        data->nr = (int)(next_random(source) % 1200);
        if (column < syscall_architecture_count) {
                data->arch = syscall_architectures[column].audit;
                narrow = syscall_architectures[column].bits == 32;
                if (next_random(source) % 8) {
                        data->nr = syscall_table[call].numbers[column];
                }
        }
        for (size_t i = 0; i < 6; i++) {
                data->args[i] = narrow ? (uint32_t)random_value(source) : random_value(source);
        }
}

static void test_compiler_against_reading(void **state)
{
        struct random_source source = { 20260101 };
        int too_long = 0;

        for (int i = 0; i < 300; i++) {
                _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
                _cleanup_free_ struct sock_filter *program = NULL;
                size_t length;
                int r;

                random_policy(&source, &policy);
                r = seccomp_policy_compile(&policy, &program, &length);
                if (r == -E2BIG) {
                        too_long++;
                        continue;
                }
                assert_int_equal(r, 0);
                for (int j = 0; j < 2000; j++) {
                        struct seccomp_data data;
                        uint32_t expected, found;

                        random_data(&source, &data);
                        expected = judge(&policy, &data);
                        found = run(program, length, &data);
                        if (found != expected) {
                                fail_msg("policy %d, arch %x, call %d: 0x%x, not 0x%x", i,
                                         data.arch, data.nr, found, expected);
                        }
                }
        }
        assert_true(too_long < 50);
}

static void test_too_long(void **state)
{
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { .architectures = { true } };
        struct sock_filter *program = NULL;
        size_t length;

        for (uint32_t i = 0; i < 4000; i++) {
                struct seccomp_condition condition = { 0, SECCOMP_EQUAL, i, 0 };

                assert_int_equal(seccomp_policy_add(&policy, i % 300, ALLOW, &condition, 1), 0);
        }
        assert_int_equal(seccomp_policy_compile(&policy, &program, &length), -E2BIG);
        assert_null(program);
}

static void test_table(void **state)
{
        for (size_t i = 0; i < syscall_count; i++) {
                const char *name = syscall_name(i);

                assert_int_equal(syscall_find(name, strlen(name)), (int)i);
                assert_true(i == 0 || strcmp(syscall_name(i - 1), name) < 0);
        }
        assert_true(syscall_find("open", 4) >= 0);
        assert_string_equal(syscall_name((size_t)syscall_find("openat2 openat", 7)), "openat2");
        assert_int_equal(syscall_find("ope", 3), -ENOENT);
        assert_int_equal(syscall_find("", 0), -ENOENT);
        assert_int_equal(syscall_find("nosuch", 6), -ENOENT);
#if defined(__x86_64__)
        assert_int_equal(syscall_table[syscall_find("execve", 6)].numbers[0], SYS_execve);
        assert_int_equal(syscall_table[syscall_find("execve", 6)].numbers[1], 11);
#endif
}

static int count_name(const char *name, size_t length, void *data)
{
        size_t *count = data;

        if (syscall_find(name, length) < 0 && strncmp(name, "rtas", length) != 0) {
                char text[64];

                snprintf(text, sizeof text, "%.*s", (int)length, name);
                /* Only calls that no libseccomp lists may be missing: those without a number. */
                if (!strstr("get_kernel_syms mpx set_tls sys_debug_setcontext riscv_hwprobe "
                            "getsid swapcontext s390_runtime_instr oldstat",
                            text)) {
                        fail_msg("the table lacks %s", text);
                }
        }
        (*count)++;
        return 0;
}

static void test_groups(void **state)
{
        static const char *const groups[] = {
                "@aio",      "@basic-io",  "@chown",          "@clock",    "@cpu-emulation",
                "@debug",    "@default",   "@file-system",    "@io-event", "@ipc",
                "@keyring",  "@memlock",   "@module",         "@mount",    "@network-io",
                "@obsolete", "@pkey",      "@privileged",     "@process",  "@raw-io",
                "@reboot",   "@resources", "@sandbox",        "@setuid",   "@signal",
                "@swap",     "@sync",      "@system-service", "@timer",
        };
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTS_OF(groups); i++) {
                size_t before = count;

                assert_true(syscall_group_exists(groups[i]));
                assert_int_equal(syscall_names_walk(groups[i], count_name, &count), 0);
                assert_true(count > before);
        }
        assert_false(syscall_group_exists("@nosuch"));
        assert_false(syscall_group_exists("@"));
        assert_int_equal(syscall_names_walk("read @nosuch", count_name, &count), -ENOENT);
}

/* ---- The default profile ---- */

static void load(struct machine *machine, struct seccomp_program *ret)
{
        struct capability_sets sets;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(capabilities_resolve(machine, &sets, &error), 0);
        if (seccomp_program_load(machine, &sets, NULL, ret, &error) < 0) {
                fail_msg("%s", error.message);
        }
}

/* The answer to a call of the native convention, or of column 1 with bits 32. */
static uint32_t ask(const struct seccomp_program *program, size_t column, const char *name,
                    uint64_t first, uint64_t second, uint64_t third)
{
        int call = syscall_find(name, strlen(name));
        struct seccomp_data data = {
                .arch = syscall_architectures[column].audit,
                .args = { first, second, third },
        };

        assert_true(call >= 0);
        data.nr = syscall_table[call].numbers[column];
        assert_true(data.nr >= 0);
        return run(program->instructions, program->length, &data);
}

static uint32_t ask_plain(const struct seccomp_program *program, const char *name)
{
        return ask(program, 0, name, 0, 0, 0);
}

static const char *const refused_by_default[] = {
        "keyctl",
        "add_key",
        "request_key",
        "mount",
        "umount2",
        "pivot_root",
        "setns",
        "fsopen",
        "open_tree",
        "move_mount",
        "mount_setattr",
        "ptrace",
        "process_vm_readv",
        "pidfd_getfd",
        "kcmp",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "kexec_load",
        "reboot",
        "init_module",
        "finit_module",
        "delete_module",
        "clock_settime",
        "settimeofday",
        "adjtimex",
        "swapon",
        "swapoff",
        "acct",
        "syslog",
        "quotactl",
        "open_by_handle_at",
        "fanotify_init",
        "sethostname",
        "vhangup",
        "pkey_alloc",
        "lookup_dcookie",
        "nfsservctl",
};
static const char *const allowed_by_default[] = {
        "read",
        "write",
        "openat",
        "execve",
        "execveat",
        "futex",
        "mmap",
        "socketpair",
        "statx",
        "prctl",
        "capset",
        "setresuid",
        "setgroups",
        "chroot",
        "pidfd_open",
        "fchmodat2",
        "futex_wait",
        "seccomp",
        "landlock_create_ruleset",
        "rseq",
        "memfd_create",
        "name_to_handle_at",
        "mknodat",
        "close_range",
        "openat2",
};

static void test_default_profile(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        load(machine, &program);
        for (size_t i = 0; i < ELEMENTS_OF(refused_by_default); i++) {
                if (ask_plain(&program, refused_by_default[i]) != REFUSE(EPERM)) {
                        fail_msg("%s is not refused", refused_by_default[i]);
                }
        }
        for (size_t i = 0; i < ELEMENTS_OF(allowed_by_default); i++) {
                if (ask_plain(&program, allowed_by_default[i]) != ALLOW) {
                        fail_msg("%s is not allowed", allowed_by_default[i]);
                }
        }
        assert_int_equal(ask_plain(&program, "clone3"), REFUSE(ENOSYS));
        assert_int_equal(program.flags, 0);
}

static void test_arguments(void **state)
{
        const uint64_t high = UINT64_C(1) << 32;
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        load(machine, &program);
        assert_int_equal(ask(&program, 0, "ioctl", 0, 0x5401, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "ioctl", 0, TIOCSTI, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "ioctl", 0, high | TIOCSTI, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "ioctl", 0, high * 255 | 0x541c, 0), REFUSE(EPERM));

        assert_int_equal(ask(&program, 0, "clone", SIGCHLD | CLONE_VM | CLONE_VFORK, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "clone", CLONE_NEWUSER, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "clone", high | CLONE_NEWNS, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "clone", high, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "unshare", CLONE_FILES, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "unshare", CLONE_NEWTIME, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "unshare", CLONE_NEWCGROUP, 0, 0), REFUSE(EPERM));

        assert_int_equal(ask(&program, 0, "personality", 0xffffffff, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "personality", UINT64_MAX, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "personality", PER_LINUX32, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "personality", ADDR_NO_RANDOMIZE, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "personality", READ_IMPLIES_EXEC, 0, 0), REFUSE(EPERM));

        assert_int_equal(ask(&program, 0, "socket", AF_INET, SOCK_STREAM, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "socket", AF_NETLINK, SOCK_RAW, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "socket", AF_INET, SOCK_RAW, 9), ALLOW);
        assert_int_equal(ask(&program, 0, "socket", AF_NETLINK, SOCK_RAW, 9), REFUSE(EAFNOSUPPORT));
        assert_int_equal(ask(&program, 0, "socket", high | AF_VSOCK, SOCK_STREAM, 0),
                         REFUSE(EAFNOSUPPORT));
        assert_int_equal(ask(&program, 0, "socket", AF_ALG, SOCK_SEQPACKET, 0),
                         REFUSE(EAFNOSUPPORT));
}

static void test_unknown_and_foreign(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;
        static const int numbers[] = { 600, 1000, 65536, -1, INT32_MAX, INT32_MIN };

        load(machine, &program);
        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                struct seccomp_data data = { .nr = numbers[i],
                                             .arch = syscall_architectures[0].audit };

                assert_int_equal(run(program.instructions, program.length, &data), REFUSE(ENOSYS));
        }
        for (int number = 0; number < 600; number++) {
                struct seccomp_data data = { .nr = number, .arch = AUDIT_ARCH_S390 };

                assert_int_equal(run(program.instructions, program.length, &data), REFUSE(ENOSYS));
#if defined(__x86_64__)
                /* x32 shares its architecture's number and is marked by a bit of the call's
                 * number. */
                data.arch = AUDIT_ARCH_X86_64;
                data.nr |= 0x40000000;
                assert_int_equal(run(program.instructions, program.length, &data), REFUSE(ENOSYS));
#endif
        }
}

#if defined(__x86_64__)
/* Numbers of the other convention are looked up in its own table. */
static void test_32_bit(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        load(machine, &program);
        assert_int_equal(ask(&program, 1, "keyctl", 0, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 1, "mount", 0, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 1, "ioctl", 0, TIOCSTI, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 1, "clone", CLONE_NEWUSER, 0, 0), REFUSE(EPERM));
        assert_int_equal(ask(&program, 1, "clone3", 0, 0, 0), REFUSE(ENOSYS));
        assert_int_equal(ask(&program, 1, "socket", AF_VSOCK, 0, 0), REFUSE(EAFNOSUPPORT));
        assert_int_equal(ask(&program, 1, "socketcall", 1, 0, 0), REFUSE(ENOSYS));
        assert_int_equal(ask(&program, 1, "openat", 0, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 1, "time", 0, 0, 0), ALLOW);
}
#endif

static void test_capability_gates(void **state)
{
        static const struct {
                const char *capability;
                const char *call;
        } gates[] = {
                { "CAP_SYS_ADMIN", "mount" },
                { "CAP_SYS_ADMIN", "setns" },
                { "CAP_SYS_ADMIN", "clone3" },
                { "CAP_SYS_PTRACE", "ptrace" },
                { "CAP_SYS_PTRACE", "pidfd_getfd" },
                { "CAP_SYS_BOOT", "reboot" },
                { "CAP_SYS_TIME", "clock_settime" },
                { "CAP_SYS_MODULE", "finit_module" },
                { "CAP_SYSLOG", "syslog" },
                { "CAP_SYS_PACCT", "acct" },
                { "CAP_BPF", "bpf" },
                { "CAP_SYS_TTY_CONFIG", "vhangup" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(gates); i++) {
                _cleanup_machine_ struct machine *machine = machine_new("web");
                _cleanup_seccomp_program_ struct seccomp_program before = SECCOMP_PROGRAM_INIT;
                _cleanup_seccomp_program_ struct seccomp_program after = SECCOMP_PROGRAM_INIT;

                load(machine, &before);
                assert_int_equal(ask_plain(&before, gates[i].call) & SECCOMP_RET_ACTION_FULL,
                                 SECCOMP_RET_ERRNO);
                strv_append(&machine->security.capabilities.add, gates[i].capability);
                load(machine, &after);
                assert_int_equal(ask_plain(&after, gates[i].call), ALLOW);
                assert_int_equal(ask_plain(&after, "keyctl"), REFUSE(EPERM));
        }
}

static void test_system_profile(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        machine->security.capabilities.profile = MACHINE_CAPABILITIES_SYSTEM;
        load(machine, &program);
        assert_int_equal(ask(&program, 0, "clone", CLONE_NEWUSER, 0, 0), ALLOW);
        assert_int_equal(ask(&program, 0, "unshare", CLONE_NEWNS, 0, 0), ALLOW);
        assert_int_equal(ask_plain(&program, "mount"), ALLOW);
        assert_int_equal(ask_plain(&program, "reboot"), ALLOW);
        assert_int_equal(ask_plain(&program, "kexec_load"), REFUSE(EPERM));
        assert_int_equal(ask_plain(&program, "finit_module"), REFUSE(EPERM));
        assert_int_equal(ask_plain(&program, "clock_settime"), REFUSE(EPERM));
        assert_int_equal(ask(&program, 0, "ioctl", 0, TIOCSTI, 0), REFUSE(EPERM));
        /* It has audit capabilities, which the kernel ignores in a user namespace. */
        assert_int_equal(ask(&program, 0, "socket", AF_NETLINK, 0, 9), REFUSE(EAFNOSUPPORT));
}

static void test_built_programs(void **state)
{
        assert_int_equal(seccomp_built_program_count, 3);
        for (size_t i = 0; i < seccomp_built_program_count; i++) {
                const struct seccomp_built_program *built = &seccomp_built_programs[i];
                _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
                _cleanup_free_ struct sock_filter *program = NULL;
                size_t length;

                assert_int_equal(seccomp_default_policy(built->key, &policy), 0);
                assert_int_equal(seccomp_policy_compile(&policy, &program, &length), 0);
                assert_int_equal(length, built->length);
                assert_memory_equal(program, built->instructions, length * sizeof *program);
        }
}

/* ---- allow, deny, off, log ---- */

static void test_lists(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;
        struct machine_seccomp *asked = &machine->security.seccomp;

        strv_append(&asked->allow, "@keyring");
        strv_append(&asked->allow, "ioctl");
        strv_append(&asked->allow, "ptrace");
        strv_append(&asked->deny, "@chown");
        strv_append(&asked->deny, "ptrace");
        asked->log = true;
        load(machine, &program);
        assert_int_equal(program.flags, SECCOMP_FILTER_FLAG_LOG);
        assert_int_equal(ask_plain(&program, "keyctl"), ALLOW);
        assert_int_equal(ask(&program, 0, "ioctl", 0, TIOCSTI, 0), ALLOW);
        assert_int_equal(ask_plain(&program, "fchownat"), REFUSE(EPERM));
        assert_int_equal(ask_plain(&program, "ptrace"), REFUSE(EPERM));
        assert_int_equal(ask_plain(&program, "read"), ALLOW);
}

static void test_off(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;
        struct machine_seccomp *asked = &machine->security.seccomp;

        asked->profile = MACHINE_SECCOMP_OFF;
        load(machine, &program);
        assert_int_equal(program.length, 0);
        assert_int_equal(seccomp_program_install(&program, NULL, NULL), 0);
        strv_append(&asked->deny, "keyctl");
        load(machine, &program);
        assert_int_equal(ask_plain(&program, "keyctl"), REFUSE(EPERM));
        assert_int_equal(ask_plain(&program, "mount"), ALLOW);
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                assert_int_equal(ask(&program, i, "keyctl", 0, 0, 0), REFUSE(EPERM));
        }
}

static void test_unknown_names(void **state)
{
        static const char *const names[] = { "nosuch", "@nosuch",    "",
                                             "@",      "read write", "@aio @swap" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                _cleanup_machine_ struct machine *machine = machine_new("web");
                struct capability_sets sets = { 0 };
                struct seccomp_program program = SECCOMP_PROGRAM_INIT;
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

                strv_append(&machine->security.seccomp.deny, names[i]);
                assert_int_equal(seccomp_program_load(machine, &sets, NULL, &program, &error),
                                 -EINVAL);
                assert_int_equal(error.kind, MACHINE_ERROR_DEFINITION);
                assert_non_null(strstr(error.message, "seccomp.deny: unknown"));
        }
}

/* ---- In the kernel ---- */

static int in_child(const struct seccomp_program *program, int (*body)(void))
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                    seccomp_program_install(program, NULL, NULL) < 0) {
                        _exit(100);
                }
                _exit(body());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define EXPECT(expression, number)                             \
        do {                                                   \
                errno = 0;                                     \
                if ((expression) != -1 || errno != (number)) { \
                        return __LINE__ % 100 + 1;             \
                }                                              \
        } while (0)

static int call_the_kernel(void)
{
        int fd = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY);

        EXPECT(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM);
        EXPECT(syscall(SYS_clone3, NULL, 0), ENOSYS);
        EXPECT(syscall(SYS_unshare, CLONE_NEWUSER), EPERM);
        EXPECT(syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0), EPERM);
        EXPECT(syscall(9999), ENOSYS);
        EXPECT(socket(AF_NETLINK, SOCK_RAW, 9), EAFNOSUPPORT);
        EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
        EXPECT(ioctl(fd, TIOCSTI, "x"), EPERM);
        EXPECT(personality(ADDR_NO_RANDOMIZE), EPERM);
#if defined(__x86_64__)
        long result;

        /* keyctl by the other entry point: number 288 of int 0x80. */
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(288), "b"(0), "c"(0), "d"(0) : "memory");
        if (result != -EPERM && result != -ENOSYS) {
                return 99;
        }
#endif
        return getpid() > 0 && personality(0xffffffff) >= 0 ? 0 : 98;
}

static int call_after_lifted_deny(void)
{
        EXPECT(chown("/nonexistent", 0, 0), EPERM);
        return 0;
}

static void test_installed(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        load(machine, &program);
        assert_int_equal(in_child(&program, call_the_kernel), 0);
        strv_append(&machine->security.seccomp.deny, "@chown");
        seccomp_program_free(&program);
        load(machine, &program);
        assert_int_equal(in_child(&program, call_after_lifted_deny), 0);
}

static void test_install_without_right(void **state)
{
        struct sock_filter answer = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct seccomp_program program = { &answer, 1, false };
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                struct machine_error error = MACHINE_ERROR_INIT;

                if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) {
                        _exit(1);
                }
                if (seccomp_program_install(&program, NULL, &error) != -EACCES) {
                        _exit(2);
                }
                _exit(strstr(error.message, "no_new_privs") ? 0 : 3);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_compiler_against_reading),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_groups),
                cmocka_unit_test(test_default_profile),
                cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_unknown_and_foreign),
#if defined(__x86_64__)
                cmocka_unit_test(test_32_bit),
#endif
                cmocka_unit_test(test_capability_gates),
                cmocka_unit_test(test_system_profile),
                cmocka_unit_test(test_built_programs),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_off),
                cmocka_unit_test(test_unknown_names),
                cmocka_unit_test(test_installed),
                cmocka_unit_test(test_install_without_right),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
