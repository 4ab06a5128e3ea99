/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "base/tree/tree.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/named.h"
#include "image/store/original.h"

/* Removing from the store. The caller holds the store lock exclusively: nothing is added in the
 * meantime, and all images and machines are searched for what is in use. */

/* A missing directory is an empty one: returns NULL. */
static DIR *open_list(int parent_fd, const char *name)
{
        DIR *directory = NULL;

        return directory_open_at(parent_fd, name, &directory) == 0 ? directory : NULL;
}

/* Renames the directory to a temporary name, then removes its content: the next clean-up completes
 * an interrupted removal. */
static int remove_whole(int directory_fd, const char *name, uint64_t *bytes,
                        struct machine_error *error)
{
        char temporary[64];
        uint64_t size = 0;
        _cleanup_close_ int lock = store_make_temporary(directory_fd, temporary, error);
        _cleanup_free_ char *inside = string_format("%s/%s", temporary, name);
        int r;

        if (lock < 0 || !inside) {
                return lock < 0 ? lock : error_oom(error);
        }
        if (renameat(directory_fd, name, directory_fd, inside) < 0) {
                r = error_set(error, errno, "cannot remove %s", name);
                (void)tree_remove(directory_fd, temporary, NULL);
                return r;
        }
        (void)tree_measure(directory_fd, temporary, &size);
        r = tree_remove(directory_fd, temporary, error);
        if (r == 0) {
                *bytes += size;
        }
        return r;
}

/* The machine below the state directory that pins the image, or NULL. */
static int find_pin(struct store *store, const char *id, char **ret, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = open_list(store->root_fd, STORE_MACHINES);
        const struct dirent *found;

        *ret = NULL;
        while ((found = directory_next(directory))) {
                _cleanup_free_ char *path = NULL, *pinned = NULL, *kept = NULL;
                int r;

                if (found->d_name[0] == '.') {
                        continue;
                }
                path = string_format("%s/" STORE_MACHINES "/%s", store->path, found->d_name);
                if (!path) {
                        return error_oom(error);
                }
                r = image_pinned(path, &pinned, NULL, error);
                if (r == 0) {
                        r = image_kept(path, &kept, error);
                }
                if (r < 0) {
                        return r;
                }
                if (string_equal(pinned, id) || string_equal(kept, id)) {
                        *ret = strdup(found->d_name);
                        return *ret ? 0 : error_oom(error);
                }
        }
        return 0;
}

static int check_source(int sources_fd, const char *source, const char *id, char **ret,
                        struct machine_error *error)
{
        _cleanup_close_ int fd = openat(sources_fd, source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_json_ json_t *revisions = NULL;
        int r = fd < 0 ? error_set(error, errno, "cannot open the source %s", source)
                       : image_named_read(fd, &revisions, error);

        if (r == 0 && image_named_has(revisions, id)) {
                *ret = string_format("a stored tree of the source %s", source);
                r = *ret ? 0 : error_oom(error);
        }
        return r;
}

/* The source with a stored tree that names the image, or NULL. */
static int find_tree(struct store *store, const char *id, char **ret, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = open_list(store->root_fd, IMAGE_NAMED_SOURCES);
        const struct dirent *found;
        int r = 0;

        while (r == 0 && !*ret && (found = directory_next(directory))) {
                if (found->d_name[0] != '.') {
                        r = check_source(dirfd(directory), found->d_name, id, ret, error);
                }
        }
        return r;
}

int store_image_user(struct store *store, const char *id, char **ret, struct machine_error *error)
{
        digest_text name;
        _cleanup_close_ int fd = -EBADF;
        int r = find_pin(store, id, ret, error);

        r = r < 0 || *ret ? r : find_tree(store, id, ret, error);
        if (r < 0 || *ret) {
                return r;
        }
        digest_file_name(id, name);
        fd = openat(store->images_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
                *ret = strdup("a running machine");
                return *ret ? 0 : error_oom(error);
        }
        return 0;
}

/* The diff ids in use by images. */
static int mark_layers(struct store *store, json_t **ret, struct machine_error *error)
{
        _cleanup_json_ json_t *marked = json_object();
        _cleanup_strv_ char **ids = NULL;
        int r = store_list_images(store, &ids, error);

        if (r < 0 || !marked) {
                return r < 0 ? r : error_oom(error);
        }
        STRV_FOREACH(id, ids) {
                _cleanup_json_ json_t *record = NULL;
                const json_t *layer;
                size_t i;

                /* A damaged record stops everything, because its layers are unknown. */
                r = store_read_image(store, *id, &record, error);
                if (r < 0) {
                        return r;
                }
                json_array_foreach(json_object_get(record, "layers"), i, layer)
                {
                        const char *diff_id = json_get_string(layer, "diff_id");

                        if (diff_id && json_set_boolean(marked, diff_id, 1) < 0) {
                                return error_oom(error);
                        }
                }
        }
        *ret = TAKE_PTR(marked);
        return 0;
}

static int sweep_layers(struct store *store, struct collected *collected,
                        struct machine_error *error)
{
        _cleanup_json_ json_t *marked = NULL;
        _cleanup_closedir_ DIR *directory = open_list(store->layers_fd, ".");
        const struct dirent *found;
        int r = mark_layers(store, &marked, error);

