/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/store/store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "base/tree/tree.h"
#include "config/read/stored.h"
#include "image/named.h"

#define STAGING "staging-"

void source_store_close(struct source_store *store)
{
        free(store->place);
        free(store->id);
        free(store->directory);
        fd_close(store->lock);
        *store = (struct source_store)SOURCE_STORE_INIT;
}

/* ---- Finding a source ---- */

int source_store_list(const char *state_directory, char ***ret, struct machine_error *error)
{
        _cleanup_free_ char *place = path_join(state_directory, CONFIG_STORED_NAME);
        _cleanup_closedir_ DIR *handle = NULL;
        _cleanup_strv_ char **ids = NULL;
        const struct dirent *entry;
        int r = place ? directory_open_at(AT_FDCWD, place, &handle) : -ENOMEM;

        if (r < 0 && r != -ENOENT) {
                return error_set(error, r, "cannot read %s", place ? place : CONFIG_STORED_NAME);
        }
        while ((entry = directory_next(handle))) {
                if (entry->d_name[0] != '.' && strv_append(&ids, entry->d_name) < 0) {
                        return error_oom(error);
                }
        }
        strv_sort(ids);
        *ret = TAKE_PTR(ids);
        return 0;
}

/* A readable part of the origin, and a hash of all of it. */
static char *id_of(const char *origin)
{
        const char *slash = strrchr(origin, '/');
        const char *word = slash ? slash + 1 : strcmp(origin, "-") == 0 ? "input" : origin;
        char base[25];
        size_t length = 0;

        for (; *word && *word != '.' && length < sizeof base - 1; word++) {
                if (isalnum((unsigned char)*word) || (length > 0 && *word == '-')) {
                        base[length++] = *word;
                }
        }
        base[length] = '\0';
        return string_format("%s-%08" PRIx32, length > 0 ? base : "source",
                             (uint32_t)string_hash(origin, strlen(origin)));
}

static int find_by_origin(const char *state_directory, const char *origin, char **ret,
                          struct machine_error *error)
{
        _cleanup_strv_ char **ids = NULL;
        int r = source_store_list(state_directory, &ids, error);

        STRV_FOREACH(id, ids) {
                _cleanup_free_ char *directory =
                        string_format("%s/" CONFIG_STORED_NAME "/%s", state_directory, *id);
                _cleanup_source_record_ struct source_record record = { 0 };

                r = directory ? source_record_read(directory, &record, error) : error_oom(error);
                if (r < 0) {
                        return r;
                }
                if (string_equal(source_record_origin(&record), origin)) {
                        *ret = strdup(*id);
                        return *ret ? 0 : error_oom(error);
                }
        }
        return r;
}

int source_store_find(const char *state_directory, const char *id, const char *origin,
                      struct source_store *ret, struct machine_error *error)
{
        _cleanup_source_store_ struct source_store store = SOURCE_STORE_INIT;
        int r = 0;

        if (id) {
                store.id = strdup(id);
        } else {
                r = find_by_origin(state_directory, origin, &store.id, error);
                if (r == 0 && !store.id) {
                        store.id = id_of(origin);
                }
        }
        if (r < 0) {
                return r;
        }
        store.place = path_join(state_directory, CONFIG_STORED_NAME);
        store.directory = store.place && store.id ? path_join(store.place, store.id) : NULL;
        if (!store.directory) {
                return error_oom(error);
        }
        *ret = store;
        store = (struct source_store)SOURCE_STORE_INIT;
        return 0;
}

/* ---- The lock ---- */

