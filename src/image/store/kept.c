/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "image/layout.h"
#include "image/store/original.h"

#define KEPT_PATH_SIZE (sizeof STORE_KEPT "/" + DIGEST_TEXT_LENGTH_MAX)

static void path_of(const char *digest, char ret[static KEPT_PATH_SIZE])
{
        digest_text name;

        digest_file_name(digest, name);
        (void)snprintf(ret, KEPT_PATH_SIZE, STORE_KEPT "/%s", name);
}

int kept_open(struct store *store, const char *digest)
{
        char path[KEPT_PATH_SIZE];
        int fd;

        path_of(digest, path);
        fd = openat(store->images_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

bool kept_has(struct store *store, const char *digest)
{
        char path[KEPT_PATH_SIZE];

        path_of(digest, path);
        return faccessat(store->images_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int kept_read(struct store *store, const char *digest, char **ret, size_t *ret_length)
{
        char path[KEPT_PATH_SIZE];

        path_of(digest, path);
        return file_read(store->images_fd, path, DOCUMENT_SIZE_MAX, ret, ret_length);
}

/* ---- Adding ---- */

static int make_directory(struct store *store, struct machine_error *error)
{
        return mkdirat(store->images_fd, STORE_KEPT, 0700) < 0 && errno != EEXIST
                       ? error_set(error, errno, "cannot make a directory in the image store")
                       : 0;
}

int kept_begin(struct store *store, struct new_kept *ret, struct machine_error *error)
{
        int r = make_directory(store, error);

        for (int tries = 0; r == 0 && tries < 100; tries++) {
                struct timespec now;

                (void)clock_gettime(CLOCK_MONOTONIC, &now);
                (void)snprintf(ret->name, sizeof ret->name,
                               STORE_KEPT "/" STORE_TEMPORARY "%d-%lx-%d", (int)getpid(),
                               now.tv_nsec, tries);
                ret->fd = openat(store->images_fd, ret->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                                 0600);
                if (ret->fd >= 0 || errno != EEXIST) {
                        break;
                }
        }
        return r < 0         ? r
               : ret->fd < 0 ? error_set(error, errno, "cannot write to the image store")
                             : 0;
}

void kept_abort(struct store *store, struct new_kept *kept)
{
        if (kept->fd >= 0) {
                (void)unlinkat(store->images_fd, kept->name, 0);
                kept->fd = fd_close(kept->fd);
        }
}

static int sync_directory(struct store *store)
{
        _cleanup_close_ int fd =
                openat(store->images_fd, STORE_KEPT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int kept_end(struct store *store, struct new_kept *kept, const char *digest,
             struct machine_error *error)
{
        char path[KEPT_PATH_SIZE];
        int r;

        path_of(digest, path);
        r = fsync(kept->fd) < 0 ||
                            renameat(store->images_fd, kept->name, store->images_fd, path) < 0
                    ? -errno
                    : sync_directory(store);
        if (r < 0) {
                kept_abort(store, kept);
                return error_set(error, r, "cannot keep the blob %s", digest);
        }
        kept->fd = fd_close(kept->fd);
        return 0;
}

int kept_adopt(struct store *store, int fd, const char *digest, struct machine_error *error)
{
        char path[KEPT_PATH_SIZE];
        digest_text name;
        int r = make_directory(store, error);

        if (r < 0) {
                return r;
        }
        path_of(digest, path);
        digest_file_name(digest, name);
        r = fsync(fd) < 0 || (linkat(store->blobs_fd, name, store->images_fd, path, 0) < 0 &&
                              errno != EEXIST)
                    ? -errno
                    : sync_directory(store);
        return r < 0 ? error_set(error, r, "cannot keep the blob %s", digest) : 0;
}

/* ---- What images name ---- */

static int mark(json_t *marked, const char *digest)
{
        return json_set_boolean(marked, digest, 1);
}

static int mark_blobs(json_t *marked, const char *text, size_t length)
{
        _cleanup_manifest_ struct manifest manifest = MANIFEST_INIT;
        _cleanup_json_ json_t *document = NULL;
        int r = document_parse(text, length, "a kept manifest", &document, NULL);

        r = r < 0 ? r : manifest_read_blobs(document, &manifest, NULL);
        r = r < 0 ? r : mark(marked, manifest.config.digest);
        for (size_t i = 0; r == 0 && i < manifest.layer_count; i++) {
                r = mark(marked, manifest.layers[i].digest);
        }
        return r;
}

static int mark_index(struct store *store, json_t *marked, const struct original_document *index)
{
        _cleanup_json_ json_t *document = NULL;
        const json_t *entry;
        size_t i;
        int r = document_parse(index->text, index->length, "a kept index", &document, NULL);

        json_array_foreach(json_object_get(document, "manifests"), i, entry)
        {
                const char *digest = json_get_string(entry, "digest");
                _cleanup_free_ char *text = NULL;
                size_t length;

                if (r < 0 || !digest_is_valid(digest)) {
                        return r < 0 ? r : -EBADMSG;
                }
                r = mark(marked, digest);
                if (r == 0 && kept_read(store, digest, &text, &length) == 0) {
                        r = mark_blobs(marked, text, length);
                }
        }
        return r;
}

static int mark_image(struct store *store, const char *id, json_t *marked,
                      struct machine_error *error)
{
        _cleanup_original_ struct original original = { .domain = NULL };
        int r = original_read(store, id, &original, error);

        if (r <= 0) {
                return r;
        }
        r = mark_blobs(marked, original.manifest.text, original.manifest.length);
        if (r == 0 && original.index.text) {
                r = mark_index(store, marked, &original.index);
        }
        return r < 0 ? error_set(error, r, "cannot read " STORE_IMAGE_ORIGINAL " of the image %s",
                                 id)
                     : 0;
}

static int mark_all(struct store *store, json_t *marked, struct machine_error *error)
{
        _cleanup_strv_ char **ids = NULL;
        int r = store_list_images(store, &ids, error);

        STRV_FOREACH(id, ids) {
                r = r < 0 ? r : mark_image(store, *id, marked, error);
        }
        return r;
}

static int sweep(const json_t *marked, DIR *directory, struct collected *collected)
{
        const struct dirent *found;

        while ((found = directory_next(directory))) {
                digest_text digest;
                struct stat status;

                if (digest_from_file_name(found->d_name, digest) &&
                    json_object_get(marked, digest)) {
                        continue;
                }
                if (fstatat(dirfd(directory), found->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
                        collected->bytes += (uint64_t)status.st_blocks * 512;
                }
                if (unlinkat(dirfd(directory), found->d_name, 0) < 0 && errno != ENOENT) {
                        return -errno;
                }
        }
        return 0;
}

int kept_sweep(struct store *store, struct collected *collected, struct machine_error *error)
{
        _cleanup_json_ json_t *marked = json_object();
        _cleanup_closedir_ DIR *directory = NULL;
        int r = directory_open_at(store->images_fd, STORE_KEPT, &directory);

        if (r == -ENOENT) {
                return 0;
        }
        if (r == 0) {
                r = marked ? mark_all(store, marked, error) : -ENOMEM;
        }
        r = r < 0 ? r : sweep(marked, directory, collected);
        return r < 0 ? error_wrap(error, r, "cannot remove kept blobs") : 0;
}

int kept_size(struct store *store, const char *id, uint64_t *ret, struct machine_error *error)
{
        _cleanup_json_ json_t *marked = json_object();
        const char *digest;
        json_t *value;
        int r = marked ? mark_image(store, id, marked, error) : error_oom(error);

        *ret = 0;
        json_object_foreach(marked, digest, value)
        {
                char path[KEPT_PATH_SIZE];
                struct stat status;

                path_of(digest, path);
                if (fstatat(store->images_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0) {
                        *ret += (uint64_t)status.st_size;
                }
        }
        return r;
}
