/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/fetch/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/walk.h"

struct stage {
        const char *from;
        const struct stage_options *options;
        int root; /* of the tree that is read */
        int into; /* of the copy, or -EBADF */
        uint64_t digest;
        struct machine_error *error;
};

static void add(struct stage *stage, const void *data, size_t length)
{
        const uint64_t part[] = { stage->digest, length, string_hash(data, length) };

        stage->digest = string_hash(part, sizeof part);
}

static int fail(struct stage *stage, int number, const char *path)
{
        return error_set(stage->error, number, "cannot read %s/%s", stage->from, path);
}

static int refuse(struct stage *stage, const char *path, const char *why, const char *hint)
{
        error_say(stage->error, EINVAL, "%s/%s %s", stage->from, path, why);
        error_hint(stage->error, "%s", hint);
        error_kind(stage->error, MACHINE_ERROR_DEFINITION);
        return -EINVAL;
}

static int check_owner(struct stage *stage, const char *path, const struct stat *status)
{
        const struct stage_options *options = stage->options;
        bool own = status->st_uid == 0 ||
                   (options->trusted_owner && status->st_uid == options->trusted_owner);
        /* The group of a trusted user's own, as with a umask of 002. */
        bool group = options->trusted_owner && status->st_gid == options->trusted_owner;
        mode_t others = group ? S_IWOTH : S_IWGRP | S_IWOTH;

        if (!options->trust_required || S_ISLNK(status->st_mode) ||
            (own && !(status->st_mode & others))) {
                return 0;
        }
        error_say(stage->error, EPERM, "%s/%s can be changed by users other than root", stage->from,
                  path);
        error_hint(stage->error,
                   "chown -R root:root %s && chmod -R go-w %s, or with sudo --trust-owner",
                   stage->from, stage->from);
        return -EPERM;
}

static int copy_link(struct stage *stage, int directory_fd, const char *name, const char *path)
{
        _cleanup_close_ int target_fd = path_open_beneath(stage->root, path);
        char target[PATH_MAX];
        ssize_t length = readlinkat(directory_fd, name, target, sizeof target - 1);

        if (length < 0) {
                return fail(stage, errno, path);
        }
        if (target_fd < 0) {
                return refuse(stage, path,
                              target_fd == -ENOENT ? "is a link to a file that does not exist"
                                                   : "is a link that leaves the directory",
                              "commit the file itself, or a relative link to a file of the tree");
        }
        target[length] = '\0';
        add(stage, target, (size_t)length);
        return stage->into >= 0 && symlinkat(target, stage->into, path) < 0
                       ? error_set(stage->error, errno, "cannot copy %s/%s", stage->from, path)
                       : 0;
}

static int write_copy(struct stage *stage, const char *path, const void *data, size_t length,
                      mode_t mode)
{
        _cleanup_close_ int fd = openat(stage->into, path,
                                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r = fd < 0 ? -errno : file_write_all(fd, data, length);

        if (r == 0 && fchmod(fd, mode) < 0) {
                r = -errno;
        }
        return r < 0 ? error_set(stage->error, r, "cannot copy %s/%s", stage->from, path) : 0;
}

static int copy_file(struct stage *stage, int directory_fd, const char *name, const char *path,
                     mode_t mode)
{
        _cleanup_close_ int fd =
                openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat status;
        void *data = NULL;
        int r = fd < 0 || fstat(fd, &status) < 0 ? -errno : 0;

        if (r == 0 && status.st_size > 0) {
                data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
                r = data == MAP_FAILED ? -errno : 0;
        }
        if (r < 0) {
                return fail(stage, r, path);
        }
        add(stage, data ? data : "", (size_t)status.st_size);
        if (stage->into >= 0) {
                r = write_copy(stage, path, data, (size_t)status.st_size, mode);
        }
        if (data) {
                (void)munmap(data, (size_t)status.st_size);
        }
        return r;
}

static int copy_directory(struct stage *stage, const char *path, mode_t mode)
{
        if (stage->into < 0 || !*path) {
                return 0;
        }
        if (mkdirat(stage->into, path, mode) < 0 || fchmodat(stage->into, path, mode, 0) < 0) {
                return error_set(stage->error, errno, "cannot copy %s/%s", stage->from, path);
        }
        return 0;
}

static int visit(int directory_fd, const char *name, const char *path, void *data)
{
        struct stage *stage = data;
        struct stat status;
        mode_t mode;
        int r;

        if (strcmp(path, ".git") == 0) {
                return 1;
        }
        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) {
                return fail(stage, errno, path);
        }
        r = check_owner(stage, path, &status);
        if (r < 0) {
                return r;
        }
        mode = status.st_mode & (S_IFMT | 0755);
        /* The mode of the top has no meaning. */
        add(stage, path, strlen(path));
        add(stage, &mode, *path ? sizeof mode : 0);
        if (S_ISDIR(mode)) {
                return copy_directory(stage, path, mode & 0777);
        }
        if (S_ISLNK(mode)) {
                return copy_link(stage, directory_fd, name, path);
        }
        if (S_ISREG(mode)) {
                return copy_file(stage, directory_fd, name, path, mode & 0777);
        }
        return refuse(stage, path, "is neither a file, a directory nor a link", "remove it");
}

int stage_tree(const char *from, const char *into, const struct stage_options *options,
               char ret_digest[static STAGE_DIGEST_SIZE], struct machine_error *error)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        _cleanup_close_ int root = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int target = into ? open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        struct stage stage = { from, options, root, target, 0, &reason };
        int r;

        if (root < 0 || (into && target < 0)) {
                r = error_set(error, errno, "cannot open %s", root < 0 ? from : into);
                error_kind(error, root < 0 ? MACHINE_ERROR_NO_INPUT : MACHINE_ERROR_FAILED);
                return r;
        }
        r = walk_tree(root, true, visit, &stage, &reason);
        if (r < 0) {
                if (error_is_set(&reason)) {
                        error_move(error, &reason);
                        return r;
                }
                return error_set(error, r, "cannot read %s", from);
        }
        snprintf(ret_digest, STAGE_DIGEST_SIZE, "%016" PRIx64, stage.digest);
        return 0;
}
