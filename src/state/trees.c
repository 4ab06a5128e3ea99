/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strings.h"

/* Outside the directory of records, where a machine could have the same name. */
#define TREES_FILE "../trees"

int trees_open(const struct state_store *store, struct machine_error *error)
{
        int fd = openat(store->directory_fd, TREES_FILE,
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

        return fd < 0 ? error_set(error, errno, "cannot open %s/" TREES_FILE, store->path) : fd;
}

/* A block device is the same by all its nodes. */
static dev_t device_of(const struct stat *tree)
{
        return S_ISBLK(tree->st_mode) ? tree->st_rdev : tree->st_dev;
}

static ino_t inode_of(const struct stat *tree)
{
        return S_ISBLK(tree->st_mode) ? 0 : tree->st_ino;
}

/* The byte that represents a directory or image: a hash of 63 bits, so that collisions are
 * unlikely. */
static off_t byte_of(const struct stat *tree)
{
        const uint64_t identity[] = { device_of(tree), inode_of(tree) };

        return (off_t)(string_hash(identity, sizeof identity) >> 2);
}

static char *key_of(const struct stat *tree)
{
        return string_format("%llx:%llx", (unsigned long long)device_of(tree),
                             (unsigned long long)inode_of(tree));
}

char *trees_key(const char *path)
{
        struct stat status;

        return stat(path, &status) < 0 ? NULL : key_of(&status);
}

/* Returns the name of a machine that has locked the directory, or NULL. The caller frees it. */
static char *find_holder(const struct state_store *store, const char *key, const char *except)
{
        _cleanup_strv_ char **names = NULL;

        if (state_list(store, &names, NULL) < 0) {
                return NULL;
        }
        STRV_FOREACH(name, names) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (!string_equal(*name, except) && state_query(store, *name, &record, NULL) == 0 &&
                    machine_state_is_live(record.state) && strv_contains(record.trees, key)) {
                        return strdup(*name);
                }
        }
        return NULL;
}

char *trees_holder(const struct state_store *store, const char *path, const char *except)
{
        _cleanup_free_ char *key = trees_key(path);

        return key ? find_holder(store, key, except) : NULL;
}

static int refuse(const struct state_store *store, const char *path, bool write, const char *key,
                  const char *machine, struct machine_error *error)
{
        _cleanup_free_ char *holder = find_holder(store, key, machine);

        if (holder) {
                error_say(error, EBUSY, "\"%s\" is in use by machine \"%s\"", path, holder);
        } else {
                error_say(error, EBUSY, "\"%s\" is in use by a machine", path);
        }
        error_hint(error,
                   write ? "only one machine can write to a directory or an image: use separate "
                           "ones, or upper = \"volatile\""
                         : "that machine is writing to it: stop it, or use a copy");
        return -EBUSY;
}

int trees_take(int fd, const struct state_store *store, const char *path, bool write,
               struct machine_record *record, struct machine_error *error)
{
        struct flock lock = {
                .l_type = write ? F_WRLCK : F_RDLCK,
                .l_whence = SEEK_SET,
                .l_len = 1,
        };
        _cleanup_free_ char *key = NULL;
        struct stat status;

        if (stat(path, &status) < 0) {
                return 0;
        }
        key = key_of(&status);
        if (!key) {
                return error_oom(error);
        }
        lock.l_start = byte_of(&status);
        if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
                return errno == EAGAIN || errno == EACCES
                               ? refuse(store, path, write, key, record->name, error)
                               : error_set(error, errno, "cannot lock \"%s\"", path);
        }
        return strv_contains(record->trees, key) || strv_append(&record->trees, key) == 0
                       ? 0
                       : error_oom(error);
}
