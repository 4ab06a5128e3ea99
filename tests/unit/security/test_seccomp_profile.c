/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Profiles in the format of the OCI runtime specification and Docker, and the cache of compiled
 * filters. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "security/seccomp/cache.h"
#include "security/seccomp/profile/profile.h"
#include "security/seccomp/seccomp.h"

#define ALLOW          SECCOMP_RET_ALLOW
#define REFUSE(number) (SECCOMP_RET_ERRNO | (number))

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)
#define _cleanup_machine_ _cleanup_(cleanup_machine)

static const struct seccomp_oci_subject subject = {
        .capabilities = CAPABILITY_BIT(CAP_SYS_CHROOT) | CAPABILITY_BIT(CAP_CHOWN),
        .kernel_major = 6,
        .kernel_minor = 1,
};

/* Of all matching rules, like the filter; conditions are identified by their number. */
struct found {
        size_t rules;
        uint32_t first_action;
        size_t first_conditions;
        struct seccomp_condition condition;
};

static struct found find(const struct seccomp_policy *policy, const char *name)
{
        struct found found = { 0 };
        int call = syscall_find(name, strlen(name));

        for (size_t i = 0; i < policy->rule_count; i++) {
                const struct seccomp_rule *rule = &policy->rules[i];

                if (rule->call == (uint32_t)call && found.rules++ == 0) {
                        found.first_action = rule->action;
                        found.first_conditions = rule->condition_count;
                        if (rule->condition_count > 0) {
                                found.condition = policy->conditions[rule->first_condition];
                        }
                }
        }
        return found;
}

static void parse(const char *text, struct seccomp_policy *ret, uint32_t *ret_flags)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (seccomp_oci_parse(text, strlen(text), "web.json", &subject, ret, ret_flags, &error) <
            0) {
                fail_msg("%s", error.message);
        }
}

static const char shape[] =
        "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1,\n"
        "  \"archMap\": [\n"
        "    { \"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\"] "
        "},\n"
        "    { \"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": null } ],\n"
        "  \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],\n"
        "  \"syscalls\": [\n"
        "    { \"names\": [\"read\", \"write\", \"no_such_call\"], \"action\": "
        "\"SCMP_ACT_ALLOW\",\n"
        "      \"args\": [], \"comment\": \"\", \"includes\": {}, \"excludes\": {} },\n"
        "    { \"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"args\": [ { \"index\": 0, \"value\": 2114060288, \"op\": \"SCMP_CMP_MASKED_EQ\" } "
        "],\n"
        "      \"excludes\": { \"caps\": [\"CAP_SYS_ADMIN\"], \"arches\": [\"s390\"] } },\n"
        "    { \"names\": [\"clone3\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38,\n"
        "      \"excludes\": { \"caps\": [\"CAP_SYS_ADMIN\"] } },\n"
        "    { \"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"caps\": [\"CAP_SYS_ADMIN\"] } },\n"
        "    { \"names\": [\"chroot\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"caps\": [\"CAP_SYS_CHROOT\"] } },\n"
        "    { \"names\": [\"acct\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"caps\": [\"CAP_SYS_CHROOT\", \"CAP_SYS_PACCT\"] } },\n"
        "    { \"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"minKernel\": \"4.8\" } },\n"
        "    { \"names\": [\"vmsplice\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"minKernel\": \"6.2\" } },\n"
        "    { \"names\": [\"tee\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"arches\": [\"s390\"] } },\n"
        "    { \"names\": [\"splice\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"includes\": { \"arches\": [\"s390\", \"amd64\", \"arm64\"] } },\n"
        "    { \"name\": \"personality\", \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"args\": [ { \"index\": 0, \"value\": 0, \"op\": \"SCMP_CMP_EQ\" },\n"
        "                  { \"index\": 0, \"value\": 4294967295, \"op\": \"SCMP_CMP_EQ\" } ] },\n"
        "    { \"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
        "      \"args\": [ { \"index\": 0, \"value\": 1, \"valueTwo\": 0, \"op\": \"SCMP_CMP_GT\" "
        "},\n"
        "                  { \"index\": 2, \"value\": 9, \"op\": \"SCMP_CMP_NE\" } ] }\n"
        "  ] }\n";

