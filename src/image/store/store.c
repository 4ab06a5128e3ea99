/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/store/store.h"
#include "base/tree/directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "image/layout.h"

static int open_directory(int parent_fd, const char *name)
{
        int fd;

        if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST) {
                return -errno;
        }
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int open_directories(struct store *store, struct machine_error *error)
{
        int r = directory_make(store->path, 0755);

        if (r < 0) {
                return error_set(error, r, "cannot create %s", store->path);
        }
        store->root_fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->root_fd < 0) {
                return store_missing(error, store->path, errno);
        }
        store->images_fd = open_directory(store->root_fd, STORE_IMAGES);
        store->layers_fd = open_directory(store->root_fd, STORE_LAYERS);
        if (store->images_fd >= 0) {
                store->blobs_fd = open_directory(store->images_fd, STORE_BLOBS);
        }
        if (store->images_fd < 0 || store->layers_fd < 0 || store->blobs_fd < 0) {
                r = store->images_fd < 0   ? store->images_fd
                    : store->layers_fd < 0 ? store->layers_fd
                                           : store->blobs_fd;
                return store_missing(error, store->path, r);
        }
        return 0;
}

static int lock_store(struct store *store, int operation, struct machine_error *error)
{
        int fd = file_lock(store->images_fd, STORE_LOCK, operation | LOCK_NB);

        if (fd == -EWOULDBLOCK) {
                log_notice(store->log, "waiting for another process that uses the image store");
                fd = file_lock(store->images_fd, STORE_LOCK, operation);
        }
        if (fd < 0) {
                return error_set(error, fd, "cannot lock the image store in %s", store->path);
        }
        fd_close(store->lock);
        store->lock = fd;
        return 0;
}

int store_open(const char *state_directory, int operation, const struct log *log, struct store *ret,
               struct machine_error *error)
{
        _cleanup_store_ struct store store = STORE_INIT;
        int r;

        if (geteuid() != 0) {
                return error_say(error, EPERM,
                                 "the image store belongs to root: layers hold files of any owner, "
                                 "device nodes and trusted attributes");
        }
        store.log = log;
        store.path = strdup(state_directory);
        if (!store.path) {
                return error_oom(error);
        }
        r = open_directories(&store, error);
        if (r == 0) {
                r = lock_store(&store, operation, error);
        }
        if (r == 0) {
                (void)store_remove_abandoned(store.images_fd, NULL, NULL);
                (void)store_remove_abandoned(store.layers_fd, NULL, NULL);
                *ret = store;
                store = (struct store)STORE_INIT;
        }
        return r;
}

void store_close(struct store *store)
{
        free(store->path);
        fd_close(store->root_fd);
        fd_close(store->images_fd);
        fd_close(store->layers_fd);
        fd_close(store->blobs_fd);
        fd_close(store->lock);
        *store = (struct store)STORE_INIT;
}

/* Whether the locked directory still has its name: a clean-up may have removed it before. */
static bool is_still_there(int directory_fd, const char *name, int fd)
{
        struct stat opened, named;

        return fstat(fd, &opened) == 0 &&
               fstatat(directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
               opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

int store_make_temporary(int directory_fd, char ret_name[static 64], struct machine_error *error)
{
        for (int tries = 0; tries < 100; tries++) {
                struct timespec now;
                int fd;

                (void)clock_gettime(CLOCK_MONOTONIC, &now);
                (void)snprintf(ret_name, 64, STORE_TEMPORARY "%d-%lx-%d", (int)getpid(),
                               now.tv_nsec, tries);
                if (mkdirat(directory_fd, ret_name, 0700) < 0) {
                        if (errno == EEXIST) {
                                continue;
                        }
                        return error_set(error, errno, "cannot write to the image store");
                }
                fd = openat(directory_fd, ret_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                    is_still_there(directory_fd, ret_name, fd)) {
                        return fd;
                }
                fd_close(fd);
        }
        return error_say(error, EBUSY, "cannot create a temporary directory in the image store");
}

int store_remove_abandoned(int directory_fd, uint64_t *bytes, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = directory_open(directory_fd, &directory);

        if (r < 0) {
                return r;
        }
        while ((found = directory_next(directory))) {
                _cleanup_close_ int fd = -EBADF;
                uint64_t size = 0;

                if (!string_after(found->d_name, STORE_TEMPORARY)) {
                        continue;
                }
                fd = openat(directory_fd, found->d_name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
                        continue;
                }
                if (bytes && tree_measure(directory_fd, found->d_name, &size) == 0) {
                        *bytes += size;
                }
                r = tree_remove(directory_fd, found->d_name, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int store_read_references(struct store *store, json_t **ret, struct machine_error *error)
{
        int r = store_read_record(store->images_fd, STORE_REFERENCES, STORE_REFERENCES, ret, error);

        if (r == -ENOENT) {
                *ret = json_pack("{s:i,s:{}}", "version", STORE_VERSION, "references");
                return *ret ? 0 : error_oom(error);
        }
        return r;
}

static int change_references(json_t *record, char *const *references, const char *id)
{
        json_t *table = json_object_get(record, "references");

        if (!json_is_object(table)) {
                return -EINVAL;
        }
        STRV_FOREACH(reference, references) {
                if (!id) {
                        (void)json_object_del(table, *reference);
                } else if (json_set_value(table, *reference,
                                          json_pack("{s:s,s:I}", "id", id, "time",
                                                    (json_int_t)time(NULL))) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

/* Whether all references name the image already, so that nothing has to be written. */
static bool name_it_already(const json_t *record, char *const *references, const char *id)
{
        STRV_FOREACH(reference, references) {
                if (!id || !string_equal(store_find_reference(record, *reference), id)) {
                        return false;
                }
        }
        return true;
}

int store_set_references(struct store *store, char *const *references, const char *id,
                         struct machine_error *error)
{
        _cleanup_close_ int lock = file_lock(store->images_fd, STORE_REFERENCES_LOCK, LOCK_EX);
        _cleanup_json_ json_t *record = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (lock < 0) {
                return error_set(error, lock, "cannot lock the list of references");
        }
        r = store_read_references(store, &record, error);
        if (r < 0 || name_it_already(record, references, id)) {
                return r;
        }
        r = change_references(record, references, id);
        if (r == -ENOMEM) {
                return error_oom(error);
        }
        if (r < 0) {
                return error_say(error, EINVAL, STORE_REFERENCES " of the image store is damaged");
        }
        text = json_dumps(record, JSON_INDENT(1) | JSON_SORT_KEYS);
        if (!text) {
                return error_oom(error);
        }
        r = file_write_atomic(store->images_fd, STORE_REFERENCES, text, strlen(text), 0600);
        return r < 0 ? error_set(error, r, "cannot write the list of references") : 0;
}

int store_read_image(struct store *store, const char *id, json_t **ret, struct machine_error *error)
{
        _cleanup_free_ char *path = NULL;
        digest_text name;
        int r;

        digest_file_name(id, name);
        path = string_format("%s/" STORE_IMAGE_RECORD, name);
        if (!path) {
                return error_oom(error);
        }
        r = store_read_record(store->images_fd, path, path, ret, error);
        if (r == -ENOENT) {
                error_say(error, ENOENT, "no image %s in the store", id);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        return r;
}

int store_list_images(struct store *store, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL, **ids = NULL;
        int r = directory_list(store->images_fd, ".", "", &names);

        if (r < 0) {
                return error_set(error, r, "cannot read the image store");
        }
        STRV_FOREACH(name, names) {
                digest_text id;

                if (digest_from_file_name(*name, id) && strv_append(&ids, id) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(ids);
        return 0;
}
