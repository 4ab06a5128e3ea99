/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "image/digest.h"
#include "image/layout.h"
#include "image/reference.h"

void image_info_clear(struct image_info *info)
{
        free(info->id);
        free(info->reference);
        free(info->directory);
        free(info->architecture);
        strv_free(info->layers);
        strv_free(info->entrypoint);
        strv_free(info->command);
        strv_free(info->environment);
        free(info->user);
        free(info->working_directory);
        free(info->stop_signal);
        strv_free(info->ports);
        strv_free(info->volumes);
        fd_close(info->lock);
        *info = (struct image_info)IMAGE_INFO_INIT;
}

static int not_in_store(struct machine_error *error, const char *reference)
{
        error_say(error, ENOENT, "no image \"%s\" in the store", reference);
        error_kind(error, MACHINE_ERROR_NO_INPUT);
        error_hint(error,
                   "fetch it with \"machinectl-lite pull %s\", or read it from a file with "
                   "\"machinectl-lite load\"; \"machinectl-lite list-images\" lists the "
                   "there is",
                   reference);
        return -ENOENT;
}

/* Looks up which image a full reference names. */
static int find_id(int images_fd, struct image_info *info, struct machine_error *error)
{
        _cleanup_json_ json_t *references = NULL;
        const char *id;
        int r = store_read_record(images_fd, STORE_REFERENCES, STORE_REFERENCES, &references,
                                  error);

        if (r < 0) {
                return r == -ENOENT ? not_in_store(error, info->reference) : r;
        }
        id = store_find_reference(references, info->reference);
        if (!id) {
                return not_in_store(error, info->reference);
        }
        return string_replace(&info->id, id) < 0 ? error_oom(error) : 0;
}

static int name_image(int images_fd, const char *reference, struct image_info *info,
                      struct machine_error *error)
{
        _cleanup_image_reference_ struct image_reference parsed = IMAGE_REFERENCE_INIT;
        int r;

        if (digest_is_valid(reference)) {
                info->id = strdup(reference);
                return info->id ? 0 : error_oom(error);
        }
        r = image_reference_parse(reference, &parsed, error);
        if (r < 0) {
                return r;
        }
        info->reference = image_reference_format(&parsed);
        return info->reference ? find_id(images_fd, info, error) : error_oom(error);
}

/* Takes the shared lock that marks the image as in use. If the directory was renamed away between
 * open and lock, the image has been removed. */