static void test_shape(void **state)
{
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
        struct found found;
        uint32_t flags;

        parse(shape, &policy, &flags);
        assert_int_equal(flags, SECCOMP_FILTER_FLAG_LOG);
        assert_int_equal(policy.default_action, REFUSE(EPERM));
        assert_int_equal(policy.unknown_action, REFUSE(ENOSYS));
        assert_int_equal(policy.foreign_action, SECCOMP_RET_KILL_PROCESS);
        assert_true(policy.architectures[0]);
#if defined(__x86_64__)
        assert_true(policy.architectures[1]);
        assert_false(policy.architectures[2]);
#endif
        assert_int_equal(find(&policy, "read").first_action, ALLOW);
        assert_int_equal(find(&policy, "write").rules, 1);
        assert_int_equal(find(&policy, "clone3").first_action, REFUSE(ENOSYS));
        assert_int_equal(find(&policy, "mount").rules, 0);
        assert_int_equal(find(&policy, "chroot").rules, 1);
        assert_int_equal(find(&policy, "acct").rules, 0);
        assert_int_equal(find(&policy, "ptrace").rules, 1);
        assert_int_equal(find(&policy, "vmsplice").rules, 0);
        assert_int_equal(find(&policy, "tee").rules, 0);
#if defined(__x86_64__) || defined(__aarch64__)
        assert_int_equal(find(&policy, "splice").rules, 1);
#endif
        found = find(&policy, "clone");
        assert_int_equal(found.rules, 1);
        assert_int_equal(found.condition.operation, SECCOMP_MASKED_EQUAL);
        assert_int_equal(found.condition.mask, 2114060288);
        assert_int_equal(found.condition.value, 0);
        /* Two conditions for one argument are alternatives, for two arguments they are not. */
        found = find(&policy, "personality");
        assert_int_equal(found.rules, 2);
        assert_int_equal(found.first_conditions, 1);
        found = find(&policy, "socket");
        assert_int_equal(found.rules, 1);
        assert_int_equal(found.first_conditions, 2);
}

