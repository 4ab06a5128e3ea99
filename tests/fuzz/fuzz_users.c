/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine's /etc/passwd and /etc/group, and lookups in them. The input is the user, the passwd
 * file and the group file, each terminated by a NUL. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "security/ids/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

static int root = -EBADF;
static char root_path[] = "/dev/shm/fuzz-users-XXXXXX";

static void remove_root(void)
{
        (void)unlinkat(root, "etc/passwd", 0);
        (void)unlinkat(root, "etc/group", 0);
        (void)unlinkat(root, "etc", AT_REMOVEDIR);
        (void)rmdir(root_path);
}

/* Created by the first call and shared by all. */
static void make_root(void)
{
        if (root < 0) {
                require(mkdtemp(root_path) != NULL);
                root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                require(root >= 0 && mkdirat(root, "etc", 0755) == 0);
                atexit(remove_root);
        }
}

/* Writes the input up to the next NUL and skips that. */
static void write_part(const char *name, const uint8_t **data, size_t *size)
{
        size_t length = strnlen((const char *)*data, *size);
        int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        require(fd >= 0 && file_write_all(fd, *data, length) == 0);
        close(fd);
        length += length < *size;
        *data += length;
        *size -= length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_machine_user_ struct machine_user user = MACHINE_USER_INIT;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        size_t length = strnlen((const char *)data, size);
        _cleanup_free_ char *text = strndup((const char *)data, length);
        int r;

        make_root();
        length += length < size;
        data += length;
        size -= length;
        write_part("etc/passwd", &data, &size);
        write_part("etc/group", &data, &size);
        r = machine_user_find(root, text, &user, &error);
        if (r < 0) {
                require(error.message != NULL && user.group_count == 0);
                return 0;
        }
        require(user.uid != (uid_t)-1 && user.gid != (gid_t)-1);
        require(user.home && user.home[0] == '/' && user.shell && user.shell[0] == '/');
        /* Digits are always that number, whatever the file contains. */
        if (text[0] >= '0' && text[0] <= '9' && text[strspn(text, "0123456789")] == '\0') {
                require(user.uid == strtoul(text, NULL, 10));
        }
        return 0;
}
