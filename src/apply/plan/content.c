/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/plan/content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"

/* Trees are of the user, but a circle of links must not exhaust the stack. */
#define DEPTH_MAXIMUM 64

static int compare(int a, int b, unsigned int depth);

static int list_names(int fd, char ***ret)
{
        _cleanup_closedir_ DIR *handle = NULL;
        _cleanup_strv_ char **names = NULL;
        const struct dirent *entry;
        int r = directory_open(fd, &handle);

        while (r == 0 && (entry = directory_next(handle))) {
                r = strv_append(&names, entry->d_name);
        }
        if (r < 0) {
                return r;
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static int compare_directories(int a, int b, unsigned int depth)
{
        _cleanup_strv_ char **left = NULL, **right = NULL;
        int r = list_names(a, &left);

        r = r < 0 ? r : list_names(b, &right);
        if (r < 0) {
                return r;
        }
        if (strv_length(left) != strv_length(right)) {
                return 0;
        }
        for (size_t i = 0; left && left[i]; i++) {
                _cleanup_close_ int one = -EBADF, two = -EBADF;

                if (strcmp(left[i], right[i]) != 0) {
                        return 0;
                }
                one = openat(a, left[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                two = openat(b, right[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                if (one < 0 || two < 0) {
                        return -errno;
                }
                r = compare(one, two, depth + 1);
                if (r <= 0) {
                        return r;
                }
        }
        return 1;
}

static void unmap(void *address, size_t length)
{
        if (address != MAP_FAILED) {
                (void)munmap(address, length);
        }
}

static int compare_files(int a, int b, size_t length)
{
        void *left, *right;
        int r;

        if (length == 0) {
                return 1;
        }
        left = mmap(NULL, length, PROT_READ, MAP_PRIVATE, a, 0);
        right = mmap(NULL, length, PROT_READ, MAP_PRIVATE, b, 0);
        r = left == MAP_FAILED || right == MAP_FAILED ? -errno : memcmp(left, right, length) == 0;
        unmap(left, length);
        unmap(right, length);
        return r;
}

static int compare(int a, int b, unsigned int depth)
{
        /* What a copy in the store keeps of a mode. */
        const mode_t kept = S_IFMT | 0755;
        struct stat left, right;

        if (fstat(a, &left) < 0 || fstat(b, &right) < 0) {
                return -errno;
        }
        if ((left.st_mode & kept) != (right.st_mode & kept)) {
                return 0;
        }
        if (S_ISDIR(left.st_mode)) {
                return depth < DEPTH_MAXIMUM ? compare_directories(a, b, depth) : -ELOOP;
        }
        return left.st_size == right.st_size ? compare_files(a, b, (size_t)left.st_size) : 0;
}

int content_is_equal(const char *tree_a, const char *tree_b, const char *path)
{
        _cleanup_free_ char *left = string_format("%s/%s", tree_a, path);
        _cleanup_free_ char *right = string_format("%s/%s", tree_b, path);
        _cleanup_close_ int a = -EBADF, b = -EBADF;

        if (!left || !right) {
                return -ENOMEM;
        }
        a = open(left, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        b = open(right, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (a < 0 || b < 0) {
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        }
        return compare(a, b, 0);
}
