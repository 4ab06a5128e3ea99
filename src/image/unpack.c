/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/tar_reader.h"
#include "image/unpack_internal.h"

int unpack_failed(struct unpacker *self, int number, const char *action)
{
        _cleanup_free_ char *printable = string_printable(self->path);

        if (number == -ENOSPC || number == -EDQUOT) {
                error_set(self->error, number, "cannot unpack the layer");
                error_hint(self->error, "make room on the file system of the image store; "
                                        "\"machinectl-lite prune\" removes what no machine needs");
                return number;
        }
        return error_set(self->error, number, "cannot %s /%s of the layer", action,
                         printable ? printable : "");
}

static int refuse(struct unpacker *self, const char *reason)
{
        _cleanup_free_ char *printable = string_printable(self->path);

        return error_say(self->error, EBADMSG, "the layer is refused: /%s %s",
                         printable ? printable : "", reason);
}

int unpack_clear_way(struct unpacker *self, int parent_fd, const char *name)
{
        int r = tree_take_away(&self->tree, parent_fd, name);

        return r < 0 ? unpack_failed(self, r, "replace") : 0;
}

void unpack_describe(struct unpacker *self, char type, struct layer_entry *ret)
{
        struct archive_entry *entry = self->entry;

        *ret = (struct layer_entry){
                .type = type,
                .mode = type == 'l' ? 0777 : archive_entry_perm(entry) & 07777,
                .uid = (uid_t)archive_entry_uid(entry),
                .gid = (gid_t)archive_entry_gid(entry),
                .mtime = entry_time(archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)),
                .path = self->path,
        };
}

int unpack_note(struct unpacker *self, const struct layer_entry *entry)
{
        int r = entry_write(self->entries, entry);

        if (r < 0) {
                return unpack_failed(self, r, "note");
        }
        self->result.entries++;
        if (self->result.entries > TREE_ENTRIES_MAX) {
                return error_say(self->error, EFBIG, "the layer holds more than %llu files",
                                 (unsigned long long)TREE_ENTRIES_MAX);
        }
        return 0;
}

static int make_file(struct unpacker *self, int parent_fd, const char *name)
{
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        _cleanup_close_ int fd = -EBADF;
        struct layer_entry described;
        int r;

        unpack_describe(self, 'f', &described);
        fd = openat(parent_fd, name, flags, described.mode & 0777);
        if (fd < 0 && errno == EEXIST) {
                r = unpack_clear_way(self, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                fd = openat(parent_fd, name, flags, described.mode & 0777);
        }
        if (fd < 0) {
                return unpack_failed(self, -errno, "make");
        }
        r = unpack_content(self, fd, &described);
        if (r == 0) {
                r = unpack_metadata(self, fd, parent_fd, name, &described);
        }
        return r < 0 ? r : unpack_note(self, &described);
}

/* Where something is: a directory stays, anything else goes. What hid a lower directory before (a
 * whiteout, a file) must go on hiding it: *opaque. */
static int make_directory_over(struct unpacker *self, int parent_fd, const char *name, bool *opaque)
{
        struct stat status;
        int r;

        if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return unpack_failed(self, -errno, "look at");
        }
        if (S_ISDIR(status.st_mode)) {
                if (!tree_is_implied(&self->tree, self->path)) {
                        self->tree.replaced = true;
                }
                tree_forget_implied(&self->tree, self->path);
                return 0;
        }
        r = unpack_clear_way(self, parent_fd, name);
        if (r < 0) {
                return r;
        }
        *opaque = true;
        return mkdirat(parent_fd, name, 0700) < 0 ? unpack_failed(self, -errno, "make") : 0;
}

