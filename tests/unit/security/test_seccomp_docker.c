/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "docker_calls.h"
#include "security/capabilities/capabilities.h"
#include "security/seccomp/default.h"

/* Compares the default profile with Docker's: every difference is intended, with a reason. */

enum {
        EVERYONE = -1,
};

static const struct difference {
        int capability;    /* the capability with which the two differ; EVERYONE: with none */
        bool allowed_here; /* and not by Docker; otherwise the reverse */
        const char *names;
        const char *reason;
} differences[] = {
        { EVERYONE, true,
          "nice oldfstat oldlstat oldolduname oldstat olduname readdir sigaction signal sigpending "
          "sigsuspend",
          "only 32-bit programs have them, and each does what a newer call does" },
        { EVERYONE, false, "adjtimex clock_adjtime clock_adjtime64",
          "setting the clock is CAP_SYS_TIME's, and nothing that services do needs to ask by "
          "them" },
        { EVERYONE, false, "fanotify_mark", "without fanotify_init there is nothing to mark" },
        { EVERYONE, false, "modify_ldt",
          "16-bit segments, which have been a source of holes in the kernel" },
        { EVERYONE, false, "pkey_alloc pkey_free pkey_mprotect", "services do not need them" },
        { EVERYONE, false, "process_vm_readv process_vm_writev ptrace",
          "one process of a service is not to read another's memory without CAP_SYS_PTRACE" },
        { EVERYONE, false, "socketcall", "it would lead around what socket refuses" },
        { CAP_SYS_ADMIN, true, "open_tree_attr pivot_root", "calls that mount, as the others" },
        { CAP_SYS_ADMIN, false, "bpf perf_event_open syslog",
          "each has a capability of its own since Linux 5.8 or before" },
        { CAP_SYS_ADMIN, false, "fanotify_init lookup_dcookie quotactl quotactl_fd",
          "they reach file systems beyond the machine" },
        { CAP_PERFMON, false, "perf_event_open", "it looks beyond the machine" },
        { CAP_DAC_READ_SEARCH, false, "open_by_handle_at",
          "it reaches files beyond the machine's root (CVE-2014-3519's kind)" },
        { CAP_SYS_NICE, true, "migrate_pages move_pages", "what the capability is for" },
        { CAP_SYS_RAWIO, true,
          "pciconfig_iobase pciconfig_read pciconfig_write s390_pci_mmio_read s390_pci_mmio_write",
          "what the capability is for" },
};

/* Whether a blank-separated list contains a name. */
static bool has(const char *names, const char *name)
{
        size_t length = strlen(name);

        for (const char *found = strstr(names, name); found; found = strstr(found + 1, name)) {
                if ((found == names || found[-1] == ' ') &&
                    (found[length] == ' ' || found[length] == '\0')) {
                        return true;
                }
        }
        return false;
}

static bool docker_allows(int capability, const char *name)
{
        if (has(docker_everyone, name)) {
                return true;
        }
        for (size_t i = 0; i < ELEMENTS_OF(docker_gates); i++) {
                /* Docker grants CAP_SYS_CHROOT by default, and so does this profile. */
                if ((docker_gates[i].capability == capability ||
                     docker_gates[i].capability == CAP_SYS_CHROOT) &&
                    has(docker_gates[i].names, name)) {
                        return true;
                }
        }
        return false;
}

/* The policy's answer to a call with a first argument, and 0 for all others. */
static uint32_t answer(const struct seccomp_policy *policy, const char *name, uint64_t first)
{
        int call = syscall_find(name, strlen(name));
        uint32_t found = policy->default_action;
        bool matched = false;

        assert_true(call >= 0);
        for (size_t i = 0; i < policy->rule_count; i++) {
                const struct seccomp_rule *rule = &policy->rules[i];
                bool holds = rule->call == (uint32_t)call;

                for (size_t j = 0; j < rule->condition_count && holds; j++) {
                        const struct seccomp_condition *condition =
                                &policy->conditions[rule->first_condition + j];
                        uint64_t value = condition->argument == 0 ? first : 0;

                        assert_int_equal(condition->operation, SECCOMP_MASKED_EQUAL);
                        holds = (value & condition->mask) == condition->value;
                }
                if (holds && (!matched || rule->action != SECCOMP_RET_ALLOW)) {
                        found = rule->action;
                        matched = true;
                }
        }
        return found;
}

