/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "base/tree/tree.h"
#include "state/trees.h"
#include "state/volume_quota.h"

#define RECORD_VERSION 1
#define RECORD_MAXIMUM (1u << 20)

/* A hidden name, which no volume has. */
#define REMOVED_PREFIX ".removed-"

void volume_record_clear(struct volume_record *record)
{
        strv_free(record->labels);
        free(record->machine);
        *record = (struct volume_record){ 0 };
}

void volume_clear(struct volume *volume)
{
        free(volume->name);
        free(volume->path);
        fd_close(volume->fd);
        *volume = (struct volume)VOLUME_INIT;
}

char *volume_path(const char *state_directory, const char *name)
{
        return string_format("%s/volumes/%s", state_directory, name);
}

int volume_list(const char *state_directory, char ***ret, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/volumes", state_directory);
        int r = path ? directory_list(AT_FDCWD, path, "", ret) : -ENOMEM;

        if (r == -ENOENT) {
                *ret = NULL;
                return 0;
        }
        return r < 0 ? error_set(error, r, "cannot read %s", path ? path : "the volumes") : 0;
}

/* ---- The record ---- */

static int not_found(const char *name, struct machine_error *error)
{
        error_say(error, ENOENT, "no such volume: \"%s\"", name);
        error_hint(error, "machinectl-lite volume list shows all volumes");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

static int read_labels(const json_t *object, char ***ret)
{
        const json_t *label;
        size_t index;
        int r = 0;

        json_array_foreach(json_object_get(object, "labels"), index, label)
        {
                r = r < 0 || !json_is_string(label) ? -EBADMSG
                                                    : strv_append(ret, json_string_value(label));
        }
        return r;
}

static int read_record(const char *text, struct volume_record *ret)
{
        _cleanup_volume_record_ struct volume_record record = { .size = MACHINE_UNSET };
        _cleanup_json_ json_t *object = json_parse(text, strlen(text), NULL);
        uint64_t version = 0;
        int r = object && json_get_number(object, "version", &version) == 0 &&
                                version == RECORD_VERSION &&
                                json_get_number(object, "created", &record.created_usec) == 0
                        ? read_labels(object, &record.labels)
                        : -EBADMSG;

        (void)json_get_number(object, "size", &record.size);
        (void)json_get_number(object, "project", &record.project);
        if (r == 0) {
                r = string_replace(&record.machine, json_get_string(object, "machine"));
        }
        if (r < 0) {
                return r;
        }
        *ret = record;
        record = (struct volume_record){ 0 };
        return 0;
}

/* -ENOENT, without an error, if there is none. */
static int load_record(int directory_fd, const char *path, struct volume_record *ret,
                       struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(directory_fd, VOLUME_RECORD, RECORD_MAXIMUM, &text, NULL);

        if (r == -ENOENT) {
                return r;
        }
        r = r < 0 ? r : read_record(text, ret);
        if (r == -EBADMSG) {
                return error_say(error, EBADMSG, "%s/" VOLUME_RECORD " is damaged", path);
        }
        return r < 0 ? error_set(error, r, "cannot read %s/" VOLUME_RECORD, path) : 0;
}

int volume_load(const char *state_directory, const char *name, struct volume_record *ret,
                struct machine_error *error)
{
        _cleanup_free_ char *path = volume_path(state_directory, name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path) {
                return error_oom(error);
        }
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
                return errno == ENOENT ? not_found(name, error)
                                       : error_set(error, errno, "cannot open %s", path);
        }
        r = load_record(fd, path, ret, error);
        return r == -ENOENT ? not_found(name, error) : r;
}

