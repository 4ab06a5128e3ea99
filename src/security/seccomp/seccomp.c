/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "base/syscalls/syscall_groups.h"
#include "security/capabilities/definition_error.h"
#include "security/seccomp/cache.h"
#include "security/seccomp/default.h"
#include "security/seccomp/profile/profile.h"
#include "security/seccomp/programs.h"

#define PROFILE_MAXIMUM ((size_t)1 << 20)

/* The input of a filter. */
struct source {
        const struct machine *machine;
        const struct machine_seccomp *asked;
        uint64_t capabilities;
        uint64_t default_key;
        char *profile; /* text of the profile's file, or NULL; owned */
        size_t profile_length;
        struct seccomp_oci_subject subject;
};

static void source_clear(struct source *source)
{
        free(source->profile);
}

void seccomp_program_free(struct seccomp_program *program)
{
        free(program->instructions);
        *program = (struct seccomp_program)SECCOMP_PROGRAM_INIT;
}

static int copy_built_program(uint64_t key, struct seccomp_program *ret)
{
        for (size_t i = 0; i < seccomp_built_program_count; i++) {
                const struct seccomp_built_program *built = &seccomp_built_programs[i];
                size_t size = built->length * sizeof *built->instructions;

                if (built->key != key) {
                        continue;
                }
                ret->instructions = malloc(size);
                if (!ret->instructions) {
                        return -ENOMEM;
                }
                memcpy(ret->instructions, built->instructions, size);
                ret->length = built->length;
                return 0;
        }
        return -ENOENT;
}

static int read_profile(struct source *source, struct machine_error *error)
{
        struct utsname kernel;
        int r = 0;

        if (source->asked->profile == MACHINE_SECCOMP_FILE) {
                r = trust_read_text(source->asked->file, source->machine->trusted_owner,
                                    "the seccomp profile", PROFILE_MAXIMUM, &source->profile,
                                    &source->profile_length, error);
        } else if (string_replace(&source->profile, source->asked->text) < 0) {
                r = error_oom(error);
        } else {
                source->profile_length = strlen(source->profile);
        }
        if (r < 0) {
                return r;
        }
        source->subject.agent = source->asked->listener != NULL;
        source->subject.capabilities = source->capabilities;
        if (uname(&kernel) < 0 || sscanf(kernel.release, "%u.%u", &source->subject.kernel_major,
                                         &source->subject.kernel_minor) != 2) {
                return error_say(error, EINVAL, "cannot parse the kernel's release");
        }
        return 0;
}

/* ---- The key of the cache: everything that the filter depends on, as text ---- */