static int remove_leftovers(const struct source_store *store, struct machine_error *error)
{
        _cleanup_closedir_ DIR *handle = NULL;
        const struct dirent *entry;
        int r = directory_open_at(AT_FDCWD, store->directory, &handle);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", store->directory);
        }
        while ((entry = directory_next(handle))) {
                if (string_after(entry->d_name, "." STAGING)) {
                        r = tree_remove(dirfd(handle), entry->d_name, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int source_store_lock(struct source_store *store, void (*waiting)(void *data), void *data,
                      struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/.lock", store->place);
        int r = path ? directory_make(store->directory, 0700) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot create %s", store->directory);
        }
        store->lock = file_lock(AT_FDCWD, path, LOCK_EX | LOCK_NB);
        if (store->lock == -EWOULDBLOCK) {
                waiting(data);
                store->lock = file_lock(AT_FDCWD, path, LOCK_EX);
        }
        if (store->lock < 0) {
                return error_set(error, store->lock, "cannot lock %s", path);
        }
        return remove_leftovers(store, error);
}

/* ---- Trees ---- */

char *source_store_tree(const struct source_store *store, const char *revision)
{
        return string_format("%s/%s", store->directory, revision);
}

bool source_store_has(const struct source_store *store, const char *revision)
{
        _cleanup_free_ char *tree = source_store_tree(store, revision);
        struct stat status;

        return tree && path_is_component(revision) && lstat(tree, &status) == 0 &&
               S_ISDIR(status.st_mode);
}

int source_store_stage(const struct source_store *store, char **ret, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/." STAGING "XXXXXX", store->directory);

        if (!path) {
                return error_oom(error);
        }
        if (!mkdtemp(path) || chmod(path, 0755) < 0) {
                return error_set(error, errno, "cannot create a directory in %s", store->directory);
        }
        *ret = TAKE_PTR(path);
        return 0;
}

/* The file system as a whole: one call for all files of the tree. */
static int sync_tree(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || syncfs(fd) < 0 ? -errno : 0;
}

static int sync_directory(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int source_store_adopt(const struct source_store *store, const char *staged, const char *revision,
                       struct machine_error *error)
{
        _cleanup_free_ char *tree = source_store_tree(store, revision);
        int r;

        if (!tree) {
                return error_oom(error);
        }
        if (source_store_has(store, revision)) {
                return tree_remove(AT_FDCWD, staged, error);
        }
        r = sync_tree(staged);
        if (r == 0 && rename(staged, tree) < 0) {
                r = -errno;
        }
        r = r < 0 ? r : sync_directory(store->directory);
        return r < 0 ? error_set(error, r, "cannot store %s", tree) : 0;
}

/* It loses its name first: what an interrupted removal leaves must not be taken for the tree. */
int source_store_drop(const struct source_store *store, const char *revision,
                      struct machine_error *error)
{
        _cleanup_free_ char *tree = source_store_tree(store, revision);
        _cleanup_free_ char *gone = string_format("%s/." STAGING "removed", store->directory);
        int r = tree && gone ? tree_remove(AT_FDCWD, gone, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        if (rename(tree, gone) < 0) {
                return errno == ENOENT ? 0 : error_set(error, errno, "cannot remove %s", tree);
        }
        return tree_remove(AT_FDCWD, gone, error);
}

/* ---- Links ---- */

static int read_link(const char *path, char **ret)
{
        char target[PATH_MAX];
        ssize_t length = readlink(path, target, sizeof target - 1);
        const char *slash;

        *ret = NULL;
        if (length < 0) {
                return errno == ENOENT ? 0 : -errno;
        }
        target[length] = '\0';
        slash = strrchr(target, '/');
        *ret = strdup(slash ? slash + 1 : target);
        return *ret ? 0 : -ENOMEM;
}

/* Replaces a link by one rename, so that there is always the old or the new one. */
static int replace_link(const char *directory, const char *name, const char *target)
{
        _cleanup_free_ char *path = string_format("%s/%s", directory, name);
        _cleanup_free_ char *next = string_format("%s/." STAGING "%s", directory, name);
        int r;

        if (!path || !next) {
                return -ENOMEM;
        }
        if (unlink(next) < 0 && errno != ENOENT) {
                return -errno;
        }
        if (symlink(target, next) < 0 || rename(next, path) < 0) {
                r = -errno;
                (void)unlink(next);
                return r;
        }
        return sync_directory(directory);
}

int source_store_current(const struct source_store *store, char **ret, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/current", store->directory);
        int r = path ? read_link(path, ret) : -ENOMEM;

        return r < 0 ? error_set(error, r, "cannot read %s", path ? path : "current") : 0;
}

int source_store_switch(const struct source_store *store, const char *revision,
                        struct machine_error *error)
{
        _cleanup_free_ char *link = string_format("%s/current", store->directory);
        int r = link ? 0 : -ENOMEM;

        if (r == 0 && revision) {
                r = replace_link(store->directory, "current", revision);
        } else if (r == 0 && unlink(link) < 0 && errno != ENOENT) {
                r = -errno;
        }
        return r < 0 ? error_set(error, r, "cannot make %s the current revision of %s",
                                 revision ? revision : "none", store->directory)
                     : 0;
}

/* ---- Held machines ---- */

static int write_drop_in(const char *held, const char *name, const char *image)
{
        _cleanup_free_ char *directory = string_format("%s/%s.machine.d", held, name);
        _cleanup_free_ char *path = string_format("%s/50-held.machine", directory ? directory : "");
        _cleanup_free_ char *text = string_format(
                "# The image that the machine last ran well with.\nimage = \"%s\";\npull = "
                "\"never\";\n",
                image);
        int r = directory && path && text ? directory_make(directory, 0700) : -ENOMEM;

        return r < 0 ? r : file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600);
}

int source_store_hold(const struct source_store *store, const char *name, const char *revision,
                      const char *image, struct machine_error *error)
{
        _cleanup_free_ char *held = string_format("%s/held/%s", store->directory, name);
        _cleanup_free_ char *target = string_format("../../%s", revision);
        int r = held && target ? directory_make(held, 0700) : -ENOMEM;

        if (r == 0 && image) {
                r = write_drop_in(held, name, image);
        }
        r = r < 0 ? r : replace_link(held, "revision", target);
        return r < 0 ? error_set(error, r, "cannot keep machine \"%s\" at revision %s", name,
                                 revision)
                     : 0;
}

int source_store_release(const struct source_store *store, const char *name,
                         struct machine_error *error)
{
        _cleanup_free_ char *held = string_format("%s/held/%s", store->directory, name);
        _cleanup_free_ char *link = string_format("%s/held/%s/revision", store->directory, name);

        if (!held || !link) {
                return error_oom(error);
        }
        /* Without the link, which is first to go, the rest has no effect. */
        if (unlink(link) < 0 && errno != ENOENT) {
                return error_set(error, errno, "cannot remove %s", link);
        }
        return tree_remove(AT_FDCWD, held, error);
}

int source_store_held(const struct source_store *store, const char *name, char **ret)
{
        _cleanup_free_ char *link = string_format("%s/held/%s/revision", store->directory, name);

        return link ? read_link(link, ret) : -ENOMEM;
}

/* ---- Old trees ---- */

static int keep_held(const struct source_store *store, char ***kept)
{
        _cleanup_free_ char *place = string_format("%s/held", store->directory);
        _cleanup_closedir_ DIR *handle = NULL;
        const struct dirent *entry;
        int r = place ? directory_open_at(AT_FDCWD, place, &handle) : -ENOMEM;

        if (r < 0) {
                return r == -ENOENT ? 0 : r;
        }
        while ((entry = directory_next(handle))) {
                char *revision = NULL;

                r = source_store_held(store, entry->d_name, &revision);
                if (r == 0 && revision) {
                        r = strv_take(kept, revision);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int keep_recent(const struct source_record *record, char ***kept)
{
        json_t *history = source_record_history(record);
        _cleanup_strv_ char **recent = NULL;

        for (size_t i = json_array_size(history); i > 0 && strv_length(recent) < SOURCE_TREES_KEPT;
             i--) {
                const char *revision = json_string_value(
                        json_object_get(json_array_get(history, i - 1), "revision"));

                if (revision && !strv_contains(recent, revision) &&
                    (strv_append(&recent, revision) < 0 || strv_append(kept, revision) < 0)) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static bool is_revision(const char *name)
{
        static const char *const others[] = { "current", "held", IMAGE_NAMED_FILE, "record.json" };

        for (size_t i = 0; i < ELEMENTS_OF(others); i++) {
                if (strcmp(name, others[i]) == 0) {
                        return false;
                }
        }
        return name[0] != '.';
}

int source_store_prune(const struct source_store *store, const struct source_record *record,
                       char *const *used, struct machine_error *error)
{
        _cleanup_strv_ char **kept = NULL;
        _cleanup_free_ char *current = NULL;
        _cleanup_closedir_ DIR *handle = NULL;
        const struct dirent *entry;
        int r = source_store_current(store, &current, error);

        if (r < 0) {
                return r;
        }
        if (keep_held(store, &kept) < 0 || keep_recent(record, &kept) < 0) {
                return error_oom(error);
        }
        r = directory_open_at(AT_FDCWD, store->directory, &handle);
        while (r == 0 && (entry = directory_next(handle))) {
                if (is_revision(entry->d_name) && !string_equal(entry->d_name, current) &&
                    !strv_contains(kept, entry->d_name) && !strv_contains(used, entry->d_name)) {
                        r = source_store_drop(store, entry->d_name, error);
                }
        }
        return r < 0 ? error_wrap(error, r, "cannot remove old trees from %s", store->directory)
                     : 0;
}

char *source_store_revision_of(const struct source_store *store, const char *path)
{
        const char *rest = path ? string_after(path, store->directory) : NULL;
        size_t length;

        if (!rest || *rest != '/') {
                return NULL;
        }
        length = strcspn(++rest, "/");
        return rest[length] ? strndup(rest, length) : NULL;
}
