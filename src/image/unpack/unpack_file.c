/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/common/checksum.h"
#include "image/unpack/unpack_internal.h"

#define PAGE 4096

/* Start writing to disk early, so that less is left to do when the layer is synced. */
#define WRITEBACK_SIZE (8U << 20)

/* Beyond the largest file of any file system of Linux. */
#define FILE_SIZE_MAX (UINT64_C(1) << 43)

/* With less free space, a file system counts as full. */
#define ATTRIBUTE_RESERVE (1U << 20)

struct writer {
        struct unpacker *self;
        int fd;
        uint64_t end;     /* of the data, including omitted zeros */
        uint64_t written; /* end of what was written */
        uint64_t sent;    /* end of the data whose writeback was started */
        uint32_t checksum;
};

static bool is_zero(const uint8_t *data, size_t length)
{
        return data[0] == 0 && data[length - 1] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

static int write_at(struct writer *writer, const uint8_t *data, size_t length, uint64_t offset)
{
        while (length > 0) {
                ssize_t n = pwrite(writer->fd, data, length, (off_t)offset);

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n < 0) {
                        return -errno;
                }
                data += n;
                offset += (uint64_t)n;
                length -= (size_t)n;
                writer->written = offset;
        }
        return 0;
}

/* Writes a piece but omits pages of zeros, so that they use no disk space. */
static int write_sparsely(struct writer *writer, const uint8_t *data, size_t length,
                          uint64_t offset)
{
        size_t start = 0, at = 0;
        int r = 0;

        while (at < length && r == 0) {
                size_t to_page = PAGE - (size_t)((offset + at) % PAGE);
                size_t step = to_page < length - at ? to_page : length - at;

                if (step == PAGE && is_zero(data + at, PAGE)) {
                        r = write_at(writer, data + start, at - start, offset + start);
                        start = at + PAGE;
                }
                at += step;
        }
        return r == 0 ? write_at(writer, data + start, length - start, offset + start) : r;
}

static int write_block(struct writer *writer, const void *data, size_t length, uint64_t offset)
{
        writer->checksum = checksum_add_zeros(writer->checksum, offset - writer->end);
        writer->checksum = checksum_add(writer->checksum, data, length);
        writer->end = offset + length;
        if (length > 0) {
                int r = write_sparsely(writer, data, length, offset);

                if (r < 0) {
                        return unpack_failed(writer->self, r, "write");
                }
        }
        if (writer->end - writer->sent >= WRITEBACK_SIZE) {
                /* Not all file systems support this. */
                (void)sync_file_range(writer->fd, (off_t)writer->sent,
                                      (off_t)(writer->end - writer->sent), SYNC_FILE_RANGE_WRITE);
                writer->sent = writer->end;
        }
        return 0;
}

int unpack_content(struct unpacker *self, int fd, struct layer_entry *described)
{
        uint64_t size = self->entry->size;
        struct writer writer = { .self = self, .fd = fd };
        int r;

        if (size > FILE_SIZE_MAX) {
                return error_say(self->error, EBADMSG,
                                 "the %s is refused: a file in it has an impossible size",
                                 self->what);
        }
        do {
                const void *data;
                size_t length;
                uint64_t offset;

                r = tar_reader_content(self->reader, &data, &length, &offset, self->error);
                if (r > 0) {
                        r = write_block(&writer, data, length, offset);
                        r = r < 0 ? r : 1;
                }
        } while (r > 0);
        if (r < 0) {
                return r;
        }
        /* The file may end with a hole. */
        if (writer.written < size && ftruncate(fd, (off_t)size) < 0) {
                return unpack_failed(self, -errno, "write");
        }
        described->size = size;
        described->content = checksum_add_zeros(writer.checksum, size - writer.end);
        self->result.bytes += size;
        return 0;
}

