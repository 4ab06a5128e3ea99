/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/fetch/archive.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/fetch/size.h"
#include "apply/fetch/stage.h"
#include "base/file.h"
#include "base/strings.h"

#define BLOCK         512
#define TYPE_OFFSET   156
#define GLOBAL_HEADER 'g'
/* SHA-1 and SHA-256. */
#define COMMIT_MINIMUM 40
#define COMMIT_MAXIMUM 64

/* The first member of git-archive(1) is a pax header with the commit: "52 comment=HEX\n". */
static char *read_commit(int archive)
{
        char blocks[2 * BLOCK + 1] = { 0 };
        const char *start, *comment;
        size_t length;

        if (pread(archive, blocks, 2 * BLOCK, 0) != 2 * BLOCK ||
            blocks[TYPE_OFFSET] != GLOBAL_HEADER) {
                return NULL;
        }
        start = blocks + BLOCK + strspn(blocks + BLOCK, "0123456789");
        comment = string_after(start, " comment=");
        length = comment ? strspn(comment, "0123456789abcdef") : 0;
        return (length == COMMIT_MINIMUM || length == COMMIT_MAXIMUM) && comment[length] == '\n'
                       ? strndup(comment, length)
                       : NULL;
}

int archive_unpack(int archive, uid_t uid, struct fetched *fetched, struct machine_error *error)
{
        static const char *const arguments[] = { "tar",
                                                 "--extract",
                                                 "--file=-",
                                                 "--no-same-owner",
                                                 "--no-same-permissions",
                                                 "--no-xattrs",
                                                 "--ignore-zeros",
                                                 NULL };
        static const char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                                                   NULL };
        _cleanup_free_ char *tree = string_format("%s/tree", fetched->temporary);
        const struct command command = {
                .arguments = arguments,
                .environment = (char *const *)environment,
                .directory = tree,
                .uid = uid,
                .input = archive,
                .output = -EBADF,
        };
        int r;

        if (!tree) {
                return error_oom(error);
        }
        if (chmod(fetched->temporary, 0711) < 0 || mkdir(tree, 0755) < 0 ||
            (geteuid() == 0 && chown(tree, uid, (gid_t)uid) < 0)) {
                return error_set(error, errno, "cannot create %s", tree);
        }
        if (lseek(archive, 0, SEEK_SET) < 0) {
                return error_set(error, errno, "cannot read the archive");
        }
        r = command_run(&command, NULL, error);
        if (r != 0) {
                error_prefix(error, "cannot unpack the archive");
                return r < 0 ? r : -EBADMSG;
        }
        fetched->tree = TAKE_PTR(tree);
        return 0;
}

static int copy_input(int archive, uint64_t maximum)
{
        uint64_t total = 0;
        char piece[65536];
        ssize_t n;

        while ((n = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
                int r = n < 0 ? -errno : file_write_all(archive, piece, (size_t)n);

                if (r < 0 && r != -EINTR) {
                        return r;
                }
                total += n > 0 ? (uint64_t)n : 0;
                if (total > maximum) {
                        return -EFBIG;
                }
        }
        return 0;
}

int archive_read_input(struct fetched *fetched, struct machine_error *error)
{
        _cleanup_close_ int archive =
                open(fetched->temporary, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        const struct stage_options reading = { 0 };
        char digest[STAGE_DIGEST_SIZE];
        const uint64_t maximum = fetched_size_maximum(fetched);
        int r = archive < 0 ? -errno : copy_input(archive, maximum);

        if (r < 0) {
                error_set(error, r, "cannot read the archive from standard input");
                return fetched_explain(r, maximum, error);
        }
        if (lseek(archive, 0, SEEK_END) == 0) {
                error_say(error, EINVAL, "standard input is empty: expected a tar archive");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = archive_unpack(archive, command_pick_user(), fetched, error);
        if (r < 0) {
                return r;
        }
        fetched->revision = read_commit(archive);
        if (!fetched->revision) {
                r = stage_tree(fetched->tree, NULL, &reading, digest, error);
                fetched->revision = r == 0 ? strdup(digest) : NULL;
        }
        return r < 0 || fetched->revision ? r : error_oom(error);
}
