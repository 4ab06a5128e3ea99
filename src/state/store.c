/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/store.h"

#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "state/dependents.h"
#include "state/event_log.h"

/* A record has some hundred bytes, more with many ports. */
#define RECORD_MAXIMUM (UINT64_C(4) << 20)
/* The longest chain of machines that share a network. */
#define NETWORKS_MAXIMUM 8

#define RECORD_SUFFIX ".json"
#define LOCK_SUFFIX   ".lock"
#define PLAN_SUFFIX   ".plan"
/* Not a suffix that a search for definitions would find. */
#define DEFINITION_SUFFIX ".definition"
#define NOTIFY_SUFFIX     ".notify"

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
                /* Everybody may list the machines of the system, but not those of a user. */
                r = directory_make(store.path, caller_is_root() ? 0755 : 0700);
                if (r < 0) {
                        error_set(error, r, "cannot create the runtime directory %s", store.path);
                        error_hint(error, "run as root, or set another one with --runtime-dir");
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
                /* The previous holder may have removed the file, and then the lock is void. */
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
                /* Incomplete after a power failure: the machine cannot be running. */
                machine_error_clear(error);
                return -ENOENT;
        }
        return r;
}

bool machine_state_is_live(enum machine_state state)
{
        return state >= MACHINE_STATE_STARTING && state <= MACHINE_STATE_STOPPING;
}

/* The addresses of a machine that shares another's network are that one's, which may be others than
 * when it was started. One that nothing is known of any more leaves them as they are. */
static int follow_network(const struct state_store *store, struct machine_record *record)
{
        _cleanup_free_ char *next = record->network_of ? strdup(record->network_of) : NULL;

        for (int i = 0; next && i < NETWORKS_MAXIMUM; i++) {
                _cleanup_record_ struct machine_record other = { 0 };

                if (state_load(store, next, &other, NULL) < 0) {
                        return 0;
                }
                free(next);
                next = TAKE_PTR(other.network_of);
                if (!next && (string_replace(&record->address, other.address) < 0 ||
                              string_replace(&record->address6, other.address6) < 0)) {
                        return -ENOMEM;
                }
                if (!next) {
                        strv_free(record->networks);
                        record->networks = TAKE_PTR(other.networks);
                }
        }
        return 0;
}

static bool is_abandoned(const struct state_store *store, const struct machine_record *record)
{
        return machine_state_is_live(record->state) &&
               !process_is_alive_in_boot(&record->supervisor, store->boot_id);
}

/* The end of a machine in the foreground takes a millisecond; a start that has the lock may take as
 * long as it needs to get an image. */
#define TEARDOWN_ROUNDS     250
#define TEARDOWN_ROUND_NSEC 1000000

/* The supervisor of a machine in the foreground exits before everything is undone
 * (supervise/heir.h). Waits for it; what has no right to open the lock does not. */
static void await_teardown(const struct state_store *store, const char *name)
{
        static const struct timespec pause = { .tv_nsec = TEARDOWN_ROUND_NSEC };
        _cleanup_free_ char *file = string_format("%s" LOCK_SUFFIX, name);
        _cleanup_close_ int fd =
                file ? openat(store->directory_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

        for (int round = 0; fd >= 0 && round < TEARDOWN_ROUNDS; round++) {
                if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
                        return;
                }
                (void)nanosleep(&pause, NULL);
        }
}

/* *ret_abandoned: the record is that of a supervisor that died. */
static int load_settled(const struct state_store *store, const char *name,
                        struct machine_record *ret, bool *ret_abandoned,
                        struct machine_error *error)
{
        int r = state_load(store, name, ret, error);

        *ret_abandoned = r == 0 && is_abandoned(store, ret);
        if (!*ret_abandoned) {
                return r;
        }
        await_teardown(store, name);
        machine_record_clear(ret);
        r = state_load(store, name, ret, error);
        *ret_abandoned = r == 0 && is_abandoned(store, ret);
        return r;
}

int state_query(const struct state_store *store, const char *name, struct machine_record *ret,
                struct machine_error *error)
{
        bool abandoned;
        int r = load_settled(store, name, ret, &abandoned, error);

