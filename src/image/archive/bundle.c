/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "image/common/compression.h"
#include "image/common/hash.h"

void bundle_close(struct bundle *bundle)
{
        fd_close(bundle->fd);
        members_clear(&bundle->members);
        *bundle = (struct bundle)BUNDLE_INIT;
}

/* An unlinked file on the store's file system: closing the descriptor removes it. */
static int open_spool(struct session *session, struct machine_error *error)
{
        int fd = openat(session->store.blobs_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        return fd < 0 ? error_set(error, errno, "cannot create a temporary file in the image store")
                      : fd;
}

/* Whether the file can be read in place: a regular file that is not compressed. */
static bool is_plain(int fd, const struct stat *status)
{
        uint8_t magic[COMPRESSION_MAGIC_SIZE];
        ssize_t n;

        if (!S_ISREG(status->st_mode)) {
                return false;
        }
        n = pread(fd, magic, sizeof magic, 0);
        return n >= 0 && compression_detect(magic, (size_t)n) == COMPRESSION_NONE;
}

static int spool(struct session *session, struct bundle *bundle, struct stat *status,
                 struct machine_error *error)
{
        _cleanup_close_ int copy = open_spool(session, error);
        struct worker_result result;
        int r;

        if (copy < 0) {
                return copy;
        }
        r = session_run(session, WORKER_SPOOL, bundle->fd, !S_ISREG(status->st_mode),
                        S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0, copy, &result,
                        error);
        if (r < 0) {
                return r;
        }
        fd_close(bundle->fd);
        bundle->fd = TAKE_FD(copy);
        return fstat(bundle->fd, status) < 0 ? error_set(error, errno, "cannot stat the copy") : 0;
}

static int read_index(struct session *session, struct bundle *bundle, struct machine_error *error)
{
        _cleanup_close_ int list = open_spool(session, error);
        struct worker_result result;
        int r;

        if (list < 0) {
                return list;
        }
        r = session_run(session, WORKER_INDEX, bundle->fd, false, bundle->size, list, &result,
                        error);
        return r < 0 ? r : members_read(list, &bundle->members, error);
}

static int open_input(const char *path, struct machine_error *error)
{
        int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                        : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0) {
                int saved = errno;

                error_set(error, saved, "cannot open %s", path);
                if (saved == ENOENT) {
                        error_kind(error, MACHINE_ERROR_NO_INPUT);
                }
                return -saved;
        }
        return fd;
}

int bundle_open(struct session *session, const char *path, struct bundle *ret,
                struct machine_error *error)
{
        _cleanup_bundle_ struct bundle bundle = BUNDLE_INIT;
        struct stat status;
        int r = 0;

        bundle.fd = open_input(path, error);
        if (bundle.fd < 0) {
                return bundle.fd;
        }
        if (fstat(bundle.fd, &status) < 0) {
                return error_set(error, errno, "cannot stat %s", path);
        }
        bundle.directory = S_ISDIR(status.st_mode);
        if (!bundle.directory) {
                if (!is_plain(bundle.fd, &status)) {
                        r = spool(session, &bundle, &status, error);
                }
                bundle.size = (uint64_t)status.st_size;
                if (r == 0 && bundle.size == 0) {
                        r = error_say(error, EBADMSG, "%s is empty", path);
                }
                if (r == 0) {
                        r = read_index(session, &bundle, error);
                }
                if (r < 0) {
                        error_prefix(error, "%s", strcmp(path, "-") ? path : "standard input");
                        return r;
                }
        }
        *ret = bundle;
        bundle = (struct bundle)BUNDLE_INIT;
        return 0;
}

bool bundle_has(const struct bundle *bundle, const char *path)
{
        if (bundle->directory) {
                _cleanup_close_ int fd = path_open_in_root(bundle->fd, path, O_PATH, 0);

                return fd >= 0;
        }
        return members_find(&bundle->members, path);
}

void bundle_file_close(struct bundle_file *file)
{
        if (file->owned) {
                fd_close(file->fd);
        }
        *file = (struct bundle_file)BUNDLE_FILE_INIT;
}

