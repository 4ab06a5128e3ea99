/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

/* A record is some hundred bytes; ports are what makes one grow. */
#define RECORD_MAXIMUM (UINT64_C(4) << 20)
#define RECORD_SUFFIX  ".json"
#define LOCK_SUFFIX    ".lock"
#define PLAN_SUFFIX    ".plan"
/* Not one that a search for definitions would find. */
#define DEFINITION_SUFFIX ".definition"

int state_store_open(const char *runtime_directory, struct state_store *ret,
                     struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        int r;

        store.path = path_join(runtime_directory, "machines");
        if (!store.path) {
                return error_oom(error);
        }
        store.directory_fd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store.directory_fd < 0 && errno == ENOENT) {
                r = directory_make(store.path, 0755);
                if (r < 0) {
                        error_set(error, r, "cannot make the runtime directory %s", store.path);
                        error_hint(error, "run as root, or move it with --runtime-dir");
                        return r;
                }
                store.directory_fd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (store.directory_fd < 0) {
                return error_set(error, errno, "cannot open the runtime directory %s", store.path);
        }
        r = process_boot_id(store.boot_id);
        if (r < 0) {
                return error_set(
                        error, r,
                        "cannot read the id of this boot from /proc/sys/kernel/random/boot_id");
        }
        *ret = store;
        store = (struct state_store)STATE_STORE_INIT;
        return 0;
}

void state_store_close(struct state_store *store)
{
        store->directory_fd = fd_close(store->directory_fd);
        free(TAKE_PTR(store->path));
}

int state_lock(const struct state_store *store, const char *name, struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s" LOCK_SUFFIX, name);

        if (!file) {
                return error_oom(error);
        }
        for (;;) {
                _cleanup_close_ int fd = file_lock(store->directory_fd, file, LOCK_EX);
                struct stat held, named;

                if (fd < 0) {
                        return error_set(error, fd, "cannot lock %s/%s", store->path, file);
                }
                /* Whoever held it may have removed the file; then a lock on it guards nothing. */
                if (fstat(fd, &held) == 0 && fstatat(store->directory_fd, file, &named, 0) == 0 &&
                    held.st_ino == named.st_ino) {
                        return TAKE_FD(fd);
                }
        }
}

static bool is_of_earlier_boot(const char *path)
{
        struct timespec now, since_boot;
        struct stat status;

        clock_gettime(CLOCK_REALTIME, &now);
        clock_gettime(CLOCK_BOOTTIME, &since_boot);
        return stat(path, &status) == 0 &&
               status.st_mtim.tv_sec < now.tv_sec - since_boot.tv_sec - 1;
}

int state_load(const struct state_store *store, const char *name, struct machine_record *ret,
               struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/%s" RECORD_SUFFIX, store->path, name);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!path) {
                return error_oom(error);
        }
        r = file_read(AT_FDCWD, path, RECORD_MAXIMUM, &text, NULL);
        if (r == -ENOENT) {
                return r;
        }
        if (r < 0) {
                return error_set(error, r, "cannot read the state file %s", path);
        }
        r = machine_record_read(text, path, ret, error);
        if (r == -EBADMSG && is_of_earlier_boot(path)) {
                /* A power cut left half of it: nothing that it could tell of runs any more. */
                machine_error_clear(error);
                return -ENOENT;
        }
        return r;
}

bool machine_state_is_live(enum machine_state state)
{
        return state >= MACHINE_STATE_STARTING && state <= MACHINE_STATE_STOPPING;
}

int state_query(const struct state_store *store, const char *name, struct machine_record *ret,
                struct machine_error *error)
{
        int r = state_load(store, name, ret, error);

        if (r < 0 || !machine_state_is_live(ret->state) ||
            process_is_alive_in_boot(&ret->supervisor, store->boot_id)) {
                return r;
        }
        ret->state = MACHINE_STATE_FAILED;
        if (string_replace(&ret->reason, "its supervisor died") < 0) {
                machine_record_clear(ret);
                return error_oom(error);
        }
        return 0;
}

int state_save(const struct state_store *store, const struct machine_record *record,
               struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s" RECORD_SUFFIX, record->name);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!file || machine_record_write(record, &text) < 0) {
                return error_oom(error);
        }
        /* Not synced to a disk: what it says is of this boot, and tmpfs is where it usually lies.
         */
        r = file_replace(store->directory_fd, file, text, strlen(text), 0644);
        if (r < 0) {
                error_set(error, r, "cannot write the state file %s/%s", store->path, file);
        }
        return r;
}

int state_save_plan(const struct state_store *store, const char *name, const void *plan,
                    size_t length)
{
        _cleanup_free_ char *file = string_format("%s" PLAN_SUFFIX, name);

        return file ? file_replace(store->directory_fd, file, plan, length, 0600) : -ENOMEM;
}

int state_open_plan(const struct state_store *store, const char *name)
{
        _cleanup_free_ char *file = string_format("%s" PLAN_SUFFIX, name);
        int fd;

        if (!file) {
                return -ENOMEM;
        }
        fd = openat(store->directory_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

int state_save_definition(const struct state_store *store, const char *name, const char *text)
{
        _cleanup_free_ char *file = string_format("%s" DEFINITION_SUFFIX, name);

        return file ? file_replace(store->directory_fd, file, text, strlen(text), 0600) : -ENOMEM;
}

int state_load_definition(const struct state_store *store, const char *name, char **ret)
{
        _cleanup_free_ char *file = string_format("%s" DEFINITION_SUFFIX, name);

        return file ? file_read(store->directory_fd, file, RECORD_MAXIMUM, ret, NULL) : -ENOMEM;
}

int state_remove(const struct state_store *store, const char *name, struct machine_error *error)
{
        static const char *const suffixes[] = { PLAN_SUFFIX, DEFINITION_SUFFIX, RECORD_SUFFIX,
                                                LOCK_SUFFIX };

        for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
                _cleanup_free_ char *file = string_format("%s%s", name, suffixes[i]);

                if (!file) {
                        return error_oom(error);
                }
                if (unlinkat(store->directory_fd, file, 0) < 0 && errno != ENOENT) {
                        return error_set(error, errno, "cannot remove %s/%s", store->path, file);
                }
        }
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int state_list(const struct state_store *store, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_closedir_ DIR *directory = NULL;
        struct dirent *entry;
        int r = directory_open(store->directory_fd, &directory);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", store->path);
        }
        while ((entry = readdir(directory))) {
                size_t length = strlen(entry->d_name);

                if (!string_ends_with(entry->d_name, RECORD_SUFFIX)) {
                        continue;
                }
                if (strv_take(&names, strndup(entry->d_name, length - strlen(RECORD_SUFFIX))) < 0) {
                        return error_oom(error);
                }
        }
        if (names) {
                qsort(names, strv_length(names), sizeof *names, compare_names);
        }
        *ret = TAKE_PTR(names);
        return 0;
}
