/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/disk/part.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"

int part_begin(const char *path, bool kept, struct part *ret, struct machine_error *error)
{
        struct part part = PART_INIT;

        part.temporary = string_format("%s.part", path);
        part.path = kept ? strdup(path) : NULL;
        if (!part.temporary || (kept && !part.path)) {
                part_discard(&part);
                return error_oom(error);
        }
        if (unlink(part.temporary) == 0 || errno == ENOENT) {
                /* A root has files that only its own users may read. */
                part.fd = open(part.temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               0600);
        }
        if (part.fd < 0) {
                int r = error_set(error, errno, "cannot write %s", part.temporary);

                free(TAKE_PTR(part.temporary));
                part_discard(&part);
                return r;
        }
        *ret = part;
        return 0;
}

int part_size(const struct part *part, uint64_t *ret)
{
        struct stat info;

        if (fstat(part->fd, &info) < 0) {
                return -errno;
        }
        *ret = (uint64_t)info.st_size;
        return 0;
}

int part_sync(const struct part *part, struct machine_error *error)
{
        return fsync(part->fd) < 0 ? error_set(error, errno, "cannot write %s", part->temporary)
                                   : 0;
}

int part_publish(struct part *part, struct machine_error *error)
{
        if (rename(part->temporary, part->path) < 0) {
                return error_set(error, errno, "cannot write %s", part->path);
        }
        free(TAKE_PTR(part->temporary));
        return 0;
}

void part_discard(struct part *part)
{
        if (part->temporary) {
                (void)unlink(part->temporary);
        }
        free(part->temporary);
        free(part->path);
        fd_close(part->fd);
        *part = (struct part)PART_INIT;
}
