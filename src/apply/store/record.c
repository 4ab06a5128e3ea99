/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/store/record.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

#define RECORD_FILE    "record.json"
#define RECORD_VERSION 1
#define RECORD_MAXIMUM (UINT64_C(16) << 20)
/* Entries of the history that are kept. */
#define HISTORY_MAXIMUM 50

void source_record_clear(struct source_record *record)
{
        json_decref(record->root);
        record->root = NULL;
}

static int make_empty(struct source_record *ret, struct machine_error *error)
{
        ret->root = json_pack("{s:i, s:{}, s:{}, s:[]}", "version", RECORD_VERSION, "machines",
                              "failed", "history");
        return ret->root ? 0 : error_oom(error);
}

static bool is_whole(json_t *root, json_t **machines)
{
        *machines = json_object_get(root, "machines");
        return json_is_object(*machines) && json_is_object(json_object_get(root, "failed")) &&
               json_is_array(json_object_get(root, "history"));
}

static int damaged(const char *path, const char *why, struct machine_error *error)
{
        int r = error_say(error, EBADMSG, "%s is damaged: %s", path, why);

        error_hint(error,
                   "the file says which machines the source owns: put it back from a backup");
        return r;
}

int source_record_read(const char *directory, struct source_record *ret,
                       struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/" RECORD_FILE, directory), *text = NULL;
        _cleanup_json_ json_t *root = NULL;
        json_error_t syntax;
        json_t *machines;
        uint64_t version;
        int r = path ? file_read(AT_FDCWD, path, RECORD_MAXIMUM, &text, NULL) : -ENOMEM;

        if (r == -ENOENT) {
                return make_empty(ret, error);
        }
        if (r < 0) {
                return error_set(error, r, "cannot read %s", path ? path : RECORD_FILE);
        }
        root = json_loads(text, JSON_REJECT_DUPLICATES, &syntax);
        if (!root) {
                return damaged(path, syntax.text, error);
        }
        if (json_get_number(root, "version", &version) < 0 || !is_whole(root, &machines)) {
                return damaged(path, "it lacks the version, the machines or the history", error);
        }
        if (version > RECORD_VERSION) {
                error_say(error, EBADMSG,
                          "%s has version %llu and was written by a newer machinectl-lite; this "
                          "program reads version %d",
                          path, (unsigned long long)version, RECORD_VERSION);
                error_hint(error, "upgrade machinectl-lite");
                return -EBADMSG;
        }
        ret->root = TAKE_PTR(root);
        return 0;
}

int source_record_write(const char *directory, const struct source_record *record,
                        struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/" RECORD_FILE, directory);
        _cleanup_free_ char *text = json_dumps(record->root, JSON_INDENT(1) | JSON_SORT_KEYS);
        int r = path && text ? file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600)
                             : -ENOMEM;

        return r < 0 ? error_set(error, r, "cannot write %s", path ? path : RECORD_FILE) : 0;
}

const char *source_record_origin(const struct source_record *record)
{
        return json_get_string(record->root, "origin");
}

int source_record_set_origin(struct source_record *record, const char *origin)
{
        return json_set_string(record->root, "origin", origin);
}

json_t *source_record_machines(const struct source_record *record)
{
        return json_object_get(record->root, "machines");
}

bool source_record_owns(const struct source_record *record, const char *name)
{
        return json_object_get(source_record_machines(record), name) != NULL;
}

int source_record_own(struct source_record *record, const char *name)
{
        return source_record_owns(record, name)
                       ? 0
                       : json_set_value(source_record_machines(record), name, json_object());
}

void source_record_disown(struct source_record *record, const char *name)
{
        (void)json_object_del(source_record_machines(record), name);
        source_record_forget_failed(record, name);
}

static const char *detail_of(const struct source_record *record, const char *group,
                             const char *name, const char *key)
{
        return json_get_string(json_object_get(json_object_get(record->root, group), name), key);
}

const char *source_record_revision_of(const struct source_record *record, const char *name)
{
        return detail_of(record, "machines", name, "revision");
}

const char *source_record_image_of(const struct source_record *record, const char *name)
{
        return detail_of(record, "machines", name, "image");
}

static int set_details(struct source_record *record, const char *group, const char *name,
                       const char *revision, const char *key, const char *value)
{
        json_t *object = json_object();

        if (json_set_string(object, "revision", revision) < 0 ||
            json_set_string(object, key, value) < 0) {
                json_decref(object);
                return -ENOMEM;
        }
        return json_set_value(json_object_get(record->root, group), name, object);
}

int source_record_note_good(struct source_record *record, const char *name, const char *revision,
                            const char *image)
{
        source_record_forget_failed(record, name);
        return set_details(record, "machines", name, revision, "image", image);
}

const char *source_record_failed(const struct source_record *record, const char *name,
                                 const char **ret_reason)
{
        if (ret_reason) {
                *ret_reason = detail_of(record, "failed", name, "reason");
        }
        return detail_of(record, "failed", name, "revision");
}

int source_record_note_failed(struct source_record *record, const char *name, const char *revision,
                              const char *reason)
{
        _cleanup_free_ char *printable = string_printable(reason ? reason : "");

        return printable ? set_details(record, "failed", name, revision, "reason", printable)
                         : -ENOMEM;
}

void source_record_forget_failed(struct source_record *record, const char *name)
{
        (void)json_object_del(json_object_get(record->root, "failed"), name);
}

const char *source_record_rejected(const struct source_record *record)
{
        return json_get_string(record->root, "rejected");
}

int source_record_reject(struct source_record *record, const char *revision)
{
        return json_set_string(record->root, "rejected", revision);
}

json_t *source_record_history(const struct source_record *record)
{
        return json_object_get(record->root, "history");
}

int source_record_begin(struct source_record *record, const char *action, const char *revision,
                        const char *from, json_t *machines, json_t *runs)
{
        json_t *history = source_record_history(record);
        _cleanup_json_ json_t *entry = json_object();

        if (json_set_value(entry, "runs", runs) < 0 ||
            json_set_value(entry, "machines", machines) < 0 ||
            json_set_number(entry, "time", clock_realtime()) < 0 ||
            json_set_string(entry, "action", action) < 0 ||
            json_set_string(entry, "revision", revision) < 0 ||
            json_set_string(entry, "from", from) < 0 ||
            json_set_string(entry, "result", "interrupted") < 0 ||
            json_array_append(history, entry) < 0) {
                return -ENOMEM;
        }
        while (json_array_size(history) > HISTORY_MAXIMUM) {
                (void)json_array_remove(history, 0);
        }
        return 0;
}

int source_record_conclude(struct source_record *record, const char *result)
{
        json_t *history = source_record_history(record);
        json_t *last = json_array_get(history, json_array_size(history) - 1);

        return json_set_number(last, "ended", clock_realtime()) < 0
                       ? -ENOMEM
                       : json_set_string(last, "result", result);
}
