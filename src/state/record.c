/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/record.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "machinectl-lite-settings.h"

/* Increased if older programs would misinterpret the new format. Every earlier one is read:
 * machines that were started before an upgrade have it. */
#define RECORD_VERSION 1

static const char *const state_names[] = {
        [MACHINE_STATE_CREATED] = "created",   [MACHINE_STATE_STARTING] = "starting",
        [MACHINE_STATE_RUNNING] = "running",   [MACHINE_STATE_PAUSED] = "paused",
        [MACHINE_STATE_STOPPING] = "stopping", [MACHINE_STATE_STOPPED] = "stopped",
        [MACHINE_STATE_FAILED] = "failed",
};

/* The fields of simple types, which are read and written in loops. */
static const struct {
        const char *key;
        size_t offset;
} texts[] = {
        { "name", offsetof(struct machine_record, name) },
        { "definition", offsetof(struct machine_record, definition) },
        { "digest", offsetof(struct machine_record, digest) },
        { "reason", offsetof(struct machine_record, reason) },
        { "image", offsetof(struct machine_record, image) },
        { "image_id", offsetof(struct machine_record, image_id) },
        { "unit", offsetof(struct machine_record, unit) },
        { "kept", offsetof(struct machine_record, kept) },
        { "cgroup", offsetof(struct machine_record, cgroup) },
        { "network_of", offsetof(struct machine_record, network_of) },
        { "address", offsetof(struct machine_record, address) },
        { "address6", offsetof(struct machine_record, address6) },
}, arrays[] = {
        { "steps", offsetof(struct machine_record, steps) },
        { "ports", offsetof(struct machine_record, ports) },
        { "networks", offsetof(struct machine_record, networks) },
        { "labels", offsetof(struct machine_record, labels) },
        { "requires", offsetof(struct machine_record, requires) },
        { "verified", offsetof(struct machine_record, verified) },
        { "trees", offsetof(struct machine_record, trees) },
        { "exposed_ports", offsetof(struct machine_record, exposed_ports) },
}, numbers[] = {
        { "started_usec", offsetof(struct machine_record, started_usec) },
        { "stopped_usec", offsetof(struct machine_record, stopped_usec) },
        { "restored_usec", offsetof(struct machine_record, restored_usec) },
        { "restarts", offsetof(struct machine_record, restarts) },
        { "out_of_memory_kills", offsetof(struct machine_record, out_of_memory_kills) },
        { "background", offsetof(struct machine_record, background) },
        { "awaits_readiness", offsetof(struct machine_record, awaits_readiness) },
}, processes[] = {
        { "supervisor", offsetof(struct machine_record, supervisor) },
        { "init", offsetof(struct machine_record, init) },
};

#define FIELD(type, record, offset)    ((type *)((char *)(record) + (offset)))
#define FIELD_OF(type, record, offset) ((type const *)((const char *)(record) + (offset)))

int machine_record_init(struct machine_record *record, const char *name, const char *definition)
{
        *record = (struct machine_record){ .exit_status = -1 };
        if (string_replace(&record->name, name) < 0 ||
            string_replace(&record->definition, definition) < 0) {
                machine_record_clear(record);
                return -ENOMEM;
        }
        return 0;
}

void machine_record_clear(struct machine_record *record)
{
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                free(*FIELD(char *, record, texts[i].offset));
        }
        for (size_t i = 0; i < ELEMENTS_OF(arrays); i++) {
                strv_free(*FIELD(char **, record, arrays[i].offset));
        }
        *record = (struct machine_record){ 0 };
}

bool machine_record_is_pod(const struct machine_record *record)
{
        return record->definition && string_ends_with(record->definition, ".pod");
}

/* A plus sign is in no machine's name. */
char *machine_record_limited_group(const struct machine_record *record)
{
        return record->cgroup ? string_format("%s%s", record->cgroup,
                                              machine_record_is_pod(record) ? "+members" : "")
                              : NULL;
}

const char *machine_state_name(enum machine_state state)
{
        return state_names[state];
}

static json_t *write_process(const struct process_identity *identity)
{
        _cleanup_json_ json_t *object = NULL;

        if (identity->pid <= 0) {
                return json_null();
        }
        object = json_object();
        if (!object || json_set_number(object, "pid", (uint64_t)identity->pid) < 0 ||
            json_set_number(object, "start_time", identity->start_time) < 0 ||
            json_set_string(object, "boot_id", identity->boot_id) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static int write_fields(json_t *object, const struct machine_record *record)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(texts); i++) {
                r = json_set_string(object, texts[i].key,
                                    *FIELD_OF(char *, record, texts[i].offset));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(processes); i++) {
                r = json_set_value(object, processes[i].key,
                                   write_process(FIELD_OF(struct process_identity, record,
                                                          processes[i].offset)));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(arrays); i++) {
                r = json_set_strings(object, arrays[i].key,
                                     *FIELD_OF(char **, record, arrays[i].offset));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(numbers); i++) {
                r = json_set_number(object, numbers[i].key,
                                    *FIELD_OF(uint64_t, record, numbers[i].offset));
        }
        return r;
}