static int lacks(const char *path, struct machine_error *error)
{
        _cleanup_free_ char *printable = string_printable(path);

        return error_say(error, ENOENT, "the archive lacks %s", printable ? printable : "");
}

int bundle_find(const struct bundle *bundle, const char *path, struct bundle_file *ret,
                struct machine_error *error)
{
        const struct member *member;

        if (bundle->directory) {
                struct stat status;
                _cleanup_close_ int fd =
                        path_open_in_root(bundle->fd, path, O_RDONLY | O_NONBLOCK, 0);

                if (fd < 0) {
                        return fd == -ENOENT ? lacks(path, error)
                                             : error_set(error, fd, "cannot open %s", path);
                }
                if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
                        return error_say(error, EBADMSG, "%s is not a regular file", path);
                }
                *ret = (struct bundle_file){ .fd = TAKE_FD(fd),
                                             .owned = true,
                                             .length = (uint64_t)status.st_size };
                return 0;
        }
        member = members_find(&bundle->members, path);
        if (!member) {
                return lacks(path, error);
        }
        if (member->offset > bundle->size || member->size > bundle->size - member->offset) {
                return error_say(error, EBADMSG, "the archive is truncated");
        }
        *ret = (struct bundle_file){ .fd = bundle->fd,
                                     .offset = member->offset,
                                     .length = member->size };
        return 0;
}

static int read_range(const struct bundle_file *file, char *text)
{
        uint64_t at = 0;

        while (at < file->length) {
                ssize_t n = pread(file->fd, text + at, (size_t)(file->length - at),
                                  (off_t)(file->offset + at));

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n <= 0) {
                        return n < 0 ? -errno : -ENODATA;
                }
                at += (uint64_t)n;
        }
        text[at] = '\0';
        return 0;
}

int bundle_read(const struct bundle *bundle, const char *path, size_t maximum, char **ret,
                size_t *ret_length, struct machine_error *error)
{
        _cleanup_bundle_file_ struct bundle_file file = BUNDLE_FILE_INIT;
        _cleanup_free_ char *text = NULL;
        int r = bundle_find(bundle, path, &file, error);

        if (r < 0) {
                return r;
        }
        if (file.length > maximum) {
                return error_say(error, EFBIG, "%s of the archive is longer than %zu bytes", path,
                                 maximum);
        }
        text = malloc((size_t)file.length + 1);
        if (!text) {
                return error_oom(error);
        }
        r = read_range(&file, text);
        if (r < 0) {
                return error_set(error, r, "cannot read %s of the archive", path);
        }
        *ret = TAKE_PTR(text);
        *ret_length = (size_t)file.length;
        return 0;
}

void bundle_blob_path(const char *digest, char ret[static BUNDLE_PATH_SIZE])
{
        (void)snprintf(ret, BUNDLE_PATH_SIZE, "blobs/%.*s/%s",
                       (int)(digest_digits(digest) - 1 - digest), digest, digest_digits(digest));
}

int bundle_read_blob(const struct bundle *bundle, const struct descriptor *descriptor, char **ret,
                     struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        char path[BUNDLE_PATH_SIZE];
        digest_text found;
        size_t length;
        int r;

        bundle_blob_path(descriptor->digest, path);
        r = bundle_read(bundle, path, DOCUMENT_SIZE_MAX, &text, &length, error);
        if (r < 0) {
                return r;
        }
        if (length != descriptor->size) {
                return error_say(error, EBADMSG, "%s is %zu bytes long, expected %llu", path,
                                 length, (unsigned long long)descriptor->size);
        }
        r = hash_memory(text, length, digest_algorithm_of(descriptor->digest), found);
        if (r < 0) {
                return error_set(error, r, "cannot compute a digest");
        }
        if (strcmp(found, descriptor->digest) != 0) {
                return hash_mismatch(error, path, descriptor->digest, found);
        }
        *ret = TAKE_PTR(text);
        return 0;
}
