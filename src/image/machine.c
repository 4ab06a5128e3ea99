/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "image/digest.h"
#include "image/image.h"
#include "image/layout.h"

/* What the directory of a machine says about its images. */

static int write_record(const char *path, const json_t *record, struct machine_error *error)
{
        _cleanup_free_ char *text = json_dumps(record, JSON_INDENT(2));
        int r = text ? file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600) : -ENOMEM;

        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

int image_pin(const char *machine_directory, const struct image_info *info,
              struct machine_error *error)
{
        _cleanup_json_ json_t *record = json_object();
        _cleanup_free_ char *path = path_join(machine_directory, STORE_IMAGE_RECORD);

        if (!record || !path || json_set_number(record, "version", STORE_VERSION) < 0 ||
            json_set_string(record, "image", info->id) < 0 ||
            json_set_string(record, "reference", info->reference) < 0) {
                return error_oom(error);
        }
        return write_record(path, record, error);
}

int image_pinned(const char *machine_directory, char **ret, char **ret_reference,
                 struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(machine_directory, STORE_IMAGE_RECORD);
        _cleanup_free_ char *id = NULL, *reference = NULL;
        _cleanup_json_ json_t *record = NULL;
        int r;

        if (!path) {
                return error_oom(error);
        }
        r = store_read_record(AT_FDCWD, path, path, &record, error);
        if (r < 0 && r != -ENOENT) {
                return r;
        }
        if (r == 0 && !digest_is_valid(json_get_string(record, "image"))) {
                return error_say(error, EINVAL, "%s names no image", path);
        }
        if (r == 0 && (string_replace(&id, json_get_string(record, "image")) < 0 ||
                       string_replace(&reference, json_get_string(record, "reference")) < 0)) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(id);
        if (ret_reference) {
                *ret_reference = TAKE_PTR(reference);
        }
        return 0;
}

int image_unpin(const char *machine_directory, struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(machine_directory, STORE_IMAGE_RECORD);

        if (!path) {
                return error_oom(error);
        }
        return unlink(path) < 0 && errno != ENOENT
                       ? error_set(error, errno, "cannot remove %s", path)
                       : 0;
}

int image_keep(const char *machine_directory, const char *previous, const char *failed,
               struct machine_error *error)
{
        _cleanup_json_ json_t *record = json_object();
        _cleanup_free_ char *path = path_join(machine_directory, STORE_UPDATE_RECORD);
        int r;

        if (!record || !path || json_set_number(record, "version", STORE_VERSION) < 0 ||
            json_set_string(record, "previous", previous) < 0 ||
            json_set_string(record, "failed", failed) < 0) {
                return error_oom(error);
        }
        r = directory_make(machine_directory, 0700);
        return r < 0 ? error_set(error, r, "cannot make %s", machine_directory)
                     : write_record(path, record, error);
}

static int read_update(const char *machine_directory, const char *key, char **ret,
                       struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(machine_directory, STORE_UPDATE_RECORD);
        _cleanup_json_ json_t *record = NULL;
        int r = path ? store_read_record(AT_FDCWD, path, path, &record, error) : error_oom(error);

        if (r == -ENOENT) {
                return 0;
        }
        return r < 0                                                   ? r
               : string_replace(ret, json_get_string(record, key)) < 0 ? error_oom(error)
                                                                       : 0;
}

int image_kept(const char *machine_directory, char **ret, struct machine_error *error)
{
        return read_update(machine_directory, "previous", ret, error);
}

int image_failed(const char *machine_directory, char **ret, struct machine_error *error)
{
        return read_update(machine_directory, "failed", ret, error);
}