int machine_record_write(const struct machine_record *record, char **ret)
{
        _cleanup_json_ json_t *object = json_object();
        char *text;

        if (!object || json_set_number(object, "version", RECORD_VERSION) < 0 ||
            json_set_string(object, "program", MACHINECTL_LITE_VERSION) < 0 ||
            json_set_string(object, "state", state_names[record->state]) < 0 ||
            json_set_number(object, "user_base", record->user_base) < 0 ||
            json_set_number(object, "user_count", record->user_count) < 0 ||
            json_set_value(object, "exit_status",
                           record->exit_status < 0 ? json_null()
                                                   : json_integer(record->exit_status)) < 0 ||
            write_fields(object, record) < 0) {
                return -ENOMEM;
        }
        text = json_dumps(object, JSON_COMPACT);
        if (!text) {
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

static int damaged(struct machine_error *error, const char *path, const char *what)
{
        int r = error_say(error, EBADMSG, "state file %s is damaged: %s", path, what);

        error_hint(error, "remove the file when no process of the machine is running");
        return r;
}

static int refuse_newer(const json_t *object, uint64_t version, const char *path,
                        struct machine_error *error)
{
        const char *program = json_get_string(object, "program");

        if (!program) {
                program = "of an unknown version";
        }
        error_say(error, EBADMSG,
                  "state file %s has version %llu and was written by machinectl-lite %s; this is "
                  "machinectl-lite " MACHINECTL_LITE_VERSION ", which reads version %d",
                  path, (unsigned long long)version, program, RECORD_VERSION);
        error_hint(error, "manage the machine with the version that started it, or a newer one");
        return -EBADMSG;
}

static int read_text(const json_t *object, const char *key, char **place)
{
        const json_t *value = json_object_get(object, key);

        if (!value || json_is_null(value)) {
                return 0;
        }
        return json_is_string(value) ? string_replace(place, json_string_value(value)) : -EBADMSG;
}

static int read_array(const json_t *object, const char *key, char ***place)
{
        const json_t *value = json_object_get(object, key);
        const json_t *item;
        size_t i;

        if (!value) {
                return 0;
        }
        if (!json_is_array(value)) {
                return -EBADMSG;
        }
        json_array_foreach(value, i, item)
        {
                if (!json_is_string(item)) {
                        return -EBADMSG;
                }
                if (strv_append(place, json_string_value(item)) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int read_process(const json_t *object, const char *key, struct process_identity *place)
{
        const json_t *value = json_object_get(object, key);
        const char *boot_id;
        uint64_t pid;

        if (!value || json_is_null(value)) {
                return 0;
        }
        boot_id = json_get_string(value, "boot_id");
        if (json_get_number(value, "pid", &pid) < 0 || pid == 0 || pid > INT_MAX ||
            json_get_number(value, "start_time", &place->start_time) < 0 || !boot_id ||
            strlen(boot_id) != sizeof place->boot_id - 1) {
                return -EBADMSG;
        }
        place->pid = (pid_t)pid;
        strcpy(place->boot_id, boot_id);
        return 0;
}

static int read_number(const json_t *object, const char *key, uint64_t maximum, uint64_t *place)
{
        int r = json_get_number(object, key, place);

        if (r == -ENOENT) {
                return 0;
        }
        return r < 0 || *place > maximum ? -EBADMSG : 0;
}

static int read_state(const json_t *object, enum machine_state *place)
{
        const char *name = json_get_string(object, "state");

        for (size_t i = 0; name && i < ELEMENTS_OF(state_names); i++) {
                if (strcmp(state_names[i], name) == 0) {
                        *place = (enum machine_state)i;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int read_small_numbers(const json_t *object, struct machine_record *record)
{
        const json_t *status = json_object_get(object, "exit_status");
        uint64_t base = 0, count = 0, exit_status = 0;
        int r = read_number(object, "user_base", UINT32_MAX, &base);

        if (r == 0) {
                r = read_number(object, "user_count", UINT32_MAX, &count);
        }
        if (r == 0 && status && !json_is_null(status)) {
                r = read_number(object, "exit_status", 255, &exit_status);
                record->exit_status = (int)exit_status;
        }
        record->user_base = (uint32_t)base;
        record->user_count = (uint32_t)count;
        return r;
}

/* Reads the record. On failure *ret_key is the invalid key. */
static int read_fields(const json_t *object, struct machine_record *record, const char **ret_key)
{
        int r;

        *ret_key = "state";
        r = read_state(object, &record->state);
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(texts); i++) {
                *ret_key = texts[i].key;
                r = read_text(object, texts[i].key, FIELD(char *, record, texts[i].offset));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(processes); i++) {
                *ret_key = processes[i].key;
                r = read_process(object, processes[i].key,
                                 FIELD(struct process_identity, record, processes[i].offset));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(arrays); i++) {
                *ret_key = arrays[i].key;
                r = read_array(object, arrays[i].key, FIELD(char **, record, arrays[i].offset));
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(numbers); i++) {
                *ret_key = numbers[i].key;
                r = read_number(object, numbers[i].key, INT64_MAX,
                                FIELD(uint64_t, record, numbers[i].offset));
        }
        if (r == 0) {
                *ret_key = "user_base, user_count or exit_status";
                r = read_small_numbers(object, record);
        }
        if (r == 0 && !record->name) {
                *ret_key = "name";
                r = -EBADMSG;
        }
        return r;
}

int machine_record_read(const char *text, const char *path, struct machine_record *ret,
                        struct machine_error *error)
{
        json_error_t syntax;
        _cleanup_json_ json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &syntax);

        return object ? machine_record_take(object, path, ret, error)
                      : damaged(error, path, syntax.text);
}

int machine_record_take(const json_t *object, const char *path, struct machine_record *ret,
                        struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { .exit_status = -1 };
        const char *key;
        uint64_t version;
        int r;

        if (json_get_number(object, "version", &version) < 0 || version == 0) {
                return damaged(error, path, "no version");
        }
        if (version > RECORD_VERSION) {
                return refuse_newer(object, version, path, error);
        }
        r = read_fields(object, &record, &key);
        if (r == -ENOMEM) {
                return error_oom(error);
        }
        if (r < 0) {
                _cleanup_free_ char *what = string_format("\"%s\" cannot be read", key);

                return damaged(error, path, what ? what : key);
        }
        *ret = record;
        record = (struct machine_record){ 0 };
        return 0;
}