static int make_directory(struct unpacker *self, int parent_fd, const char *name)
{
        _cleanup_close_ int fd = -EBADF;
        struct layer_entry described;
        bool opaque = false;
        int r = 0;

        unpack_describe(self, 'd', &described);
        if (mkdirat(parent_fd, name, 0700) < 0) {
                r = errno == EEXIST ? make_directory_over(self, parent_fd, name, &opaque)
                                    : unpack_failed(self, -errno, "make");
        }
        if (r < 0) {
                return r;
        }
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                return unpack_failed(self, -errno, "open");
        }
        r = unpack_metadata(self, fd, parent_fd, name, &described);
        if (r == 0 && opaque) {
                r = tree_make_opaque(&self->tree, fd);
                if (r < 0) {
                        return unpack_failed(self, r, "make opaque");
                }
        }
        return r < 0 ? r : unpack_note(self, &described);
}

/* "./", the layer's own root. */
static int set_root(struct unpacker *self)
{
        struct layer_entry described;
        int r;

        if (archive_entry_hardlink(self->entry) ||
            archive_entry_filetype(self->entry) != AE_IFDIR) {
                return error_say(self->error, EBADMSG,
                                 "the layer is refused: its root is not a directory");
        }
        if (!tree_is_implied(&self->tree, "")) {
                self->tree.replaced = true;
        }
        tree_forget_implied(&self->tree, "");
        tree_forget_parent(&self->tree);
        unpack_describe(self, 'd', &described);
        r = unpack_metadata(self, self->tree.root_fd, self->tree.root_fd, ".", &described);
        return r < 0 ? r : unpack_note(self, &described);
}

static int make_link(struct unpacker *self, int parent_fd, const char *name)
{
        const char *target = archive_entry_symlink(self->entry);
        struct layer_entry described;
        int r;

        if (!target || !*target || strlen(target) >= PATH_MAX) {
                return refuse(self, "is a link to nothing, or to too long a path");
        }
        unpack_describe(self, 'l', &described);
        described.target = target;
        r = symlinkat(target, parent_fd, name);
        if (r < 0 && errno == EEXIST) {
                r = unpack_clear_way(self, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                r = symlinkat(target, parent_fd, name);
        }
        if (r < 0) {
                return unpack_failed(self, -errno, "make");
        }
        r = unpack_metadata(self, -EBADF, parent_fd, name, &described);
        return r < 0 ? r : unpack_note(self, &described);
}

static int check_hard_link(struct unpacker *self, int fd, const char *name)
{
        struct stat status;

        if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return errno == ENOENT ? refuse(self, "is a hard link to what the layer lacks")
                                       : unpack_failed(self, -errno, "look at the target of");
        }
        if (S_ISDIR(status.st_mode)) {
                return refuse(self, "is a hard link to a directory");
        }
        if (S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                return refuse(self, "is a hard link to what the layer removes");
        }
        return 0;
}

/* A hard link. Its parent and its target's are found inside the root; the last component of neither
 * is followed. The target's metadata stay as they are. */
