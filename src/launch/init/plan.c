/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/plan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

#define PLAN_MAGIC UINT32_C(0x6d6c7033)

/* The fixed part; behind it the groups, the instructions, then all strings, each with its NUL. */
struct plan_header {
        uint32_t magic;
        uint8_t role;
        uint8_t terminal;
        uint8_t no_new_privileges;
        uint8_t log;
        uint32_t uid;
        uint32_t gid;
        int32_t parent_death_signal;
        uint32_t group_count;
        uint32_t instruction_count;
        uint32_t argument_count;
        uint32_t environment_count;
        struct capability_sets capabilities;
        struct resource_settings resources;
};

static size_t strings_length(char *const *strings)
{
        size_t length = 0;

        STRV_FOREACH(string, strings) {
                length += strlen(*string) + 1;
        }
        return length;
}

static char *put_strings(char *out, char *const *strings)
{
        STRV_FOREACH(string, strings) {
                out = stpcpy(out, *string) + 1;
        }
        return out;
}

int init_plan_write(const struct init_plan *plan, int *ret_fd, struct machine_error *error)
{
        const struct security_identity *identity = &plan->identity;
        struct plan_header header = {
                .magic = PLAN_MAGIC,
                .role = (uint8_t)plan->role,
                .terminal = plan->terminal,
                .no_new_privileges = identity->no_new_privileges,
                .log = plan->program.log,
                .uid = identity->uid,
                .gid = identity->gid,
                .parent_death_signal = identity->parent_death_signal,
                .group_count = (uint32_t)identity->group_count,
                .instruction_count = (uint32_t)plan->program.length,
                .argument_count = (uint32_t)strv_length(plan->arguments),
                .environment_count = (uint32_t)strv_length(plan->environment),
                .capabilities = identity->capabilities,
                .resources = plan->resources,
        };
        char *const rest[] = {
                plan->working_directory,
                (char *)(plan->label.apparmor ? plan->label.apparmor : ""),
                (char *)(plan->label.selinux ? plan->label.selinux : ""),
                NULL,
        };
        size_t groups = identity->group_count * sizeof(gid_t);
        size_t instructions = plan->program.length * sizeof(struct sock_filter);
        size_t length = sizeof header + groups + instructions + strings_length(plan->arguments) +
                        strings_length(plan->environment) + strings_length(rest);
        _cleanup_free_ char *data = malloc(length);
        char *out;
        int fd;

        if (!data) {
                return error_oom(error);
        }
        out = mempcpy(data, &header, sizeof header);
        out = groups ? mempcpy(out, identity->groups, groups) : out;
        out = instructions ? mempcpy(out, plan->program.instructions, instructions) : out;
        out = put_strings(out, plan->arguments);
        out = put_strings(out, plan->environment);
        (void)put_strings(out, rest);
        fd = file_sealed("machine-plan", data, length);
        if (fd < 0) {
                return error_set(error, fd, "cannot hand the plan to machine-init");
        }
        *ret_fd = fd;
        return 0;
}

/* What is left to read. */
struct reader {
        char *at;
        size_t left;
};

static void *take_bytes(struct reader *reader, size_t length)
{
        char *at = reader->at;

        if (length > reader->left) {
                return NULL;
        }
        reader->at += length;
        reader->left -= length;
        return at;
}

static char *take_string(struct reader *reader)
{
        size_t length = strnlen(reader->at, reader->left);

        return length < reader->left ? take_bytes(reader, length + 1) : NULL;
}

/* An array whose strings are in the plan itself. */
static char **take_strings(struct reader *reader, uint32_t count)
{
        char **strings = calloc((size_t)count + 1, sizeof *strings);

        for (uint32_t i = 0; strings && i < count; i++) {
                strings[i] = take_string(reader);
                if (!strings[i]) {
                        free(strings);
                        return NULL;
                }
        }
        return strings;
}

int init_plan_read(int fd, struct init_plan *ret)
{
        struct plan_header header;
        struct init_plan plan = { 0 };
        char *data;
        size_t length;
        struct reader reader;
        int r = file_read_fd(fd, PLAN_MAXIMUM, &data, &length);

        if (r < 0) {
                return r;
        }
        if (length < sizeof header) {
                free(data);
                return -EBADMSG;
        }
        memcpy(&header, data, sizeof header);
        reader = (struct reader){ data + sizeof header, length - sizeof header };
        plan.role = (enum init_role)header.role;
        plan.terminal = header.terminal;
        plan.resources = header.resources;
        plan.identity = (struct security_identity){
                .uid = header.uid,
                .gid = header.gid,
                .groups = take_bytes(&reader, header.group_count * sizeof(gid_t)),
                .group_count = header.group_count,
                .capabilities = header.capabilities,
                .no_new_privileges = header.no_new_privileges,
                .parent_death_signal = header.parent_death_signal,
        };
        plan.program = (struct seccomp_program){
                .instructions =
                        take_bytes(&reader, header.instruction_count * sizeof(struct sock_filter)),
                .length = header.instruction_count,
                .log = header.log,
        };
        plan.arguments = take_strings(&reader, header.argument_count);
        plan.environment = take_strings(&reader, header.environment_count);
        plan.working_directory = take_string(&reader);
        plan.label.apparmor = take_string(&reader);
        plan.label.selinux = take_string(&reader);
        if (header.magic != PLAN_MAGIC || header.role > INIT_ROLE_COMPANION ||
            !plan.identity.groups || !plan.program.instructions || !plan.arguments ||
            !plan.arguments[0] || !plan.environment || !plan.working_directory ||
            !plan.label.apparmor || !plan.label.selinux) {
                free(plan.arguments);
                free(plan.environment);
                free(data);
                return -EBADMSG;
        }
        plan.storage = data;
        *ret = plan;
        return 0;
}

void init_plan_clear(struct init_plan *plan)
{
        free(plan->arguments);
        free(plan->environment);
        free(plan->storage);
        *plan = (struct init_plan){ 0 };
}