static void make_policy(int capability, struct seccomp_policy *ret)
{
        uint64_t capabilities = CAPABILITY_BIT(CAP_SYS_CHROOT);

        if (capability != EVERYONE) {
                capabilities |= CAPABILITY_BIT(capability);
        }
        assert_int_equal(seccomp_default_policy(seccomp_default_key(capabilities, false), ret), 0);
}

static const struct difference *find_difference(int capability, const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(differences); i++) {
                if (differences[i].capability == capability && has(differences[i].names, name)) {
                        return &differences[i];
                }
        }
        return NULL;
}

/* One call with one capability; differences for EVERYONE are listed only once. */
static void compare(int capability, const struct seccomp_policy *policy, const char *name)
{
        bool here = answer(policy, name, 0) == SECCOMP_RET_ALLOW;
        bool there = docker_allows(capability, name);
        const struct difference *difference = find_difference(capability, name);

        if (capability != EVERYONE && !difference) {
                difference = find_difference(EVERYONE, name);
        }
        if (here == there) {
                if (find_difference(capability, name)) {
                        fail_msg("%s with capability %d is no difference", name, capability);
                }
                return;
        }
        if (!difference || difference->allowed_here != here) {
                fail_msg("%s with capability %d is %s here and %s by Docker", name, capability,
                         here ? "allowed" : "refused", there ? "allowed" : "refused");
        }
}

/* The table includes calls of other processors. */
static bool exists(size_t call)
{
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                if (syscall_table[call].numbers[i] >= 0) {
                        return true;
                }
        }
        return false;
}

static void compare_all(int capability)
{
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };

        make_policy(capability, &policy);
        for (size_t i = 0; i < syscall_count; i++) {
                if (exists(i) && !has(docker_by_arguments, syscall_name(i))) {
                        compare(capability, &policy, syscall_name(i));
                }
        }
}

static void test_calls_as_docker(void **state)
{
        compare_all(EVERYONE);
}

static void test_capabilities_as_docker(void **state)
{
        for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
                compare_all(capability);
        }
}

/* Sockets of all families except AF_ALG and AF_VSOCK, five personalities, no new namespaces. */
static void test_arguments_as_docker(void **state)
{
        static const uint64_t personalities[] = { 0, 8, 0x20000, 0x20008, UINT32_MAX };
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };

        make_policy(EVERYONE, &policy);
        for (uint64_t family = 0; family < 64; family++) {
                assert_int_equal(answer(&policy, "socket", family) == SECCOMP_RET_ALLOW,
                                 family < AF_ALG || family == 39 || family > AF_VSOCK);
        }
        for (size_t i = 0; i < ELEMENTS_OF(personalities); i++) {
                assert_int_equal(answer(&policy, "personality", personalities[i]),
                                 SECCOMP_RET_ALLOW);
        }
        for (int bit = 0; bit < 32; bit++) {
                uint64_t flag = UINT64_C(1) << bit;

                assert_int_equal(answer(&policy, "personality", flag) == SECCOMP_RET_ALLOW,
                                 flag == 8 || flag == 0x20000);
                assert_int_equal(answer(&policy, "clone", flag) == SECCOMP_RET_ALLOW,
                                 (flag & UINT64_C(0x7e020000)) == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calls_as_docker),
                cmocka_unit_test(test_capabilities_as_docker),
                cmocka_unit_test(test_arguments_as_docker),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
