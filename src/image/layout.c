/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "image/digest.h"

int store_missing(struct machine_error *error, const char *state_directory, int number)
{
        return error_set(error, number, "cannot open the image store in %s", state_directory);
}

static int check_record(const json_t *record, const char *name, struct machine_error *error)
{
        uint64_t version;

        if (!json_is_object(record) || json_get_number(record, "version", &version) < 0) {
                return error_say(error, EINVAL,
                                 "%s of the image store is not a record of this "
                                 "program",
                                 name);
        }
        if (version > STORE_VERSION) {
                error_say(error, EINVAL,
                          "%s of the image store has version %llu and was written by a newer "
                          "machinectl-lite; this program reads version %d",
                          name, (unsigned long long)version, STORE_VERSION);
                error_hint(error, "upgrade machinectl-lite");
                return -EINVAL;
        }
        return 0;
}

int store_read_record(int directory_fd, const char *path, const char *name, json_t **ret,
                      struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *record = NULL;
        json_error_t problem;
        size_t length;
        int r = file_read(directory_fd, path, STORE_RECORD_MAX, &text, &length);

        if (r == -ENOENT) {
                return r;
        }
        if (r < 0) {
                return error_set(error, r, "cannot read %s of the image store", name);
        }
        record = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
        if (!record) {
                return error_say(error, EINVAL, "%s of the image store is damaged: line %d: %s",
                                 name, problem.line, problem.text);
        }
        r = check_record(record, name, error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(record);
        return 0;
}

const char *store_find_reference(const json_t *references, const char *reference)
{
        const json_t *table = json_object_get(references, "references");
        const char *id = json_get_string(json_object_get(table, reference), "id");

        return digest_is_valid(id) ? id : NULL;
}
