/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "security/become.h"
#include "security/capabilities/capabilities.h"
#include "security/ids/id_map.h"

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)
#define _cleanup_machine_ _cleanup_(cleanup_machine)

#define SERVICE UINT64_C(0x800405fb)

static void test_names(void **state)
{
        char text[32];

        assert_int_equal(capability_parse("CAP_CHOWN"), CAP_CHOWN);
        assert_int_equal(capability_parse("cap_sys_admin"), CAP_SYS_ADMIN);
        assert_int_equal(capability_parse("NET_ADMIN"), CAP_NET_ADMIN);
        assert_int_equal(capability_parse("CAP_"), -EINVAL);
        assert_int_equal(capability_parse(""), -EINVAL);
        assert_int_equal(capability_parse("CAP_NOSUCH"), -EINVAL);
        assert_int_equal(capability_parse("12"), -EINVAL);
        capability_name(CAP_CHECKPOINT_RESTORE, text);
        assert_string_equal(text, "CAP_CHECKPOINT_RESTORE");
        assert_true(capabilities_of_kernel() & CAPABILITY_BIT(CAP_BPF));
        assert_false(capabilities_of_kernel() & CAPABILITY_BIT(63));
}

static uint64_t resolve(struct machine *machine)
{
        struct capability_sets sets;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (capabilities_resolve(machine, &sets, &error) < 0) {
                fail_msg("%s", error.message);
        }
        assert_int_equal(sets.inheritable, 0);
        assert_true(sets.bounding == sets.permitted && sets.permitted == sets.effective);
        return sets.bounding;
}

static void test_profiles(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        struct machine_capabilities *asked = &machine->security.capabilities;
        uint64_t system;

        asked->profile = MACHINE_CAPABILITIES_MINIMAL;
        assert_int_equal(resolve(machine), UINT64_C(0x421));
        asked->profile = MACHINE_CAPABILITIES_SERVICE;
        assert_int_equal(resolve(machine), SERVICE);
        asked->profile = MACHINE_CAPABILITIES_SYSTEM;
        machine->network.mode = MACHINE_NETWORK_HOST;
        system = resolve(machine);
        assert_false(system & CAPABILITY_BIT(CAP_NET_ADMIN));
        assert_true(system & CAPABILITY_BIT(CAP_SYS_ADMIN));
        assert_false(system & (CAPABILITY_BIT(CAP_SYS_MODULE) | CAPABILITY_BIT(CAP_SYS_RAWIO) |
                               CAPABILITY_BIT(CAP_SYS_TIME) | CAPABILITY_BIT(CAP_BPF) |
                               CAPABILITY_BIT(CAP_SYSLOG)));
        machine->network.mode = MACHINE_NETWORK_NONE;
        assert_int_equal(resolve(machine), system | CAPABILITY_BIT(CAP_NET_ADMIN));
}

static void test_add_and_drop(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        struct machine_capabilities *asked = &machine->security.capabilities;

        asked->profile = MACHINE_CAPABILITIES_MINIMAL;
        strv_append(&asked->drop, "all");
        assert_int_equal(resolve(machine), 0);
        strv_append(&asked->add, "CAP_KILL");
        assert_int_equal(resolve(machine), CAPABILITY_BIT(CAP_KILL));
        strv_append(&asked->add, "all");
        assert_int_equal(resolve(machine), capabilities_of_kernel());
}