static int save_record(const struct volume *volume, const struct volume_record *record,
                       struct machine_error *error)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *text = NULL;
        int r;

        if (json_set_number(object, "version", RECORD_VERSION) < 0 ||
            json_set_number(object, "created", record->created_usec) < 0 ||
            json_set_string(object, "machine", record->machine) < 0 ||
            json_set_strings(object, "labels", record->labels) < 0 ||
            json_set_number(object, "project", record->project) < 0 ||
            (record->size != MACHINE_UNSET && json_set_number(object, "size", record->size) < 0)) {
                return error_oom(error);
        }
        text = json_dumps(object, JSON_INDENT(1));
        if (!text) {
                return error_oom(error);
        }
        r = file_write_atomic(volume->fd, VOLUME_RECORD, text, strlen(text), 0600);
        return r < 0 ? error_set(error, r, "cannot write %s/" VOLUME_RECORD, volume->path) : 0;
}

/* ---- Claims ---- */

bool volume_is_complete(const struct volume *volume)
{
        return faccessat(volume->fd, VOLUME_DATA, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_directory(const struct volume_claim *claim, struct volume *volume,
                          struct machine_error *error)
{
        int r = claim->make ? directory_make(volume->path, 0700) : 0;

        fd_close(volume->fd);
        volume->fd = r < 0 ? -EBADF
                           : open(volume->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (volume->fd >= 0) {
                return 0;
        }
        r = r < 0 ? r : -errno;
        if (r == -ENOENT) {
                return claim->make ? -EAGAIN : not_found(volume->name, error);
        }
        return error_set(error, r, "cannot open the directory %s", volume->path);
}

/* Whether the path is still the directory that was locked. */
static bool is_current(const struct volume *volume)
{
        struct stat held, named;

        return fstat(volume->fd, &held) == 0 && stat(volume->path, &named) == 0 &&
               held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static int explain_use(const struct volume_claim *claim, const struct volume *volume,
                       struct machine_error *error)
{
        _cleanup_free_ char *holder = trees_holder(claim->store, volume->path, claim->record->name);

        if (holder) {
                error_say(error, EBUSY, "volume \"%s\" is in use by machine \"%s\"", volume->name,
                          holder);
        } else {
                error_say(error, EBUSY, "volume \"%s\" is in use", volume->name);
        }
        error_hint(error, "one machine can write to a volume, or several can read it with "
                          "read_only = true: stop the other one, or use another volume");
        return -EBUSY;
}

/* The content of a volume that has none is made by the one that locks it, even to read it. */
static int lock(const struct volume_claim *claim, struct volume *volume,
                struct machine_error *error)
{
        int r;

        do {
                r = open_directory(claim, volume, error);
                if (r == -EAGAIN) {
                        continue;
                }
                volume->write = claim->write || (r == 0 && !volume_is_complete(volume));
                r = r < 0 ? r
                          : trees_take(claim->trees, claim->store, volume->path, volume->write,
                                       claim->record, error);
                if (r < 0) {
                        return r == -EBUSY ? explain_use(claim, volume, error) : r;
                }
        } while (r == -EAGAIN || !is_current(volume));
        return 0;
}

int volume_claim(const struct volume_claim *claim, const char *name, struct volume *ret,
                 struct machine_error *error)
{
        _cleanup_volume_ struct volume volume = VOLUME_INIT;
        int r;

        volume.name = strdup(name);
        volume.path = volume_path(claim->state_directory, name);
        if (!volume.name || !volume.path) {
                return error_oom(error);
        }
        r = lock(claim, &volume, error);
        /* What was being made when a process was killed. */
        if (r == 0 && volume.write && faccessat(volume.fd, VOLUME_NEW, F_OK, 0) == 0) {
                r = tree_remove(volume.fd, VOLUME_NEW, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = volume;
        volume = (struct volume)VOLUME_INIT;
        return 0;
}

int volume_share(const struct volume_claim *claim, struct volume *volume,
                 struct machine_error *error)
{
        int r = trees_take(claim->trees, claim->store, volume->path, false, claim->record, error);

        volume->write = r < 0;
        return r;
}

/* ---- Making and removing ---- */

/* Sets the limit, and notes it. */
static int limit_size(const struct volume *volume, const struct volume_definition *definition,
                      struct volume_record *record, struct machine_error *error)
{
        int r = 0;

        if (definition->size == MACHINE_UNSET && record->project == 0) {
                return 0;
        }
        if (record->project == 0 && volume_is_complete(volume)) {
                error_say(error, EEXIST,
                          "the size of volume \"%s\" cannot be limited: it was made without a size",
                          volume->name);
                error_hint(error, "export it, remove it, and import it again");
                return -EEXIST;
        }
        if (record->project == 0) {
                r = volume_quota_assign(volume->fd, volume->path, &record->project, error);
        }
        if (r == 0) {
                r = volume_quota_limit(volume->fd, volume->path, record->project, definition->size,
                                       error);
        }
        if (r < 0) {
                error_prefix(error, "the size of volume \"%s\" cannot be limited", volume->name);
                return r;
        }
        record->size = definition->size;
        return 0;
}

static bool labels_equal(char *const *a, char *const *b)
{
        size_t count = strv_length(a);

        for (size_t i = 0; i < count && i < strv_length(b); i++) {
                if (!string_equal(a[i], b[i])) {
                        return false;
                }
        }
        return count == strv_length(b);
}

int volume_describe(const struct volume *volume, const struct volume_definition *definition,
                    const char *machine, struct machine_error *error)
{
        _cleanup_volume_record_ struct volume_record record = { .size = MACHINE_UNSET };
        int r = load_record(volume->fd, volume->path, &record, error);
        bool known = r == 0;
        uint64_t size = record.size;

        if (r == -ENOENT) {
                record.created_usec = clock_realtime();
                r = string_replace(&record.machine, machine) < 0 ? error_oom(error) : 0;
        }
        r = r < 0 ? r : limit_size(volume, definition, &record, error);
        if (r < 0) {
                return r;
        }
        /* Most starts change nothing, and need not wait for the disk. */
        if (known && size == record.size && labels_equal(record.labels, definition->labels)) {
                return 0;
        }
        strv_free(record.labels);
        record.labels = strv_copy(definition->labels);
        return definition->labels && !record.labels ? error_oom(error)
                                                    : save_record(volume, &record, error);
}

int volume_publish(const struct volume *volume, const char *finished, struct machine_error *error)
{
        bool replaces = volume_is_complete(volume);

        /* After a power failure the name must not refer to files without content. */
        if (syncfs(volume->fd) < 0) {
                return error_set(error, errno, "cannot write %s to disk", volume->path);
        }
        /* musl has no renameat2(3). */
        if (syscall(SYS_renameat2, volume->fd, finished, volume->fd, VOLUME_DATA,
                    replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0) {
                return error_set(error, errno, "cannot keep the content of volume \"%s\"",
                                 volume->name);
        }
        (void)fsync(volume->fd);
        return tree_remove(volume->fd, VOLUME_NEW, error);
}

int volume_remove(const struct volume *volume, struct machine_error *error)
{
        const char *slash = strrchr(volume->path, '/');
        _cleanup_free_ char *removed =
                string_format("%.*s/" REMOVED_PREFIX "%s-%d", (int)(slash - volume->path),
                              volume->path, volume->name, (int)getpid());
        int r = removed ? tree_check_mounts(AT_FDCWD, volume->path, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        if (rename(volume->path, removed) < 0) {
                return error_set(error, errno, "cannot remove %s", volume->path);
        }
        return tree_remove(AT_FDCWD, removed, error);
}

void volume_abandon(const struct volume *volume)
{
        if (volume->write && !volume_is_complete(volume)) {
                (void)volume_remove(volume, NULL);
        }
}

void volume_collect(const char *state_directory)
{
        _cleanup_free_ char *path = string_format("%s/volumes", state_directory);
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;

        if (path) {
                (void)directory_open_at(AT_FDCWD, path, &directory);
        }
        while ((entry = directory_next(directory))) {
                if (string_after(entry->d_name, REMOVED_PREFIX)) {
                        (void)tree_remove(dirfd(directory), entry->d_name, NULL);
                }
        }
}