static int lock_image(int images_fd, const char *directory, int *ret)
{
        _cleanup_close_ int fd =
                openat(images_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        struct stat locked, named;

        if (fd < 0) {
                return -errno;
        }
        if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
                return errno == EWOULDBLOCK ? -ENOENT : -errno;
        }
        if (fstat(fd, &locked) < 0 ||
            fstatat(images_fd, directory, &named, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (locked.st_ino != named.st_ino) {
                return -ENOENT;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

/* Copies an array of strings. A missing array and null count as empty. */
static int read_strings(const json_t *object, const char *key, char ***ret)
{
        const json_t *array = json_object_get(object, key);
        _cleanup_strv_ char **strings = NULL;
        const json_t *value;
        size_t i;

        if (!array || json_is_null(array)) {
                return 0;
        }
        if (!json_is_array(array)) {
                return -EINVAL;
        }
        json_array_foreach(array, i, value)
        {
                if (!json_is_string(value)) {
                        return -EINVAL;
                }
                if (strv_append(&strings, json_string_value(value)) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(strings);
        return 0;
}

static int read_string(const json_t *object, const char *key, char **ret)
{
        const json_t *value = json_object_get(object, key);

        if (!value || json_is_null(value)) {
                return 0;
        }
        if (!json_is_string(value)) {
                return -EINVAL;
        }
        if (json_string_length(value) == 0) {
                return 0;
        }
        *ret = strdup(json_string_value(value));
        return *ret ? 0 : -ENOMEM;
}

static int read_config(const json_t *config, struct image_info *info)
{
        struct {
                const char *key;
                char ***strings;
                char **string;
        } fields[] = {
                { "entrypoint", &info->entrypoint, NULL },
                { "command", &info->command, NULL },
                { "environment", &info->environment, NULL },
                { "ports", &info->ports, NULL },
                { "volumes", &info->volumes, NULL },
                { "user", NULL, &info->user },
                { "working_directory", NULL, &info->working_directory },
                { "stop_signal", NULL, &info->stop_signal },
        };

        for (size_t i = 0; i < ELEMENTS_OF(fields); i++) {
                int r = fields[i].strings ? read_strings(config, fields[i].key, fields[i].strings)
                                          : read_string(config, fields[i].key, fields[i].string);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* The absolute path of one layer of the record, whose diff id is checked. The image may have a
 * variant of the layer. */
static char *layer_path(const char *state_directory, const struct image_info *info,
                        const json_t *layer, size_t number)
{
        const char *diff_id = json_get_string(layer, "diff_id");
        digest_text name;

        if (!digest_is_valid(diff_id)) {
                return NULL;
        }
        if (json_is_true(json_object_get(layer, "resolved"))) {
                return string_format("%s/" STORE_IMAGE_RESOLVED "/%zu/" STORE_LAYER_TREE,
                                     info->directory, number);
        }
        digest_file_name(diff_id, name);
        return string_format("%s/" STORE_LAYERS "/%s/" STORE_LAYER_TREE, state_directory, name);
}

static int read_layers(const char *state_directory, const json_t *record, struct image_info *info)
{
        const json_t *layers = json_object_get(record, "layers");

        if (json_is_true(json_object_get(record, "directories")) &&
            strv_take(&info->layers,
                      string_format("%s/" STORE_IMAGE_DIRECTORIES, info->directory)) < 0) {
                return -ENOMEM;
        }
        /* The record lists layers as the config does, bottom first. */
        for (size_t i = json_array_size(layers); i-- > 0;) {
                char *path = layer_path(state_directory, info, json_array_get(layers, i), i);

                if (!path) {
                        return -EINVAL;
                }
                if (strv_take(&info->layers, path) < 0) {
                        return -ENOMEM;
                }
        }
        return info->layers ? 0 : -EINVAL;
}

static int check_layers(const struct image_info *info, struct machine_error *error)
{
        STRV_FOREACH(layer, info->layers) {
                if (access(*layer, F_OK) < 0) {
                        error_set(error, errno, "image %s lacks its layer %s", info->id, *layer);
                        error_hint(error, "fetch the image again");
                        return -errno;
                }
        }
        return 0;
}

static int read_image(int images_fd, const char *state_directory, struct image_info *info,
                      struct machine_error *error)
{
        const char *wanted = info->reference ? info->reference : info->id;
        _cleanup_json_ json_t *record = NULL;
        digest_text name;
        int r;

        digest_file_name(info->id, name);
        r = lock_image(images_fd, name, &info->lock);
        if (r < 0) {
                return r == -ENOENT ? not_in_store(error, wanted)
                                    : error_set(error, r, "cannot lock the image \"%s\"", wanted);
        }
        r = store_read_record(info->lock, STORE_IMAGE_RECORD, name, &record, error);
        if (r < 0) {
                return r == -ENOENT ? not_in_store(error, wanted) : r;
        }
        info->directory = string_format("%s/" STORE_IMAGES "/%s", state_directory, name);
        if (!info->directory) {
                return error_oom(error);
        }
        r = read_layers(state_directory, record, info);
        if (r == 0) {
                r = read_config(json_object_get(record, "config"), info);
        }
        if (r == 0) {
                r = read_string(record, "architecture", &info->architecture);
        }
        if (r == -ENOMEM) {
                return error_oom(error);
        }
        if (r < 0) {
                return error_say(error, EINVAL, "the record %s/" STORE_IMAGE_RECORD " is damaged",
                                 info->directory);
        }
        return check_layers(info, error);
}

int image_resolve(const char *state_directory, const char *reference, struct image_info *ret,
                  struct machine_error *error)
{
        _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;
        _cleanup_free_ char *path = path_join(state_directory, STORE_IMAGES);
        _cleanup_close_ int images_fd = -EBADF;
        int r;

        if (!path) {
                return error_oom(error);
        }
        images_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (images_fd < 0) {
                return errno == ENOENT ? not_in_store(error, reference)
                                       : store_missing(error, state_directory, errno);
        }
        r = name_image(images_fd, reference, &info, error);
        if (r == 0) {
                r = read_image(images_fd, state_directory, &info, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = info;
        info = (struct image_info)IMAGE_INFO_INIT;
        return 0;
}
