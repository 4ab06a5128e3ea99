/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/named.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/layout.h"

#define REVISIONS "revisions"

int image_named_read(int directory_fd, json_t **ret, struct machine_error *error)
{
        _cleanup_json_ json_t *record = NULL;
        json_t *revisions;
        int r = store_read_record(directory_fd, IMAGE_NAMED_FILE, IMAGE_NAMED_FILE, &record, error);

        if (r < 0 && r != -ENOENT) {
                return r;
        }
        revisions = r == 0 ? json_object_get(record, REVISIONS) : NULL;
        if (r == 0 && !json_is_object(revisions)) {
                return error_say(error, EBADMSG, "%s is damaged: it has no \"%s\"",
                                 IMAGE_NAMED_FILE, REVISIONS);
        }
        *ret = revisions ? json_incref(revisions) : json_object();
        return *ret ? 0 : error_oom(error);
}

int image_named_write(int directory_fd, json_t *revisions, struct machine_error *error)
{
        _cleanup_json_ json_t *record =
                json_pack("{s:i, s:O}", "version", STORE_VERSION, REVISIONS, revisions);
        _cleanup_free_ char *text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
        int r = text ? file_write_atomic(directory_fd, IMAGE_NAMED_FILE, text, strlen(text), 0600)
                     : -ENOMEM;

        return r < 0 ? error_set(error, r, "cannot write %s", IMAGE_NAMED_FILE) : 0;
}

bool image_named_has(json_t *revisions, const char *id)
{
        const char *revision;
        json_t *ids, *value;
        size_t i;

        json_object_foreach(revisions, revision, ids)
        {
                json_array_foreach(ids, i, value)
                {
                        if (string_equal(json_string_value(value), id)) {
                                return true;
                        }
                }
        }
        return false;
}
