/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/plan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

/* "mlp" and the digit of the version. */
#define PLAN_MAGIC   UINT32_C(0x6d6c7000)
#define PLAN_VERSION UINT32_C(0x34)

enum { FLAG_TERMINAL = 1, FLAG_DIRECTORY_IS_HOME = 2, FLAG_KEEP_KEYRING = 4, FLAG_KEEP_GROUPS = 8 };

/* The fixed part, followed by the groups, the instructions and all NUL-terminated strings. A
 * companion's plan also has how to join at its end: this is never saved, so its format need not be
 * compatible with older versions. */
struct plan_header {
        uint32_t magic;
        uint8_t role;
        uint8_t flags;
        uint8_t no_new_privileges;
        uint8_t unused;
        uint32_t uid;
        uint32_t gid;
        int32_t parent_death_signal;
        uint32_t group_count;
        uint32_t instruction_count;
        uint32_t filter_flags;
        uint32_t argument_count;
        uint32_t environment_count;
        uint32_t hook_strings;
        uint32_t preserved;
        struct capability_sets capabilities;
        struct resource_settings resources;
};

/* Machines that were started before an upgrade have a plan of the version before, and their
 * supervisors write such plans for the new machine-init: a new layout has a new version, and the
 * reader goes on to take this one. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct plan_header) == 712,
               "plans of version 4 have this layout");

struct plan_join {
        uint64_t namespaces;
        struct id_range range;
        uint8_t init_reaps;
        uint8_t user; /* whether a string follows */
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

static struct plan_header header_of(const struct init_plan *plan)
{
        const struct security_identity *identity = &plan->identity;

        return (struct plan_header){
                .magic = PLAN_MAGIC | PLAN_VERSION,
                .role = (uint8_t)plan->role,
                .flags = (uint8_t)((plan->terminal ? FLAG_TERMINAL : 0) |
                                   (plan->directory_is_home ? FLAG_DIRECTORY_IS_HOME : 0) |
                                   (plan->keep_keyring ? FLAG_KEEP_KEYRING : 0) |
                                   (identity->keep_groups ? FLAG_KEEP_GROUPS : 0)),
                .no_new_privileges = identity->no_new_privileges,
                .filter_flags = plan->program.flags,
                .uid = identity->uid,
                .gid = identity->gid,
                .parent_death_signal = identity->parent_death_signal,
                .group_count = (uint32_t)identity->group_count,
                .instruction_count = (uint32_t)plan->program.length,
                .argument_count = (uint32_t)strv_length(plan->arguments),
                .environment_count = (uint32_t)strv_length(plan->environment),
                .hook_strings = (uint32_t)strv_length(plan->hooks),
                .preserved = plan->preserved,
                .capabilities = identity->capabilities,
                .resources = plan->resources,
        };
}

int init_plan_write(const struct init_plan *plan, int *ret_fd, struct machine_error *error)
{
        const struct security_identity *identity = &plan->identity;
        struct plan_header header = header_of(plan);
        char *const rest[] = {
                plan->working_directory,
                (char *)(plan->label.apparmor ? plan->label.apparmor : ""),
                (char *)(plan->label.selinux ? plan->label.selinux : ""),
                (char *)(plan->start_state ? plan->start_state : ""),
                (char *)(plan->agent_state ? plan->agent_state : ""),
                NULL,
        };
        const struct plan_join join = {
                .namespaces = plan->join.namespaces,
                .range = plan->join.range,
                .init_reaps = plan->join.init_reaps,
                .user = plan->join.user != NULL,
        };
        char *const users[] = { plan->join.user, NULL };
        size_t joins = init_role_joins(plan->role) ? sizeof join : 0;
        size_t groups = identity->group_count * sizeof(gid_t);
        size_t instructions = plan->program.length * sizeof(struct sock_filter);
        size_t length = sizeof header + groups + instructions + strings_length(plan->arguments) +
                        strings_length(plan->environment) + strings_length(plan->hooks) +
                        strings_length(rest) + joins + strings_length(users);
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
        out = put_strings(out, plan->hooks);
        out = put_strings(out, rest);
        out = mempcpy(out, &join, joins);
        (void)put_strings(out, users);
        fd = file_sealed("machine-plan", data, length);
        if (fd < 0) {
                return error_set(error, fd, "cannot pass the plan to machine-init");
        }
        *ret_fd = fd;
        return 0;
}