static int write_lines(FILE *out, const char *word, char *const *lines)
{
        STRV_FOREACH(line, lines) {
                if (fprintf(out, "%s %s\n", word, *line) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int make_key(const struct source *source, char **ret, size_t *ret_length)
{
        FILE *out = open_memstream(ret, ret_length);

        if (!out) {
                return -ENOMEM;
        }
        fprintf(out, "build %s\n", seccomp_build);
        write_lines(out, "allow", source->asked->allow);
        write_lines(out, "deny", source->asked->deny);
        switch (source->asked->profile) {
        case MACHINE_SECCOMP_DEFAULT:
                fprintf(out, "default %" PRIx64 "\n", source->default_key);
                break;
        case MACHINE_SECCOMP_OFF:
                fputs("off\n", out);
                break;
        case MACHINE_SECCOMP_FILE:
        case MACHINE_SECCOMP_TEXT:
                fprintf(out, "agent %d\n", source->subject.agent);
                fprintf(out, "capabilities %" PRIx64 "\nkernel %u.%u\nprofile\n",
                        source->capabilities, source->subject.kernel_major,
                        source->subject.kernel_minor);
                fwrite(source->profile, 1, source->profile_length, out);
                break;
        }
        if (ferror(out) || fclose(out) != 0) {
                return -ENOMEM;
        }
        return 0;
}

/* ---- Compiling ---- */

struct replacement {
        struct seccomp_policy *policy;
        uint32_t action;
};

static int replace_call(const char *name, size_t length, void *data)
{
        const struct replacement *replacement = data;
        int call = syscall_find(name, length);

        /* A group may contain calls that only other processors have. */
        return call < 0 ? 0
                        : seccomp_policy_replace(replacement->policy, (uint32_t)call,
                                                 replacement->action);
}

static int check_name(const struct source *source, const char *key, const char *name,
                      struct machine_error *error)
{
        if (*name == '@' ? syscall_group_exists(name) && !strchr(name, ' ')
                         : syscall_find(name, strlen(name)) >= 0) {
                return 0;
        }
        definition_error(error, source->machine, key, "unknown %s \"%s\"",
                         *name == '@' ? "group of system calls" : "system call", name);
        error_hint(error, *name == '@' ? "the groups are those of systemd.exec(5), "
                                         "SystemCallFilter="
                                       : "syscalls(2) lists them");
        return -EINVAL;
}

static int replace_names(const struct source *source, const char *key, char *const *names,
                         uint32_t action, struct seccomp_policy *policy,
                         struct machine_error *error)
{
        struct replacement replacement = { policy, action };

        STRV_FOREACH(name, names) {
                int r = check_name(source, key, *name, error);

                if (r < 0) {
                        return r;
                }
                r = syscall_names_walk(*name, replace_call, &replacement);
                if (r < 0) {
                        return error_set(error, r, "applying \"%s\" of %s failed", *name, key);
                }
        }
        return 0;
}

static int make_policy(const struct source *source, struct seccomp_policy *ret, uint32_t *ret_flags,
                       struct machine_error *error)
{
        int r = 0;

        switch (source->asked->profile) {
        case MACHINE_SECCOMP_DEFAULT:
                r = seccomp_default_policy(source->default_key, ret);
                break;
        case MACHINE_SECCOMP_OFF:
                seccomp_open_policy(ret);
                break;
        case MACHINE_SECCOMP_FILE:
        case MACHINE_SECCOMP_TEXT:
                return seccomp_oci_parse(source->profile, source->profile_length,
                                         source->asked->file, &source->subject, ret, ret_flags,
                                         error);
        }
        return r < 0 ? error_oom(error) : 0;
}

static int compile(const struct source *source, struct seccomp_program *ret,
                   struct machine_error *error)
{
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
        int r = make_policy(source, &policy, &ret->flags, error);

        if (r == 0) {
                r = replace_names(source, "seccomp.allow", source->asked->allow, SECCOMP_RET_ALLOW,
                                  &policy, error);
        }
        if (r == 0) {
                r = replace_names(source, "seccomp.deny", source->asked->deny,
                                  SECCOMP_RET_ERRNO | EPERM, &policy, error);
        }
        if (r < 0) {
                return r;
        }
        r = seccomp_policy_compile(&policy, &ret->instructions, &ret->length);
        if (r == -E2BIG) {
                return error_say(
                        error, E2BIG,
                        "the seccomp filter exceeds the kernel's maximum of %d instructions",
                        BPF_MAXINSNS);
        }
        return r < 0 ? error_oom(error) : 0;
}

static int load_or_compile(const struct source *source, const char *cache_directory,
                           struct seccomp_program *ret, struct machine_error *error)
{
        _cleanup_free_ char *key = NULL;
        size_t key_length;
        int r = make_key(source, &key, &key_length);

        if (r < 0) {
                return error_oom(error);
        }
        if (cache_directory && seccomp_cache_read(cache_directory, key, key_length, ret) == 0) {
                return 0;
        }
        r = compile(source, ret, error);
        if (r == 0 && cache_directory) {
                (void)seccomp_cache_write(cache_directory, key, key_length, ret);
        }
        return r;
}

int seccomp_program_load(const struct machine *machine, const struct capability_sets *capabilities,
                         const char *cache_directory, struct seccomp_program *ret,
                         struct machine_error *error)
{
        const struct machine_seccomp *asked = &machine->security.seccomp;
        bool audit = machine->namespaces.user == MACHINE_USER_NAMESPACE_NONE;
        bool plain = !asked->allow && !asked->deny;
        _cleanup_(source_clear) struct source source = {
                .machine = machine,
                .asked = asked,
                .capabilities = capabilities->bounding,
                .default_key = seccomp_default_key(capabilities->bounding, audit),
        };
        struct seccomp_program program = SECCOMP_PROGRAM_INIT;
        int r = -ENOENT;

        if (asked->profile == MACHINE_SECCOMP_OFF && !asked->deny) {
                *ret = program;
                return 0;
        }
        if (asked->profile == MACHINE_SECCOMP_DEFAULT && plain) {
                r = copy_built_program(source.default_key, &program);
        }
        if (r == -ENOENT) {
                r = asked->profile == MACHINE_SECCOMP_FILE || asked->profile == MACHINE_SECCOMP_TEXT
                            ? read_profile(&source, error)
                            : 0;
                if (r == 0) {
                        r = load_or_compile(&source, cache_directory, &program, error);
                }
        } else if (r < 0) {
                error_oom(error);
        }
        if (r < 0) {
                seccomp_program_free(&program);
                return r;
        }
        program.flags |= asked->log ? SECCOMP_FILTER_FLAG_LOG : 0;
        *ret = program;
        return 0;
}
