/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/user/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

#define FILE_NAME    "@user"
#define FILE_MAXIMUM (1u << 20)

void user_record_clear(struct user_record *record)
{
        for (size_t i = 0; i < record->program_count; i++) {
                free(record->programs[i].name);
        }
        free(record->programs);
        free(record->members);
        *record = (struct user_record){ 0 };
}

int user_record_join(struct user_record *record, const struct user_member *member)
{
        struct user_member *grown;

        user_record_leave(record, &member->process);
        grown = reallocarray(record->members, record->member_count + 1, sizeof(*grown));
        if (!grown) {
                return -ENOMEM;
        }
        record->members = grown;
        grown[record->member_count++] = *member;
        return 0;
}

void user_record_leave(struct user_record *record, const struct process_identity *process)
{
        for (size_t i = record->member_count; i-- > 0;) {
                if (record->members[i].process.pid == process->pid) {
                        record->members[i] = record->members[--record->member_count];
                }
        }
}

bool user_record_has_members(const struct user_record *record, uint64_t namespace)
{
        for (size_t i = 0; i < record->member_count; i++) {
                if (record->members[i].namespace == namespace) {
                        return true;
                }
        }
        return false;
}

struct user_program *user_record_program(const struct user_record *record, uint64_t namespace)
{
        for (size_t i = 0; i < record->program_count; i++) {
                if (record->programs[i].namespace == namespace) {
                        return &record->programs[i];
                }
        }
        return NULL;
}

int user_record_set_program(struct user_record *record, const struct user_program *program)
{
        struct user_program *present = user_record_program(record, program->namespace);
        struct user_program *grown;

        if (present) {
                free(present->name);
                *present = record->programs[--record->program_count];
        }
        if (!program->name) {
                return 0;
        }
        grown = reallocarray(record->programs, record->program_count + 1, sizeof(*grown));
        if (!grown) {
                return -ENOMEM;
        }
        record->programs = grown;
        grown[record->program_count] = *program;
        grown[record->program_count].name = strdup(program->name);
        return grown[record->program_count++].name ? 0 : -ENOMEM;
}

/* ---- reading ---- */

static int take_process(const json_t *object, struct process_identity *ret)
{
        const char *boot_id = json_get_string(object, "boot_id");
        uint64_t pid;

        if (json_get_number(object, "pid", &pid) < 0 || pid == 0 || pid > INT32_MAX ||
            json_get_number(object, "start_time", &ret->start_time) < 0 || !boot_id ||
            strlen(boot_id) >= sizeof(ret->boot_id)) {
                return -EBADMSG;
        }
        ret->pid = (pid_t)pid;
        strcpy(ret->boot_id, boot_id);
        return 0;
}