/* Collects the kept attributes of an entry; the reader owns names and values. */
static int collect_attributes(struct unpacker *self, struct unpack_attributes *ret)
{
        size_t total = 0;

        ret->count = 0;
        for (size_t i = 0; i < self->entry->attribute_count; i++) {
                const struct entry_attribute *attribute = &self->entry->attributes[i];

                /* With overlayfs' own attributes, a layer could redirect lookups. */
                if (!entry_attribute_counts(attribute->name)) {
                        continue;
                }
                total += attribute->length;
                if (ret->count == UNPACK_ATTRIBUTES_MAX || total > UNPACK_ATTRIBUTES_SIZE_MAX ||
                    strlen(attribute->name) > XATTR_NAME_MAX) {
                        return error_say(self->error, EBADMSG,
                                         "the %s is refused: a file in it has too many extended "
                                         "attributes, or too long ones",
                                         self->what);
                }
                ret->items[ret->count++] = *attribute;
        }
        return 0;
}

static int set_attribute(int fd, const char *name, const struct entry_attribute *attribute)
{
        /* The working directory is the parent's: see unpack_metadata(). */
        int r = fd >= 0 ? fsetxattr(fd, attribute->name, attribute->value, attribute->length, 0)
                        : lsetxattr(name, attribute->name, attribute->value, attribute->length, 0);

        return r < 0 ? -errno : 0;
}

/* Capabilities of version 3 contain the host's id of one user namespace's root. In a layer, whose
 * ids are shifted by the mount, they have no effect, and a file with them cannot even be changed.
 * Version 2 is for the namespace of the mount (linux/capability.h, struct vfs_ns_cap_data). */
static void make_plain(struct entry_attribute *attribute)
{
        uint8_t *value = attribute->value;

        if (strcmp(attribute->name, "security.capability") == 0 &&
            attribute->length == XATTR_CAPS_SZ_3 && value[3] == VFS_CAP_REVISION_3 >> 24) {
                value[3] = VFS_CAP_REVISION_2 >> 24;
                attribute->length = XATTR_CAPS_SZ_2;
        }
}

/* ext4 and others reserve one block for attributes and report a full disk if it is exceeded. E2BIG
 * means too long for any file system. */
static int attribute_failed(struct unpacker *self, const struct entry_attribute *attribute, int r)
{
        _cleanup_free_ char *path = string_printable(self->path);
        _cleanup_free_ char *name = string_printable(attribute->name);
        struct statfs status;
        bool full = r == -ENOSPC && (fstatfs(self->tree.root_fd, &status) < 0 ||
                                     status.f_bfree * (uint64_t)status.f_bsize <
                                             attribute->length + ATTRIBUTE_RESERVE);

        if (full || (r != -ENOSPC && r != -E2BIG && r != -ERANGE)) {
                return unpack_failed(self, r, "set an extended attribute of");
        }
        error_say(
                self->error, E2BIG,
                "the extended attribute %s of /%s, %zu bytes long, is too big for the file system "
                "of the image store",
                name ? name : "", path ? path : "", attribute->length);
        error_hint(self->error, "xfs and btrfs hold 64 KiB; ext4 about 4 KiB for all attributes of "
                                "a file, unless it was made with \"-O ea_inode\"");
        return -E2BIG;
}

/* Verification compares the value that the kernel returns, which may be stored in another form. */
static int read_back(int fd, const char *name, struct entry_attribute *attribute)
{
        ssize_t n = fd >= 0 ? fgetxattr(fd, attribute->name, attribute->value, attribute->length)
                            : lgetxattr(name, attribute->name, attribute->value, attribute->length);

        if (n >= 0) {
                attribute->length = (size_t)n;
        }
        return n < 0 ? -errno : 0;
}

static int set_attributes(struct unpacker *self, int fd, const char *name,
                          struct layer_entry *described)
{
        struct unpack_attributes attributes;
        size_t kept = 0;
        int r;