static int make_hard_link(struct unpacker *self, int parent_fd, const char *name)
{
        struct layer_entry described = { .type = 'h', .path = self->path };
        char target[PATH_MAX];
        const char *target_name;
        _cleanup_close_ int target_fd = -EBADF;
        int r = tree_clean_path(archive_entry_hardlink(self->entry), target);

        if (r < 0 || *target == '\0') {
                return refuse(self, "is a hard link to no file");
        }
        if (strcmp(target, self->path) == 0) {
                return refuse(self, "is a hard link to itself");
        }
        target_fd = tree_find_parent(&self->tree, target, &target_name);
        if (target_fd < 0) {
                return refuse(self, "is a hard link to what the layer lacks");
        }
        r = check_hard_link(self, target_fd, target_name);
        if (r < 0) {
                return r;
        }
        r = linkat(target_fd, target_name, parent_fd, name, 0);
        if (r < 0 && errno == EEXIST) {
                r = unpack_clear_way(self, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                r = linkat(target_fd, target_name, parent_fd, name, 0);
        }
        if (r < 0) {
                return unpack_failed(self, -errno, "link");
        }
        described.target = target;
        return unpack_note(self, &described);
}

static int make_node(struct unpacker *self, int parent_fd, const char *name)
{
        mode_t type = archive_entry_filetype(self->entry);
        bool device = type != AE_IFIFO;
        uint64_t major_number = device ? (uint64_t)archive_entry_rdevmajor(self->entry) : 0;
        uint64_t minor_number = device ? (uint64_t)archive_entry_rdevminor(self->entry) : 0;
        dev_t number = makedev((unsigned int)major_number, (unsigned int)minor_number);
        struct layer_entry described;
        int r;

        /* The kernel has 12 and 20 bits (MINORBITS). */
        if (major_number > 0xfff || minor_number > 0xfffff) {
                return refuse(self, "is a device with a number that Linux does not have");
        }
        if (type == AE_IFCHR && number == 0) {
                return refuse(self, "is a character device 0:0, a forged whiteout");
        }
        unpack_describe(self, type == AE_IFCHR ? 'c' : type == AE_IFBLK ? 'b' : 'p', &described);
        described.device = number;
        r = mknodat(parent_fd, name, type | 0600, number);
        if (r < 0 && errno == EEXIST) {
                r = unpack_clear_way(self, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                r = mknodat(parent_fd, name, type | 0600, number);
        }
        if (r < 0) {
                return unpack_failed(self, -errno, "make");
        }
        r = unpack_metadata(self, -EBADF, parent_fd, name, &described);
        return r < 0 ? r : unpack_note(self, &described);
}

static int make_entry(struct unpacker *self)
{
        const char *name;
        int parent_fd;

        if (*self->path == '\0') {
                return set_root(self);
        }
        parent_fd = tree_open_parent(&self->tree, self->path, &name, self->error);
        if (parent_fd < 0) {
                return parent_fd;
        }
        if (unpack_is_whiteout(name)) {
                return unpack_whiteout(self, parent_fd, name);
        }
        if (archive_entry_hardlink(self->entry)) {
                return make_hard_link(self, parent_fd, name);
        }
        switch (archive_entry_filetype(self->entry)) {
        case AE_IFREG:
                return make_file(self, parent_fd, name);
        case AE_IFDIR:
                return make_directory(self, parent_fd, name);
        case AE_IFLNK:
                return make_link(self, parent_fd, name);
        case AE_IFCHR:
        case AE_IFBLK:
        case AE_IFIFO:
                return make_node(self, parent_fd, name);
        default:
                return refuse(self, "is of a type that a layer cannot hold");
        }
}

static int next_entry(struct unpacker *self)
{
        const char *path;
        int64_t uid, gid;
        int r = archive_next(self->archive, &self->entry, self->error);

        if (r <= 0) {
                return r;
        }
        path = archive_entry_pathname(self->entry);
        if (!path || tree_clean_path(path, self->path) < 0) {
                return error_say(self->error, EBADMSG,
                                 "the layer is refused: a path in it is too long or too deep");
        }
        uid = archive_entry_uid(self->entry);
        gid = archive_entry_gid(self->entry);
        /* The last id is "no id" to the kernel. */
        if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX) {
                return refuse(self, "belongs to an id that Linux does not have");
        }
        r = make_entry(self);
        return r < 0 ? r : 1;
}

int unpack(struct stream *stream, int root_fd, FILE *entries, FILE *implied,
           struct unpack_result *ret, struct machine_error *error)
{
        _cleanup_archive_input_ struct archive_input input = { .stream = stream };
        struct unpacker self = {
                .tree = TREE_INIT(root_fd), .input = &input, .entries = entries, .error = error
        };
        int r;

        /* A layer without an entry for its root has the lower layer's. */
        r = tree_note_implied(&self.tree, "");
        if (r == 0) {
                r = archive_input_open(&input, &self.archive, error);
        }
        while (r == 0) {
                r = next_entry(&self);
                if (r == 0) {
                        break;
                }
                r = r < 0 ? r : 0;
        }
        if (r == 0) {
                r = archive_input_drain(&input);
        }
        if (r == 0) {
                r = unpack_finish(&self, implied);
        }
        tree_clear(&self.tree);
        if (r == 0) {
                *ret = self.result;
        }
        return r;
}