static int take_members(const json_t *object, struct user_record *record)
{
        const json_t *item;
        size_t index;

        json_array_foreach(json_object_get(object, "members"), index, item)
        {
                struct user_member member = { 0 };
                uint64_t descriptor;

                if (take_process(item, &member.process) < 0 ||
                    json_get_number(item, "descriptor", &descriptor) < 0 ||
                    descriptor > INT32_MAX ||
                    json_get_number(item, "namespace", &member.namespace) < 0) {
                        return -EBADMSG;
                }
                member.descriptor = (int)descriptor;
                if (process_is_alive(&member.process) && user_record_join(record, &member) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int take_programs(const json_t *object, struct user_record *record)
{
        const json_t *item;
        size_t index;

        json_array_foreach(json_object_get(object, "programs"), index, item)
        {
                struct user_program program = { .name = (char *)json_get_string(item, "name") };
                uint64_t failures;

                if (!program.name || take_process(item, &program.process) < 0 ||
                    json_get_number(item, "namespace", &program.namespace) < 0 ||
                    json_get_number(item, "started", &program.started) < 0 ||
                    json_get_number(item, "failures", &failures) < 0 || failures > UINT32_MAX) {
                        return -EBADMSG;
                }
                program.failures = (unsigned int)failures;
                if (user_record_set_program(record, &program) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int take_address(const json_t *object, const char *key, struct network_address *ret)
{
        const char *text = json_get_string(object, key);

        return text ? address_parse(text, ret) : 0;
}

int user_record_load(int directory_fd, struct user_record *ret, struct machine_error *error)
{
        _cleanup_user_record_ struct user_record record = { 0 };
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *object = NULL;
        int r = file_read(directory_fd, FILE_NAME, FILE_MAXIMUM, &text, NULL);

        if (r < 0 && r != -ENOENT) {
                return error_set(error, r, "cannot read the network's file " FILE_NAME);
        }
        if (r == 0) {
                object = json_loads(text, 0, NULL);
                r = object ? take_members(object, &record) : -EBADMSG;
                r = r < 0 ? r : take_programs(object, &record);
                if (r == -ENOMEM) {
                        return error_oom(error);
                }
                if (r < 0 || take_address(object, "address", &record.address) < 0 ||
                    take_address(object, "address6", &record.address6) < 0) {
                        return error_say(error, EBADMSG,
                                         "the network's file " FILE_NAME " is damaged");
                }
        }
        *ret = record;
        record = (struct user_record){ 0 };
        return 0;
}

/* ---- writing ---- */

static int put_process(json_t *object, const struct process_identity *process)
{
        return json_set_number(object, "pid", (uint64_t)process->pid) < 0 ||
                               json_set_number(object, "start_time", process->start_time) < 0
                       ? -ENOMEM
                       : json_set_string(object, "boot_id", process->boot_id);
}

static int put_members(json_t *object, const struct user_record *record)
{
        json_t *array = json_array();

        for (size_t i = 0; array && i < record->member_count; i++) {
                const struct user_member *member = &record->members[i];
                json_t *item = json_object();

                if (json_array_append_new(array, item) < 0 ||
                    put_process(item, &member->process) < 0 ||
                    json_set_number(item, "descriptor", (uint64_t)member->descriptor) < 0 ||
                    json_set_number(item, "namespace", member->namespace) < 0) {
                        json_decref(array);
                        return -ENOMEM;
                }
        }
        return json_set_value(object, "members", array);
}

static int put_programs(json_t *object, const struct user_record *record)
{
        json_t *array = json_array();

        for (size_t i = 0; array && i < record->program_count; i++) {
                const struct user_program *program = &record->programs[i];
                json_t *item = json_object();

                if (json_array_append_new(array, item) < 0 ||
                    put_process(item, &program->process) < 0 ||
                    json_set_string(item, "name", program->name) < 0 ||
                    json_set_number(item, "namespace", program->namespace) < 0 ||
                    json_set_number(item, "started", program->started) < 0 ||
                    json_set_number(item, "failures", program->failures) < 0) {
                        json_decref(array);
                        return -ENOMEM;
                }
        }
        return json_set_value(object, "programs", array);
}

static int put_address(json_t *object, const char *key, const struct network_address *address)
{
        char text[ADDRESS_TEXT_SIZE];

        return address_is_set(address) ? json_set_string(object, key, address_format(address, text))
                                       : 0;
}

static int write_file(int directory_fd, const struct user_record *record)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *text = NULL;

        if (!object || put_members(object, record) < 0 || put_programs(object, record) < 0 ||
            put_address(object, "address", &record->address) < 0 ||
            put_address(object, "address6", &record->address6) < 0) {
                return -ENOMEM;
        }
        text = json_dumps(object, JSON_INDENT(1));
        return text ? file_replace(directory_fd, FILE_NAME, text, strlen(text), 0600) : -ENOMEM;
}

int user_record_save(int directory_fd, const struct user_record *record,
                     struct machine_error *error)
{
        int r = 0;

        if (record->member_count > 0 || record->program_count > 0) {
                r = write_file(directory_fd, record);
        } else if (unlinkat(directory_fd, FILE_NAME, 0) < 0 && errno != ENOENT) {
                r = -errno;
        }
        return r == 0 ? 0 : error_set(error, r, "cannot write the network's file " FILE_NAME);
}