static void test_actions(void **state)
{
        static const struct {
                const char *text;
                uint32_t action;
        } actions[] = {
                { "\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD },
                { "\"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD },
                { "\"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS },
                { "\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP },
                { "\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG },
                { "\"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW },
                { "\"SCMP_ACT_ERRNO\"", REFUSE(EPERM) },
                { "\"SCMP_ACT_ERRNO\", \"errnoRet\": 0", REFUSE(0) },
                { "\"SCMP_ACT_ERRNO\", \"errnoRet\": 95", REFUSE(95) },
                { "\"SCMP_ACT_TRACE\", \"errnoRet\": 7", SECCOMP_RET_TRACE | 7 },
        };

        for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
                _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
                _cleanup_free_ char *text =
                        string_format("{ \"defaultAction\": \"SCMP_ACT_KILL\", \"syscalls\": [ "
                                      "{ \"names\": [\"read\"], \"action\": %s } ] }",
                                      actions[i].text);
                uint32_t flags;

                parse(text, &policy, &flags);
                assert_int_equal(flags, 0);
                assert_int_equal(find(&policy, "read").first_action, actions[i].action);
                /* A default that kills also kills for unknown numbers. */
                assert_int_equal(policy.unknown_action, SECCOMP_RET_KILL_THREAD);
        }
}

#define RULE(text)  "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [ {}, " text " ] }"
#define READ        "\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\""
#define FIRST(text) "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [ " text " ] }"

static void test_errors(void **state)
{
        static const struct {
                const char *text;
                const char *part;
        } wrong[] = {
                { "", "web.json:1:" },
                { "{\n \"defaultAction\": \n}", "web.json:3:" },
                { "[]", "web.json: the profile is not an object" },
                { "{}", "\"defaultAction\" is missing" },
                { "{ \"defaultAction\": 7 }", "\"defaultAction\" is missing or not a string" },
                { "{ \"defaultAction\": \"ALLOW\" }", "unknown action \"ALLOW\"" },
                { "{ \"defaultAction\": \"SCMP_ACT_NOTIFY\" }", "SCMP_ACT_NOTIFY" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": -1 }",
                  "\"defaultErrnoRet\" is not an errno" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 70000 }",
                  "not an errno" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": \"x\" }",
                  "not an array" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"x86\"] }",
                  "\"x86\" is not an architecture" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [{}] }", "archMap[0]" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"flags\": [\"FAST\"] }",
                  "unknown flag \"FAST\"" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": {} }",
                  "\"syscalls\" is not an array" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"listenerPath\": \"/run/x\" }",
                  "listenerPath" },
                { "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultAction\": \"x\" }",
                  "web.json:1:" },
                { RULE("1"), "syscalls[0]: \"names\" is missing" },
                { FIRST("1"), "syscalls[0]: not an object" },
                { FIRST("{ " READ " }, { \"names\": [] }"), "syscalls[1]: \"names\"" },
                { FIRST("{ \"names\": [\"read\"] }"), "syscalls[0]: \"action\" is missing" },
                { FIRST("{ \"names\": [1], \"action\": \"SCMP_ACT_ALLOW\" }"),
                  "syscalls[0]: names[0] is not a string" },
                { FIRST("{ " READ ", \"includes\": [] }"), "is not an object" },
                { FIRST("{ \"name\": \"read\", \"names\": 3, \"action\": \"SCMP_ACT_ALLOW\" }"),
                  "syscalls[0]: \"names\"" },
                { FIRST("{ " READ ", \"args\": 3 }"), "syscalls[0]: \"args\"" },
                { FIRST("{ " READ ", \"args\": [{}] }"), "args[0]: \"index\"" },
                { FIRST("{ " READ ", \"args\": [{ \"index\": 6, \"value\": 1 }] }"),
                  "\"index\" is not a number 0..5" },
                { FIRST("{ " READ ", \"args\": [{ \"index\": 0, \"value\": -1 }] }"),
                  "is not a number" },
                { FIRST("{ " READ ", \"args\": [{ \"index\": 0, \"value\": 1, \"op\": \"=\" }] }"),
                  "unknown operator \"=\"" },
                { FIRST("{ " READ ", \"includes\": { \"caps\": [\"CAP_NOSUCH\"] } }"),
                  "unknown capability \"CAP_NOSUCH\"" },
                { FIRST("{ " READ ", \"includes\": { \"caps\": \"CAP_CHOWN\" } }"),
                  "\"caps\" is not an array" },
                { FIRST("{ " READ ", \"excludes\": { \"arches\": [3] } }"), "\"arches\" contains" },
                { FIRST("{ " READ ", \"includes\": { \"minKernel\": 5 } }"), "minKernel" },
                { FIRST("{ " READ ", \"includes\": { \"minKernel\": \"5.x\" } }"), "minKernel" },
                { "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [ "
                  "{ \"names\": [\"keyctI\"], \"action\": \"SCMP_ACT_ERRNO\" } ] }",
                  "unknown system call \"keyctI\"" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(wrong); i++) {
                struct seccomp_policy policy = { .default_action = 99 };
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
                uint32_t flags;

                if (seccomp_oci_parse(wrong[i].text, strlen(wrong[i].text), "web.json", &subject,
                                      &policy, &flags, &error) >= 0) {
                        fail_msg("accepted: %s", wrong[i].text);
                }
                assert_int_equal(policy.default_action, 99);
                assert_int_equal(error.kind, MACHINE_ERROR_DEFINITION);
                if (!strstr(error.message, wrong[i].part)) {
                        fail_msg("\"%s\" has no \"%s\"", error.message, wrong[i].part);
                }
        }
}

static void test_deep_nesting(void **state)
{
        enum { DEPTH = 100000 };
        _cleanup_free_ char *text = malloc(DEPTH + 1);
        struct seccomp_policy policy;
        uint32_t flags;

        memset(text, '[', DEPTH);
        text[DEPTH] = '\0';
        assert_int_equal(
                seccomp_oci_parse(text, DEPTH, "web.json", &subject, &policy, &flags, NULL),
                -EINVAL);
}

/* ---- Through the cache ---- */

struct place {
        char directory[64];
        char cache[96];
        char profile[96];
};

static void remove_entries(const char *path)
{
        _cleanup_closedir_ DIR *entries = opendir(path);

        for (struct dirent *entry; entries && (entry = readdir(entries));) {
                (void)unlinkat(dirfd(entries), entry->d_name, 0);
        }
}

static int set_up(void **state)
{
        struct place *place = calloc(1, sizeof *place);

        strcpy(place->directory, "/tmp/test-profile-XXXXXX");
        if (!mkdtemp(place->directory)) {
                return -1;
        }
        snprintf(place->cache, sizeof place->cache, "%s/cache", place->directory);
        snprintf(place->profile, sizeof place->profile, "%s/profile.json", place->directory);
        *state = place;
        return file_write_atomic(AT_FDCWD, place->profile, shape, sizeof shape - 1, 0644);
}

static int tear_down(void **state)
{
        struct place *place = *state;

        remove_entries(place->cache);
        rmdir(place->cache);
        remove_entries(place->directory);
        rmdir(place->directory);
        free(place);
        return 0;
}

static size_t count_entries(const char *path)
{
        _cleanup_closedir_ DIR *entries = opendir(path);
        size_t count = 0;

        for (struct dirent *entry; entries && (entry = readdir(entries));) {
                count += string_ends_with(entry->d_name, ".bpf");
        }
        return count;
}

/* The path of the only entry. */
static char *only_entry(const char *path)
{
        _cleanup_closedir_ DIR *entries = opendir(path);

        assert_int_equal(count_entries(path), 1);
        for (struct dirent *entry; (entry = readdir(entries));) {
                if (string_ends_with(entry->d_name, ".bpf")) {
                        return string_format("%s/%s", path, entry->d_name);
                }
        }
        return NULL;
}

static void load(const struct place *place, struct machine *machine, struct seccomp_program *ret)
{
        struct capability_sets sets;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(capabilities_resolve(machine, &sets, &error), 0);
        if (seccomp_program_load(machine, &sets, place->cache, ret, &error) < 0) {
                fail_msg("%s", error.message);
        }
}

static struct machine *machine_with_profile(const struct place *place)
{
        struct machine *machine = machine_new("web");

        machine->security.seccomp.profile = MACHINE_SECCOMP_FILE;
        machine->security.seccomp.file = strdup(place->profile);
        return machine;
}

static void same_program(const struct seccomp_program *a, const struct seccomp_program *b)
{
        assert_int_equal(a->length, b->length);
        assert_int_equal(a->flags, b->flags);
        assert_memory_equal(a->instructions, b->instructions, a->length * sizeof *a->instructions);
}

/* Replaces the filter in an entry with one that allows everything, with a valid checksum: a hit
 * returns it. */
static void plant(const struct place *place, const struct machine *machine)
{
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct seccomp_program planted = { &allow, 1, true };
        _cleanup_free_ char *path = only_entry(place->cache), *data = NULL;
        size_t length;
        uint32_t key_length;

        assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, &length), 0);
        memcpy(&key_length, data + 16, sizeof key_length);
        assert_int_equal(seccomp_cache_write(place->cache, data + 32, key_length, &planted), 0);
}

static void test_cache_hit(void **state)
{
        const struct place *place = *state;
        _cleanup_machine_ struct machine *machine = machine_with_profile(place);
        _cleanup_seccomp_program_ struct seccomp_program first = SECCOMP_PROGRAM_INIT;
        _cleanup_seccomp_program_ struct seccomp_program second = SECCOMP_PROGRAM_INIT;
        _cleanup_seccomp_program_ struct seccomp_program third = SECCOMP_PROGRAM_INIT;
        struct stat status;
        _cleanup_free_ char *entry = NULL;

        load(place, machine, &first);
        assert_int_equal(first.flags, SECCOMP_FILTER_FLAG_LOG);
        entry = only_entry(place->cache);
        assert_int_equal(stat(entry, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        load(place, machine, &second);
        same_program(&first, &second);
        plant(place, machine);
        load(place, machine, &third);
        assert_int_equal(third.length, 1);
}

/* The key contains everything that the filter depends on. */
static void test_cache_keys(void **state)
{
        const struct place *place = *state;
        _cleanup_machine_ struct machine *machine = machine_with_profile(place);
        struct seccomp_program program = SECCOMP_PROGRAM_INIT;
        size_t count = 0;

        for (int i = 0; i < 5; i++) {
                switch (i) {
                case 1:
                        strv_append(&machine->security.seccomp.allow, "keyctl");
                        break;
                case 2:
                        strv_append(&machine->security.seccomp.deny, "keyctl");
                        break;
                case 3:
                        strv_append(&machine->security.capabilities.add, "CAP_SYS_ADMIN");
                        break;
                case 4:
                        assert_int_equal(file_write_atomic(AT_FDCWD, place->profile,
                                                           "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}",
                                                           34, 0644),
                                         0);
                        break;
                }
                load(place, machine, &program);
                seccomp_program_free(&program);
                assert_int_equal(count_entries(place->cache), ++count);
        }
}

static void damage(const char *path, int kind)
{
        _cleanup_free_ char *data = NULL;
        size_t length;
        int fd;

        assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, &length), 0);
        switch (kind) {
        case 0: /* a bit of the filter */
                data[length - 3] ^= 1;
                break;
        case 1: /* cut off */
                length -= 8;
                break;
        case 2:
                length = 5;
                break;
        case 3:
                length = 0;
                break;
        case 4: /* a bit of the key */
                data[40] ^= 1;
                break;
        case 5: /* lengths of the header */
                memset(data + 16, 0xff, 8);
                break;
        case 6:
                data[0] ^= 1;
                break;
        }
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_int_equal(file_write_all(fd, data, length), 0);
        close(fd);
}

static void test_cache_damaged(void **state)
{
        const struct place *place = *state;
        _cleanup_machine_ struct machine *machine = machine_with_profile(place);
        _cleanup_seccomp_program_ struct seccomp_program first = SECCOMP_PROGRAM_INIT;
        _cleanup_free_ char *entry = NULL;

        load(place, machine, &first);
        entry = only_entry(place->cache);
        for (int kind = 0; kind < 7; kind++) {
                _cleanup_seccomp_program_ struct seccomp_program again = SECCOMP_PROGRAM_INIT;

                damage(entry, kind);
                load(place, machine, &again);
                same_program(&first, &again);
        }
}

/* An entry that others could have written is not used, nor one in such a directory. */
static void test_cache_untrusted(void **state)
{
        const struct place *place = *state;
        _cleanup_machine_ struct machine *machine = machine_with_profile(place);
        _cleanup_seccomp_program_ struct seccomp_program first = SECCOMP_PROGRAM_INIT;
        _cleanup_free_ char *entry = NULL, *elsewhere = NULL;
        struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        load(place, machine, &first);
        entry = only_entry(place->cache);
        plant(place, machine);

        assert_int_equal(chmod(entry, 0622), 0);
        load(place, machine, &program);
        same_program(&first, &program);
        seccomp_program_free(&program);

        plant(place, machine);
        assert_int_equal(chmod(place->cache, 0777), 0);
        load(place, machine, &program);
        same_program(&first, &program);
        seccomp_program_free(&program);
        assert_int_equal(chmod(place->cache, 0700), 0);

        if (geteuid() == 0) {
                assert_int_equal(chown(entry, 65534, 65534), 0);
                load(place, machine, &program);
                same_program(&first, &program);
                seccomp_program_free(&program);
        }
        plant(place, machine);
        elsewhere = string_format("%s/elsewhere", place->directory);
        assert_int_equal(rename(entry, elsewhere), 0);
        assert_int_equal(symlink(elsewhere, entry), 0);
        load(place, machine, &program);
        same_program(&first, &program);
        seccomp_program_free(&program);
}

/* Without a usable cache directory a start takes longer, but works. */
static void test_cache_impossible(void **state)
{
        const struct place *place = *state;
        struct place nowhere = *place;
        _cleanup_machine_ struct machine *machine = machine_with_profile(place);
        struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        snprintf(nowhere.cache, sizeof nowhere.cache, "/proc/nowhere");
        load(&nowhere, machine, &program);
        assert_true(program.length > 1);
        seccomp_program_free(&program);
        snprintf(nowhere.cache, sizeof nowhere.cache, "%s", place->profile);
        load(&nowhere, machine, &program);
        assert_true(program.length > 1);
        seccomp_program_free(&program);
}

/* A hash collision of two keys does not mix up their filters. */
static void test_cache_collision(void **state)
{
        const struct place *place = *state;
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct seccomp_program program = { &allow, 1, false }, found = SECCOMP_PROGRAM_INIT;
        _cleanup_free_ char *first = NULL, *second = NULL;

        assert_int_equal(seccomp_cache_write(place->cache, "key A", 5, &program), 0);
        first = only_entry(place->cache);
        assert_int_equal(rename(first, place->profile), 0);
        assert_int_equal(seccomp_cache_write(place->cache, "key B", 5, &program), 0);
        second = only_entry(place->cache);
        assert_int_equal(rename(place->profile, second), 0);
        assert_int_equal(seccomp_cache_read(place->cache, "key B", 5, &found), -ENOENT);
        assert_int_equal(rename(second, first), 0);
        assert_int_equal(seccomp_cache_read(place->cache, "key A", 5, &found), 0);
        seccomp_program_free(&found);
}

static void test_cache_forgets(void **state)
{
        const struct place *place = *state;
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct seccomp_program program = { &allow, 1, false }, found = SECCOMP_PROGRAM_INIT;

        for (int i = 0; i < 80; i++) {
                char key[16];

                snprintf(key, sizeof key, "key %d", i);
                assert_int_equal(seccomp_cache_write(place->cache, key, strlen(key), &program), 0);
        }
        assert_int_equal(count_entries(place->cache), 64);
        assert_int_equal(seccomp_cache_read(place->cache, "key 79", 6, &found), 0);
        seccomp_program_free(&found);
        assert_int_equal(seccomp_cache_read(place->cache, "key 7", 5, &found), -ENOENT);
}

/* Constant inputs are not looked up anywhere. */
static void test_default_needs_no_cache(void **state)
{
        const struct place *place = *state;
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_seccomp_program_ struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        load(place, machine, &program);
        assert_true(program.length > 1);
        assert_int_equal(access(place->cache, F_OK), -1);
}

static void test_missing_profile(void **state)
{
        const struct place *place = *state;
        _cleanup_machine_ struct machine *machine = machine_with_profile(place);
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct capability_sets sets = { 0 };
        struct seccomp_program program = SECCOMP_PROGRAM_INIT;

        unlink(place->profile);
        assert_int_equal(seccomp_program_load(machine, &sets, place->cache, &program, &error),
                         -ENOENT);
        assert_non_null(strstr(error.message, place->profile));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shape),
                cmocka_unit_test(test_actions),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_deep_nesting),
                cmocka_unit_test_setup_teardown(test_cache_hit, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cache_keys, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cache_damaged, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cache_untrusted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cache_impossible, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cache_collision, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cache_forgets, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_default_needs_no_cache, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_missing_profile, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
