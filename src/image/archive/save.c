/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/walk.h"
#include "image/archive/as_pulled.h"
#include "image/archive/bundle.h"
#include "image/archive/export.h"
#include "image/archive/output.h"
#include "image/archive/tar_writer.h"

static int write_json(int directory_fd, const char *name, json_t *value,
                      struct machine_error *error)
{
        _cleanup_json_ json_t *owned = value;
        _cleanup_free_ char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!text) {
                return error_oom(error);
        }
        fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
        return r < 0 ? error_set(error, r, "cannot write %s", name) : 0;
}

static int write_index(struct exported *exported, const char *reference,
                       struct machine_error *error)
{
        _cleanup_json_ json_t *annotations = json_object();
        int r = annotations ? 0 : -ENOMEM;

        if (r == 0 && reference) {
                r = json_set_string(annotations, "org.opencontainers.image.ref.name", reference);
        }
        if (r < 0) {
                return error_oom(error);
        }
        r = write_json(exported->fd, "oci-layout",
                       json_pack("{s:s}", "imageLayoutVersion", "1.0.0"), error);
        return r < 0 ? r
                     : write_json(exported->fd, "index.json",
                                  json_pack("{s:i,s:s,s:[{s:s,s:s,s:I,s:O}]}", "schemaVersion", 2,
                                            "mediaType", MEDIA_TYPE_OCI_INDEX, "manifests",
                                            "mediaType",
                                            exported->media_type ? exported->media_type
                                                                 : MEDIA_TYPE_OCI_MANIFEST,
                                            "digest", exported->digest, "size",
                                            (json_int_t)exported->size, "annotations", annotations),
                                  error);
}

/* docker save's own index, in addition to the blobs. Its layers are uncompressed. */
static int write_docker(struct exported *exported, const char *reference,
                        struct machine_error *error)
{
        _cleanup_json_ json_t *layers = json_array(), *tags = json_array();
        char config[BUNDLE_PATH_SIZE];

        bundle_blob_path(exported->manifest.config.digest, config);
        for (size_t i = 0; i < exported->manifest.layer_count; i++) {
                char path[BUNDLE_PATH_SIZE];

                bundle_blob_path(exported->manifest.layers[i].digest, path);
                if (json_array_append_new(layers, json_string(path)) < 0) {
                        return error_oom(error);
                }
        }
        if (reference && json_array_append_new(tags, json_string(reference)) < 0) {
                return error_oom(error);
        }
        return write_json(
                exported->fd, "manifest.json",
                json_pack("[{s:s,s:O,s:O}]", "Config", config, "RepoTags", tags, "Layers", layers),
                error);
}

static int write_files(void *data, tar_output output, void *to, struct machine_error *error)
{
        const struct exported *exported = data;

        return tar_write_files(exported->fd, output, to, error);
}

static int copy_file(int directory_fd, const char *name, const char *path, void *data)
{
        int target_fd = *(int *)data;
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        struct stat status;
        ssize_t n;

        if (!*path) {
                return 0;
        }
        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (S_ISDIR(status.st_mode)) {
                return mkdirat(target_fd, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
        }
        from = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        to = openat(target_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (from < 0 || to < 0) {
                return -errno;
        }
        do {
                n = copy_file_range(from, NULL, to, NULL, 1U << 30, 0);
        } while (n > 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL)) {
                _cleanup_free_ char *text = malloc(1U << 20);

                while (text && (n = read(from, text, 1U << 20)) > 0) {
                        int r = file_write_all(to, text, (size_t)n);

                        if (r < 0) {
                                return r;
                        }
                }
        }
        return n < 0 ? -errno : 0;
}

static int write_directory(struct exported *exported, const char *path, struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        int r = directory_make(path, 0755);

        if (r == 0) {
                fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : walk_tree(exported->fd, true, copy_file, &fd, error);
        }
        return r < 0 ? error_wrap(error, r, "cannot write %s", path) : 0;
}

/* As it was pulled, or as it is packed now. */
static int make(struct session *session, const char *id, enum save_format format,
                bool all_platforms, struct as_pulled *pulled, struct exported *ret,
                struct machine_error *error)
{
        int r = format == SAVE_DOCKER ? 0
                                      : as_pulled_read(session, id, all_platforms, pulled, error);

        if (r > 0) {
                r = as_pulled_export(session, pulled, ret, error);
        }
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (pulled->documents) {
                log_notice(session->log,
                           "the layers are packed again, under other digests than in the "
                           "registry: \"pull --keep-blobs\" keeps them as they are");
        }
        return export_image(session, id, format == SAVE_DOCKER, ret, error);
}

int save(struct session *session, const char *image, const char *path, enum save_format format,
         bool all_platforms, struct machine_error *error)
{
        _cleanup_as_pulled_ struct as_pulled pulled = { .documents = NULL };
        _cleanup_free_ char *reference = NULL;
        struct exported exported = EXPORTED_INIT;
        digest_text id;
        int r = format == SAVE_DIRECTORY ? 0 : output_check(path, error);

        if (r == 0 && all_platforms && format == SAVE_DOCKER) {
                r = error_say(error, EINVAL, "a docker archive holds one platform: save it as oci");
        }
        if (r == 0) {
                r = store_find_image(&session->store, image, id, &reference, error);
        }
        if (r == 0) {
                r = make(session, id, format, all_platforms, &pulled, &exported, error);
        }
        if (r < 0) {
                return r;
        }
        r = format == SAVE_DOCKER ? write_docker(&exported, reference, error)
                                  : write_index(&exported, reference, error);
        if (r == 0) {
                r = format == SAVE_DIRECTORY ? write_directory(&exported, path, error)
                                             : output_write(path, write_files, &exported, error);
        }
        export_clear(session, &exported);
        return r;
}