static void refused(struct machine *machine, int number, const char *part)
{
        struct capability_sets sets = { .bounding = 99 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(capabilities_resolve(machine, &sets, &error), -number);
        assert_int_equal(sets.bounding, 99);
        if (!strstr(error.message, part)) {
                fail_msg("\"%s\" has no \"%s\"", error.message, part);
        }
}

static void test_refused(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        struct machine_capabilities *asked = &machine->security.capabilities;

        strv_append(&asked->add, "CAP_NOSUCH");
        refused(machine, EINVAL, "capabilities.add: unknown capability \"CAP_NOSUCH\"");
        strv_free(asked->add);
        asked->add = NULL;
        strv_append(&asked->ambient, "CAP_SYS_ADMIN");
        refused(machine, EINVAL, "CAP_SYS_ADMIN is not among");
        strv_append(&asked->add, "CAP_SYS_ADMIN");
        assert_true(resolve(machine) & CAPABILITY_BIT(CAP_SYS_ADMIN));
}

/* Without a user namespace, capabilities that this process lacks cannot be granted. */
static void test_host_ids(void **state)
{
        int status;
        pid_t pid;

        if (geteuid() != 0) {
                skip();
        }
        pid = fork();
        if (pid == 0) {
                _cleanup_machine_ struct machine *machine = machine_new("web");

                prctl(PR_CAPBSET_DROP, CAP_SYS_CHROOT, 0, 0, 0);
                resolve(machine);
                machine->namespaces.user = MACHINE_USER_NAMESPACE_NONE;
                refused(machine, EPERM, "CAP_SYS_CHROOT cannot be given");
                strv_append(&machine->security.capabilities.drop, "CAP_SYS_CHROOT");
                resolve(machine);
                strv_append(&machine->security.capabilities.add, "all");
                assert_false(resolve(machine) & CAPABILITY_BIT(CAP_SYS_CHROOT));
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

/* ---- Becoming a payload, as seen by the program that is executed ---- */

struct seen {
        uint64_t inheritable, permitted, effective, bounding, ambient;
        unsigned int no_new_privileges, seccomp;
        uid_t uid;
};

/* A filter that refuses capset(2) and allows everything else. */
static struct sock_filter refuse_capset[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_capset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static void parse_seen(const char *text, struct seen *ret)
{
        const char *status = strstr(text, "CapInh:");

        assert_non_null(status);
        assert_int_equal(sscanf(status,
                                "CapInh: %" SCNx64 " CapPrm: %" SCNx64 " CapEff: %" SCNx64
                                " CapBnd: %" SCNx64 " CapAmb: %" SCNx64 " NoNewPrivs: %u"
                                " Seccomp: %u",
                                &ret->inheritable, &ret->permitted, &ret->effective, &ret->bounding,
                                &ret->ambient, &ret->no_new_privileges, &ret->seccomp),
                         7);
        assert_int_equal(sscanf(strstr(text, "Uid:"), "Uid: %u", &ret->uid), 1);
}

static void become_and_look(const struct security_identity *identity, bool filtered,
                            struct seen *ret)
{
        struct id_range range = { 1878982656, 65536 };
        struct seccomp_program program = { refuse_capset, ELEMENTS_OF(refuse_capset), false };
        _cleanup_free_ char *text = NULL;
        int ends[2], fd, status;
        pid_t pid;

        assert_int_equal(user_namespace_create(&range, &fd, NULL), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                struct machine_error error = MACHINE_ERROR_INIT;

                if (setns(fd, CLONE_NEWUSER) < 0 || dup2(ends[1], 1) < 0 ||
                    setresuid(0, 0, 0) < 0) {
                        _exit(120);
                }
                if (!filtered) {
                        program.length = 0;
                }
                if (security_begin(identity, &program, CAPABILITY_BIT(CAP_KILL), &error) < 0 ||
                    prctl(PR_GET_DUMPABLE) != 0 ||
                    security_complete(identity, &program, &error) < 0 ||
                    prctl(PR_GET_DUMPABLE) != 0 ||
                    security_filter(identity, &program, NULL, &error) < 0) {
                        dprintf(2, "%s\n", error.message);
                        _exit(121);
                }
                execl("/bin/cat", "cat", "/proc/self/status", NULL);
                _exit(122);
        }
        close(ends[1]);
        assert_int_equal(file_read_fd(ends[0], 65536, &text, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        parse_seen(text, ret);
        close(ends[0]);
        close(fd);
}

static void test_become_root(void **state)
{
        struct security_identity identity = {
                .capabilities = { SERVICE, SERVICE, SERVICE, 0, CAPABILITY_BIT(CAP_KILL) },
                .no_new_privileges = true,
        };

        if (geteuid() != 0) {
                skip();
        }
        for (int i = 0; i < 4; i++) {
                struct seen seen;

                identity.no_new_privileges = i & 1;
                become_and_look(&identity, i & 2, &seen);
                assert_int_equal(seen.uid, 0);
                assert_int_equal(seen.inheritable, 0);
                assert_int_equal(seen.permitted, SERVICE);
                assert_int_equal(seen.effective, SERVICE);
                assert_int_equal(seen.bounding, SERVICE);
                assert_int_equal(seen.ambient, 0);
                assert_int_equal(seen.no_new_privileges, i & 1);
                assert_int_equal(seen.seccomp, i & 2 ? SECCOMP_MODE_FILTER : 0);
        }
}

static void test_become_user(void **state)
{
        const uint64_t bind = CAPABILITY_BIT(CAP_NET_BIND_SERVICE);
        struct security_identity identity = {
                .uid = 33,
                .gid = 33,
                .groups = (gid_t[]){ 4, 29 },
                .group_count = 2,
                .capabilities = { SERVICE, SERVICE, SERVICE, 0, 0 },
        };

        if (geteuid() != 0) {
                skip();
        }
        for (int i = 0; i < 8; i++) {
                struct seen seen;

                identity.no_new_privileges = i & 1;
                identity.capabilities.ambient = i & 4 ? bind : 0;
                become_and_look(&identity, i & 2, &seen);
                assert_int_equal(seen.uid, 33);
                assert_int_equal(seen.inheritable, identity.capabilities.ambient);
                assert_int_equal(seen.permitted, identity.capabilities.ambient);
                assert_int_equal(seen.effective, identity.capabilities.ambient);
                assert_int_equal(seen.ambient, identity.capabilities.ambient);
                assert_int_equal(seen.bounding, SERVICE);
                assert_int_equal(seen.seccomp, i & 2 ? SECCOMP_MODE_FILTER : 0);
        }
}

static void test_become_unmapped(void **state)
{
        struct id_range range = { 1878982656, 65536 };
        int fd, status;
        pid_t pid;

        if (geteuid() != 0) {
                skip();
        }
        assert_int_equal(user_namespace_create(&range, &fd, NULL), 0);
        pid = fork();
        if (pid == 0) {
                struct machine_error error = MACHINE_ERROR_INIT;
                struct security_identity identity = { .uid = 70000, .gid = 1 };

                if (setns(fd, CLONE_NEWUSER) < 0 ||
                    security_begin(&identity, NULL, 0, &error) >= 0) {
                        _exit(1);
                }
                _exit(strstr(error.message, "user 70000 is not mapped") ? 0 : 2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        close(fd);
}

/* The parent death signal still reaches a process that has changed its user. */
static void test_parent_death_signal(void **state)
{
        int ends[2], status;
        pid_t middle, signal_number = 0;

        if (geteuid() != 0) {
                skip();
        }
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        middle = fork();
        if (middle == 0) {
                struct security_identity identity = {
                        .uid = 65534,
                        .gid = 65534,
                        .parent_death_signal = SIGKILL,
                };
                int number = 0;

                if (security_begin(&identity, NULL, 0, NULL) < 0 ||
                    security_complete(&identity, NULL, NULL) < 0 ||
                    prctl(PR_GET_PDEATHSIG, &number, 0, 0, 0) < 0 ||
                    write(ends[1], &number, sizeof number) != sizeof number) {
                        _exit(1);
                }
                _exit(0);
        }
        assert_int_equal(read(ends[0], &signal_number, sizeof signal_number), sizeof signal_number);
        assert_int_equal(signal_number, SIGKILL);
        assert_int_equal(waitpid(middle, &status, 0), middle);
        assert_int_equal(status, 0);
        close(ends[0]);
        close(ends[1]);
}

/* It can still close a descriptor and wait, but not make calls that it does not need. */
static void test_confine(void **state)
{
        const struct security_identity payload = {
                .capabilities = { .bounding = CAPABILITY_BIT(CAP_SYS_PTRACE) },
        };
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct seen seen;
        int ends[2], status;
        char byte;
        pid_t pid;

        if (geteuid() != 0) {
                skip();
        }
        assert_int_equal(pipe(ends), 0);
        pid = fork();
        if (pid == 0) {
                if (security_confine(0x21, &payload, NULL) < 0 || getppid() >= 0) {
                        _exit(1);
                }
                close(ends[1]);
                (void)poll(NULL, 0, -1);
                _exit(2);
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], &byte, 1), 0);
        path = string_format("/proc/%d/status", pid);
        assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, NULL), 0);
        parse_seen(text, &seen);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(seen.permitted, 0x21);
        assert_int_equal(seen.effective, 0x21);
        assert_int_equal(seen.bounding, 0x21);
        assert_int_equal(seen.inheritable | seen.ambient, 0);
        assert_int_equal(seen.no_new_privileges, 1);
        assert_int_equal(seen.seccomp, 2);
        close(ends[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_profiles),
                cmocka_unit_test(test_add_and_drop),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_host_ids),
                cmocka_unit_test(test_become_root),
                cmocka_unit_test(test_become_user),
                cmocka_unit_test(test_become_unmapped),
                cmocka_unit_test(test_parent_death_signal),
                cmocka_unit_test(test_confine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
