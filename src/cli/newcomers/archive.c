/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/newcomers/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/read/name.h"

#define RECORD_MAXIMUM (1U << 20)
#define DEPTH_MAXIMUM  16

static bool has_one_of(int directory_fd, const char *const *names)
{
        for (; *names; names++) {
                if (faccessat(directory_fd, *names, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
                        return true;
                }
        }
        return false;
}

/* What else people have in archives. */
static int refuse_other(int directory_fd, const char *file, struct machine_error *error)
{
        static const char *const of_images[] = { "oci-layout", "manifest.json", NULL };
        static const char *const of_roots[] = { "usr", "etc", "bin", NULL };

        error_say(error, EBADMSG, "%s is not an archive of a machine: it has no " ARCHIVE_RECORD,
                  file);
        if (has_one_of(directory_fd, of_images)) {
                error_hint(error, "it is an archive of images: machinectl-lite load %s", file);
        } else if (has_one_of(directory_fd, of_roots)) {
                error_hint(error,
                           "it is a root, as of machinectl export-tar: machinectl-lite load --name "
                           "NAME %s makes an image of it, for \"image\" of a definition",
                           file);
        } else {
                error_hint(error, "machinectl-lite export makes one");
        }
        return -EBADMSG;
}

/* Keys become text of a definition. */
static bool is_key(const char *key)
{
        size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_-");

        return length > 0 && key[length] == '\0';
}

static bool has_only_keys(const json_t *value, unsigned int depth)
{
        const char *key;
        const json_t *item;
        size_t index;

        if (depth == 0) {
                return false;
        }
        json_object_foreach((json_t *)value, key, item)
        {
                if (!is_key(key) || !has_only_keys(item, depth - 1)) {
                        return false;
                }
        }
        json_array_foreach(value, index, item)
        {
                if (!has_only_keys(item, depth - 1)) {
                        return false;
                }
        }
        return true;
}

static bool volumes_are_valid(const json_t *volumes)
{
        const json_t *name;
        size_t index;

        json_array_foreach(volumes, index, name)
        {
                if (!json_is_string(name) || !config_name_is_valid(json_string_value(name))) {
                        return false;
                }
        }
        return json_is_array(volumes);
}

/* Not a name, which could mean another image here. */
static bool is_id(const char *text)
{
        return text && (string_after(text, "sha256:") || string_after(text, "sha512:"));
}

static bool is_valid(const json_t *record)
{
        const json_t *image = json_object_get(record, "image");
        const json_t *definition = json_object_get(record, "definition");

        return json_get_string(record, "name") && json_is_object(definition) &&
               has_only_keys(definition, DEPTH_MAXIMUM) &&
               json_is_boolean(json_object_get(record, "layer")) &&
               volumes_are_valid(json_object_get(record, "volumes")) &&
               (json_is_null(image) || is_id(json_get_string(image, "id")));
}

int archive_read(int directory_fd, const char *file, json_t **ret, struct machine_error *error)
{
        _cleanup_close_ int fd =
                path_open_no_links(directory_fd, ARCHIVE_RECORD, O_RDONLY | O_NONBLOCK, 0);
        _cleanup_json_ json_t *record = NULL;
        _cleanup_free_ char *text = NULL;
        uint64_t version = 0;
        struct stat status;
        size_t length = 0;
        int r;

        if (fd == -ENOENT) {
                return refuse_other(directory_fd, file, error);
        }
        if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
                return error_say(error, EBADMSG, "%s is damaged: " ARCHIVE_RECORD " is not a file",
                                 file);
        }
        r = fd < 0 ? fd : file_read_fd(fd, RECORD_MAXIMUM, &text, NULL);
        if (r < 0) {
                return error_set(error, r, "cannot read " ARCHIVE_RECORD " of %s", file);
        }
        length = strlen(text);
        record = json_parse(text, length, NULL);
        (void)json_get_number(record, "version", &version);
        if (version > ARCHIVE_VERSION) {
                return error_say(error, EPROTO, "%s was written by a newer version of this program",
                                 file);
        }
        if (version != ARCHIVE_VERSION || !is_valid(record)) {
                return error_say(error, EBADMSG, "%s is damaged: " ARCHIVE_RECORD " is invalid",
                                 file);
        }
        *ret = TAKE_PTR(record);
        return 0;
}