        if (r == 0 && follow_network(store, ret) < 0) {
                machine_record_clear(ret);
                return error_oom(error);
        }
        if (!abandoned) {
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
        r = machine_state_is_live(record->state) ? dependents_note(store->directory_fd, record) : 0;
        if (r < 0) {
                return error_set(error, r, "cannot note what machine \"%s\" requires",
                                 record->name);
        }
        /* Not synced to disk, because it is only valid for this boot, and usually on tmpfs. */
        r = file_replace(store->directory_fd, file, text, strlen(text), 0644);
        if (r < 0) {
                return error_set(error, r, "cannot write the state file %s/%s", store->path, file);
        }
        if (!store->unlogged) {
                event_log_record(store->directory_fd, text);
        }
        if (!machine_state_is_live(record->state)) {
                dependents_forget(store->directory_fd, record);
        }
        return 0;
}

void state_log(const struct state_store *store, const struct machine_record *record)
{
        _cleanup_free_ char *text = NULL;

        if (!store->unlogged && machine_record_write(record, &text) == 0) {
                event_log_record(store->directory_fd, text);
        }
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

int state_make_notify_directory(const struct state_store *store, const char *name, char **ret)
{
        _cleanup_free_ char *path = string_format("%s/%s" NOTIFY_SUFFIX, store->path, name);

        if (!path) {
                return -ENOMEM;
        }
        /* Whatever the caller's umask is. */
        if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0) {
                return -errno;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

int state_open_notify_directory(const struct state_store *store, const char *name)
{
        _cleanup_free_ char *file = string_format("%s" NOTIFY_SUFFIX, name);
        int fd;

        if (!file) {
                return -ENOMEM;
        }
        fd = openat(store->directory_fd, file, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

/* Whatever is in it: a privileged container may have written to it. */
static int remove_notify_directory(const struct state_store *store, const char *name,
                                   struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s" NOTIFY_SUFFIX, name);

        if (!file) {
                return error_oom(error);
        }
        return faccessat(store->directory_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0
                       ? tree_remove(store->directory_fd, file, error)
                       : 0;
}

static int remove_files(const struct state_store *store, const char *name,
                        struct machine_error *error)
{
        static const char *const suffixes[] = { PLAN_SUFFIX,         DEFINITION_SUFFIX,
                                                ".health",           STATE_START_SUFFIX,
                                                STATE_ATTACH_SUFFIX, RECORD_SUFFIX,
                                                LOCK_SUFFIX };

        int r = remove_notify_directory(store, name, error);

        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
                /* What a writer that was killed has left goes first (base/file.c). */
                _cleanup_free_ char *file = string_format("%s%s.new", name, suffixes[i]);

                if (!file) {
                        return error_oom(error);
                }
                (void)unlinkat(store->directory_fd, file, 0);
                file[strlen(file) - strlen(".new")] = '\0';
                if (unlinkat(store->directory_fd, file, 0) < 0 && errno != ENOENT) {
                        return error_set(error, errno, "cannot remove %s/%s", store->path, file);
                }
        }
        return 0;
}

static void log_removed(const struct state_store *store, const char *name)
{
        if (!store->unlogged) {
                event_log_removed(store->directory_fd, name);
        }
}

int state_remove_record(const struct state_store *store, const struct machine_record *record,
                        struct machine_error *error)
{
        dependents_forget(store->directory_fd, record);
        log_removed(store, record->name);
        return remove_files(store, record->name, error);
}

int state_remove(const struct state_store *store, const char *name, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(store, name, &record, NULL);

        if (r == 0) {
                return state_remove_record(store, &record, error);
        }
        if (r != -ENOENT) {
                log_removed(store, name);
        }
        return remove_files(store, name, error);
}

int state_list(const struct state_store *store, char ***ret, struct machine_error *error)
{
        int r = directory_list(store->directory_fd, ".", RECORD_SUFFIX, ret);

        return r < 0 ? error_set(error, r, "cannot read %s", store->path) : 0;
}
