/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/checksum.h"
#include "image/tar_reader.h"
#include "image/unpack_internal.h"

#define PAGE 4096

/* The disk begins with what is there instead of with everything when the layer is synced. */
#define WRITEBACK_SIZE (8U << 20)

/* The largest file that any of Linux' file systems holds is beyond this. */
#define FILE_SIZE_MAX (INT64_C(1) << 43)

struct writer {
        struct unpacker *self;
        int fd;
        uint64_t end;     /* of what was written or left out as zeros */
        uint64_t written; /* end of what was written */
        uint64_t sent;    /* end of what the kernel was told to begin to write to disk */
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

/* Writes a piece and leaves pages of zeros out: a layer of zeros costs no disk. */
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

static int write_block(struct writer *writer, const void *data, size_t length, int64_t offset)
{
        if (offset < 0 || (uint64_t)offset < writer->end || offset > FILE_SIZE_MAX) {
                return error_say(writer->self->error, EBADMSG,
                                 "the layer is refused: a sparse file's map goes backwards");
        }
        writer->checksum = checksum_add_zeros(writer->checksum, (uint64_t)offset - writer->end);
        writer->checksum = checksum_add(writer->checksum, data, length);
        writer->end = (uint64_t)offset + length;
        if (length > 0) {
                int r = write_sparsely(writer, data, length, (uint64_t)offset);

                if (r < 0) {
                        return unpack_failed(writer->self, r, "write");
                }
        }
        if (writer->end - writer->sent >= WRITEBACK_SIZE) {
                /* No file system has to know how. */
                (void)sync_file_range(writer->fd, (off_t)writer->sent,
                                      (off_t)(writer->end - writer->sent), SYNC_FILE_RANGE_WRITE);
                writer->sent = writer->end;
        }
        return 0;
}

int unpack_content(struct unpacker *self, int fd, struct layer_entry *described)
{
        int64_t size = archive_entry_size(self->entry);
        struct writer writer = { .self = self, .fd = fd };

        if (size < 0 || size > FILE_SIZE_MAX) {
                return error_say(self->error, EBADMSG,
                                 "the layer is refused: a file in it has an impossible size");
        }
        while (size > 0) {
                const void *data;
                size_t length;
                int64_t offset;
                int r = archive_read_data_block(self->archive, &data, &length, &offset);

                if (r == ARCHIVE_EOF) {
                        break;
                }
                if (r != ARCHIVE_OK) {
                        return archive_failed(self->archive, self->error);
                }
                if (archive_is_cut_short(self->input, data)) {
                        return error_say(self->error, EBADMSG,
                                         "the tar archive is damaged: it ends within a file");
                }
                r = write_block(&writer, data, length, offset);
                if (r < 0) {
                        return r;
                }
        }
        if (writer.end > (uint64_t)size) {
                return error_say(self->error, EBADMSG,
                                 "the layer is refused: a file in it is longer than it says");
        }
        /* The end of the file may be a hole. */
        if (writer.written < (uint64_t)size && ftruncate(fd, (off_t)size) < 0) {
                return unpack_failed(self, -errno, "write");
        }
        described->size = (uint64_t)size;
        described->content = checksum_add_zeros(writer.checksum, (uint64_t)size - writer.end);
        self->result.bytes += (uint64_t)size;
        return 0;
}

/* Collects what is kept of an entry's attributes; the names and values are libarchive's. */
static int collect_attributes(struct unpacker *self, struct unpack_attributes *ret)
{
        int left = archive_entry_xattr_reset(self->entry);
        size_t total = 0;

        ret->count = 0;
        while (left-- > 0) {
                const char *name;
                const void *value;
                size_t length;

                if (archive_entry_xattr_next(self->entry, &name, &value, &length) != ARCHIVE_OK) {
                        break;
                }
                /* A layer that marks directories for overlayfs itself would redirect lookups. */
                if (!name || !entry_attribute_counts(name)) {
                        continue;
                }
                total += length;
                if (ret->count == UNPACK_ATTRIBUTES_MAX || total > UNPACK_ATTRIBUTES_SIZE_MAX ||
                    strlen(name) > XATTR_NAME_MAX) {
                        return error_say(self->error, EBADMSG,
                                         "the layer is refused: a file in it has too many extended "
                                         "attributes, or too long ones");
                }
                ret->items[ret->count++] = (struct entry_attribute){ .name = (char *)name,
                                                                     .value = (void *)value,
                                                                     .length = length };
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

static int set_attributes(struct unpacker *self, int fd, const char *name,
                          struct layer_entry *described)
{
        struct unpack_attributes attributes;
        size_t kept = 0;
        int r;

        if (archive_entry_xattr_count(self->entry) == 0) {
                return 0;
        }
        r = collect_attributes(self, &attributes);
        for (size_t i = 0; r == 0 && i < attributes.count; i++) {
                struct entry_attribute *attribute = &attributes.items[i];

                r = set_attribute(fd, name, attribute);
                if (r == -EOPNOTSUPP || (r == -EPERM && fd < 0)) {
                        /* user.* on links and devices, or a file system without them. */
                        self->result.ignored++;
                        r = 0;
                        continue;
                }
                if (r < 0) {
                        return unpack_failed(self, r, "set an extended attribute of");
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

/* What a parent's default list gave to a new file is not the layer's. */
static void drop_inherited(int fd, const char *name)
{
        static const char *const names[] = { "system.posix_acl_access",
                                             "system.posix_acl_default" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                (void)(fd >= 0 ? fremovexattr(fd, names[i]) : lremovexattr(name, names[i]));
        }
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
                return unpack_failed(self, -errno, "change the owner of");
        }
        /* A fresh file was made with its permissions; special bits are not among them. */
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
                /* What is made in it changes its time: that is set at the end. Its set-group-id bit
                 * may have changed, which new files in it inherit. */
                if (self->tree.parent_fd >= 0 && parent_fd != self->tree.parent_fd) {
                        tree_forget_parent(&self->tree);
                }
                return 0;
        }
        r = fd >= 0 ? futimens(fd, times) : utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW);
        return r < 0 ? unpack_failed(self, -errno, "set the time of") : 0;
}