        if (self->entry->attribute_count == 0) {
                return 0;
        }
        r = collect_attributes(self, &attributes);
        for (size_t i = 0; r == 0 && i < attributes.count; i++) {
                struct entry_attribute *attribute = &attributes.items[i];

                make_plain(attribute);
                r = set_attribute(fd, name, attribute);
                if (r == -EOPNOTSUPP || (r == -EPERM && fd < 0)) {
                        /* user.* on links and devices, or a file system without them. */
                        self->result.ignored++;
                        r = 0;
                        continue;
                }
                if (r == 0 && strcmp(attribute->name, "security.capability") == 0) {
                        r = read_back(fd, name, attribute);
                }
                if (r < 0) {
                        return attribute_failed(self, attribute, r);
                }
                if (strcmp(attribute->name, "system.posix_acl_default") == 0) {
                        self->tree.default_lists = true;
                }
                attributes.items[kept++] = *attribute;
        }
        if (r == 0) {
                described->attributes = entry_attributes_checksum(attributes.items, kept);
        }
        return r;
}

/* A default ACL inherited from the parent is not part of the layer. */
static void drop_inherited(int fd, const char *name)
{
        static const char *const names[] = { "system.posix_acl_access",
                                             "system.posix_acl_default" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                (void)(fd >= 0 ? fremovexattr(fd, names[i]) : lremovexattr(name, names[i]));
        }
}

/* The kernel knows no id that the caller's user namespace lacks. */
static int owner_failed(struct unpacker *self, const struct layer_entry *described, int number)
{
        _cleanup_free_ char *path = string_printable(self->path);

        if (number != -EINVAL) {
                return unpack_failed(self, number, "change the owner of");
        }
        error_say(self->error, EINVAL,
                  "/%s belongs to %u:%u, and the user's subordinate ids are too few for that",
                  path ? path : "", described->uid, described->gid);
        error_hint(self->error,
                   "root adds more with: usermod --add-subuids and --add-subgids; or give "
                   "all files of the image to you: load --owner=self");
        return -EINVAL;
}

static int set_owner_and_mode(struct unpacker *self, int fd, int parent_fd, const char *name,
                              const struct layer_entry *described)
{
        bool fresh_file = described->type == 'f' && !self->tree.default_lists;
        bool owner = described->uid != 0 || described->gid != 0 || self->tree.parent_set_gid ||
                     described->type == 'd';

        if (owner && (fd >= 0 ? fchown(fd, described->uid, described->gid)
                              : fchownat(parent_fd, name, described->uid, described->gid,
                                         AT_SYMLINK_NOFOLLOW)) < 0) {
                return owner_failed(self, described, -errno);
        }
        /* A new file was created with its permissions but without special bits. */
        if (described->type == 'l' || (fresh_file && !(described->mode & 07000))) {
                return 0;
        }
        if ((fd >= 0 ? fchmod(fd, described->mode)
                     : fchmodat(parent_fd, name, described->mode, 0)) < 0) {
                return unpack_failed(self, -errno, "change the mode of");
        }
        return 0;
}

int unpack_metadata(struct unpacker *self, int fd, int parent_fd, const char *name,
                    struct layer_entry *described)
{
        const struct timespec times[2] = { described->mtime, described->mtime };
        int r;

        if (fd < 0 && fchdir(parent_fd) < 0) {
                return unpack_failed(self, -errno, "enter the directory of");
        }
        if (self->tree.default_lists && described->type != 'l') {
                drop_inherited(fd, name);
        }
        r = set_owner_and_mode(self, fd, parent_fd, name, described);
        if (r == 0) {
                r = set_attributes(self, fd, name, described);
        }
        if (r < 0) {
                return r;
        }
        if (described->type == 'd') {
                /* Creating files in a directory changes its time, so that is set at the end. Its
                 * set-group-id bit, which new files inherit, may have changed. */
                if (self->tree.parent_fd >= 0 && parent_fd != self->tree.parent_fd) {
                        tree_forget_parent(&self->tree);
                }
                return 0;
        }
        r = fd >= 0 ? futimens(fd, times) : utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW);
        return r < 0 ? unpack_failed(self, -errno, "set the time of") : 0;
}