        if (r < 0) {
                return r;
        }
        while ((found = directory_next(directory))) {
                digest_text diff_id;

                if (!digest_from_file_name(found->d_name, diff_id) ||
                    json_object_get(marked, diff_id)) {
                        continue;
                }
                r = remove_whole(store->layers_fd, found->d_name, &collected->bytes, error);
                if (r < 0) {
                        error_prefix(error, "cannot remove the layer %s", diff_id);
                        return r;
                }
                collected->layers++;
        }
        return 0;
}

static int sweep_all(struct store *store, struct collected *collected, struct machine_error *error)
{
        int r = sweep_layers(store, collected, error);

        return r < 0 ? r : kept_sweep(store, collected, error);
}

/* All references to the image. */
static int references_of(struct store *store, const char *id, char ***ret,
                         struct machine_error *error)
{
        _cleanup_json_ json_t *record = NULL;
        _cleanup_strv_ char **references = NULL;
        const char *reference;
        json_t *value;
        int r = store_read_references(store, &record, error);

        if (r < 0) {
                return r;
        }
        json_object_foreach(json_object_get(record, "references"), reference, value)
        {
                if (string_equal(json_get_string(value, "id"), id) &&
                    strv_append(&references, reference) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(references);
        return 0;
}

static int drop_image(struct store *store, const char *id, struct collected *collected,
                      struct machine_error *error)
{
        _cleanup_strv_ char **references = NULL;
        digest_text name;
        int r = references_of(store, id, &references, error);

        if (r == 0 && references) {
                r = store_set_references(store, references, NULL, error);
        }
        if (r < 0) {
                return r;
        }
        digest_file_name(id, name);
        r = remove_whole(store->images_fd, name, &collected->bytes, error);
        if (r < 0 && r != -ENOENT) {
                error_prefix(error, "cannot remove the image %s", id);
                return r;
        }
        if (r == -ENOENT) {
                machine_error_clear(error);
        }
        collected->images++;
        return 0;
}

/* Mounts in a layer or an image are found before anything is removed. */
static int check_mounts(struct store *store, struct machine_error *error)
{
        const int directories[] = { store->images_fd, store->layers_fd, store->blobs_fd };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(directories); i++) {
                r = tree_check_mounts(directories[i], ".", error);
        }
        if (r < 0) {
                error_prefix(error, "nothing was removed from the image store");
        }
        return r;
}

int store_remove_image(struct store *store, const char *id, struct collected *collected,
                       struct machine_error *error)
{
        int r = check_mounts(store, error);

        if (r == 0) {
                r = drop_image(store, id, collected, error);
        }
        return r < 0 ? r : sweep_all(store, collected, error);
}

static int prune_images(struct store *store, bool all, struct collected *collected,
                        struct machine_error *error)
{
        _cleanup_strv_ char **ids = NULL;
        int r = store_list_images(store, &ids, error);

        STRV_FOREACH(id, ids) {
                _cleanup_strv_ char **references = NULL;
                _cleanup_free_ char *user = NULL;

                r = references_of(store, *id, &references, error);
                if (r < 0) {
                        return r;
                }
                if (references && !all) {
                        continue;
                }
                r = store_image_user(store, *id, &user, error);
                if (r == 0 && !user) {
                        r = drop_image(store, *id, collected, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return r;
}

static int prune_blobs(struct store *store, struct collected *collected)
{
        _cleanup_closedir_ DIR *directory = open_list(store->blobs_fd, ".");
        const struct dirent *found;

        while ((found = directory_next(directory))) {
                struct stat status;

                if (found->d_name[0] == '.') {
                        continue;
                }
                if (fstatat(store->blobs_fd, found->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
                        collected->bytes += (uint64_t)status.st_blocks * 512;
                }
                if (unlinkat(store->blobs_fd, found->d_name, 0) < 0 && errno != ENOENT) {
                        return -errno;
                }
        }
        return 0;
}

int store_prune(struct store *store, bool all, struct collected *collected,
                struct machine_error *error)
{
        int r = check_mounts(store, error);

        if (r == 0) {
                r = prune_images(store, all, collected, error);
        }
        if (r == 0) {
                r = sweep_all(store, collected, error);
        }
        if (r < 0) {
                return r;
        }
        r = prune_blobs(store, collected);
        if (r == 0) {
                r = store_remove_abandoned(store->layers_fd, &collected->bytes, error);
        }
        if (r == 0) {
                r = store_remove_abandoned(store->images_fd, &collected->bytes, error);
        }
        return r < 0 ? error_wrap(error, r, "cannot clean up the image store") : 0;
}
