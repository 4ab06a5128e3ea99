/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/disk/fingerprint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "base/tree/walk.h"
#include "image/common/hash.h"

struct taking {
        struct hash hash;
        int64_t latest; /* times beyond count as this */
        int64_t newest;
};

/* "The value MUST be an ASCII representation of an integer with no fractional component"
 * (reproducible-builds.org/specs/source-date-epoch). */
static int read_epoch(int64_t *ret, struct machine_error *error)
{
        const char *text = getenv("SOURCE_DATE_EPOCH");
        uint64_t number;

        *ret = -1;
        if (!text) {
                return 0;
        }
        if (quantity_parse_number(text, &number) < 0 || number > INT32_MAX) {
                error_say(error, EINVAL, "SOURCE_DATE_EPOCH is \"%s\", and not a number of seconds",
                          text);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        *ret = (int64_t)number;
        return 0;
}

static int add_link(struct taking *taking, int directory_fd, const char *name)
{
        char target[PATH_MAX];
        ssize_t length = readlinkat(directory_fd, name, target, sizeof target);

        return length < 0 ? -errno : hash_add(&taking->hash, target, (size_t)length);
}

static int add_file(int directory_fd, const char *name, const char *path, void *data)
{
        struct taking *taking = data;
        struct stat info;
        char line[192];
        int length, r;

        /* The root comes first. Its time is that of the mount, if it is an overlay. */
        if (!*path) {
                return 0;
        }
        if (fstatat(directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (info.st_mtim.tv_sec > taking->newest) {
                taking->newest = info.st_mtim.tv_sec;
        }
        length = snprintf(line, sizeof line, " %o %u %u %" PRIu64 " %" PRIu64 " %" PRId64,
                          info.st_mode, info.st_uid, info.st_gid, (uint64_t)info.st_rdev,
                          S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0,
                          taking->latest >= 0 && info.st_mtim.tv_sec > taking->latest
                                  ? taking->latest
                                  : (int64_t)info.st_mtim.tv_sec);
        r = hash_add(&taking->hash, path, strlen(path) + 1);
        if (r == 0) {
                r = hash_add(&taking->hash, line, (size_t)length);
        }
        return r == 0 && S_ISLNK(info.st_mode) ? add_link(taking, directory_fd, name) : r;
}

int fingerprint_take(int tree_fd, struct fingerprint *ret, struct machine_error *error)
{
        struct taking taking = { .hash = HASH_INIT };
        int r = read_epoch(&taking.latest, error);

        if (r < 0) {
                return r;
        }
        r = hash_start(&taking.hash, DIGEST_SHA256);
        if (r == 0) {
                r = walk_tree(tree_fd, true, add_file, &taking, error);
        }
        if (r == 0) {
                r = hash_end(&taking.hash, ret->digest);
        }
        hash_clear(&taking.hash);
        if (r < 0) {
                return r == -EXDEV ? r : error_set(error, r, "cannot list the files of the root");
        }
        ret->epoch = taking.latest >= 0 ? taking.latest : taking.newest;
        return 0;
}

void uuid_format(const char *digits, uuid_text ret)
{
        (void)snprintf(ret, sizeof(uuid_text), "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8,
                       digits + 12, digits + 16, digits + 20);
}

static int derive(const struct fingerprint *fingerprint, const char *purpose, digest_text ret)
{
        _cleanup_free_ char *text = string_format("%s %s", purpose, fingerprint->digest);

        return text ? hash_memory(text, strlen(text), DIGEST_SHA256, ret) : -ENOMEM;
}

int fingerprint_derive(const struct fingerprint *fingerprint, const char *purpose, uuid_text ret)
{
        digest_text digest;
        char *digits = digest + strlen(DIGEST_PREFIX);
        int r = derive(fingerprint, purpose, digest);

        if (r == 0) {
                /* Version 4, variant 1 (RFC 9562). */
                digits[12] = '4';
                digits[16] = 'a';
                uuid_format(digits, ret);
        }
        return r;
}

int fingerprint_derive_salt(const struct fingerprint *fingerprint, digest_text ret)
{
        digest_text digest;
        int r = derive(fingerprint, "salt", digest);

        if (r == 0) {
                (void)strcpy(ret, digest + strlen(DIGEST_PREFIX));
        }
        return r;
}