/* The rest to read. */
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

static bool take_join(struct reader *reader, struct init_join *ret)
{
        const void *bytes = take_bytes(reader, sizeof(struct plan_join));
        struct plan_join join;

        if (!bytes) {
                return false;
        }
        memcpy(&join, bytes, sizeof join);
        *ret = (struct init_join){
                .namespaces = join.namespaces,
                .range = join.range,
                .init_reaps = join.init_reaps,
                .user = join.user ? take_string(reader) : NULL,
        };
        return !join.user || ret->user;
}

/* What has a fixed size. */
static void take_header(const struct plan_header *header, struct init_plan *plan)
{
        plan->role = (enum init_role)header->role;
        plan->terminal = header->flags & FLAG_TERMINAL;
        plan->directory_is_home = header->flags & FLAG_DIRECTORY_IS_HOME;
        plan->keep_keyring = header->flags & FLAG_KEEP_KEYRING;
        plan->preserved = header->preserved;
        plan->resources = header->resources;
        plan->identity = (struct security_identity){
                .uid = header->uid,
                .gid = header->gid,
                .group_count = header->group_count,
                .keep_groups = header->flags & FLAG_KEEP_GROUPS,
                .capabilities = header->capabilities,
                .no_new_privileges = header->no_new_privileges,
                .parent_death_signal = header->parent_death_signal,
        };
        plan->program = (struct seccomp_program){
                .length = header->instruction_count,
                .flags = header->filter_flags,
        };
}

/* Whether the plan is complete. */
static bool take_rest(struct reader *reader, const struct plan_header *header,
                      struct init_plan *plan)
{
        plan->identity.groups = take_bytes(reader, header->group_count * sizeof(gid_t));
        plan->program.instructions =
                take_bytes(reader, header->instruction_count * sizeof(struct sock_filter));
        plan->arguments = take_strings(reader, header->argument_count);
        plan->environment = take_strings(reader, header->environment_count);
        plan->hooks = take_strings(reader, header->hook_strings);
        plan->working_directory = take_string(reader);
        plan->label.apparmor = take_string(reader);
        plan->label.selinux = take_string(reader);
        plan->start_state = take_string(reader);
        plan->agent_state = take_string(reader);
        return plan->identity.groups && plan->program.instructions && plan->arguments &&
               (plan->arguments[0] || plan->role == INIT_ROLE_WAITING) && plan->environment &&
               plan->working_directory && plan->label.apparmor && plan->label.selinux &&
               plan->hooks && plan->start_state && plan->agent_state &&
               (!init_role_joins(plan->role) || take_join(reader, &plan->join));
}

static int refuse(const struct plan_header *header, struct machine_error *error)
{
        uint32_t version = header->magic - PLAN_MAGIC;

        if (version > UINT8_MAX || version == PLAN_VERSION) {
                return error_say(error, EBADMSG, "the start parameters are damaged");
        }
        error_say(error, EBADMSG,
                  "the start parameters were written by another version of machinectl-lite: they "
                  "have version %c, and this program reads version %c",
                  (int)version, (int)PLAN_VERSION);
        error_hint(error, "use the version that started the machine, or start the machine again");
        return -EBADMSG;
}

int init_plan_read(int fd, struct init_plan *ret, struct machine_error *error)
{
        struct plan_header header = { 0 };
        struct init_plan plan = { 0 };
        struct reader reader = { 0 };
        char *data;
        size_t length;
        int r = file_read_fd(fd, PLAN_MAXIMUM, &data, &length);

        if (r < 0) {
                return error_set(error, r, "cannot read the start parameters");
        }
        plan.storage = data;
        if (length >= sizeof header) {
                memcpy(&header, data, sizeof header);
                reader = (struct reader){ data + sizeof header, length - sizeof header };
        }
        if (header.magic == (PLAN_MAGIC | PLAN_VERSION) && header.role <= INIT_ROLE_ENTRANT) {
                take_header(&header, &plan);
                if (take_rest(&reader, &header, &plan)) {
                        *ret = plan;
                        return 0;
                }
        }
        init_plan_clear(&plan);
        return refuse(&header, error);
}

void init_plan_clear(struct init_plan *plan)
{
        free(plan->arguments);
        free(plan->environment);
        free(plan->hooks);
        free(plan->storage);
        *plan = (struct init_plan){ 0 };
}
