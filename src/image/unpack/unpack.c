/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/unpack/unpack_internal.h"

int unpack_failed(struct unpacker *self, int number, const char *action)
{
        _cleanup_free_ char *printable = string_printable(self->path);

        if (number == -ENOSPC || number == -EDQUOT) {
                error_set(self->error, number, "cannot unpack the %s", self->what);
                error_hint(self->error, "make room on the file system of the state directory; "
                                        "\"machinectl-lite prune\" removes unused images");
                return number;
        }
        return error_set(self->error, number, "cannot %s /%s of the %s", action,
                         printable ? printable : "", self->what);
}

static int refuse(struct unpacker *self, const char *reason)
{
        _cleanup_free_ char *printable = string_printable(self->path);

        return error_say(self->error, EBADMSG, "the %s is refused: /%s %s", self->what,
                         printable ? printable : "", reason);
}

int unpack_clear_way(struct unpacker *self, int parent_fd, const char *name)
{
        int r = tree_take_away(&self->tree, parent_fd, name);

        return r < 0 ? unpack_failed(self, r, "replace") : 0;
}

/* Describes the entry for the list, without its content. */
static void describe(struct unpacker *self, char type, struct layer_entry *ret)
{
        const struct tar_entry *entry = self->entry;

        *ret = (struct layer_entry){
                .type = type,
                .mode = type == 'l' ? 0777 : entry->mode,
                .uid = self->one_owner ? 0 : (uid_t)entry->uid,
                .gid = self->one_owner ? 0 : (gid_t)entry->gid,
                .mtime = entry_time(entry->mtime, entry->mtime_nsec),
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
                return error_say(self->error, EFBIG, "the %s contains more than %llu files",
                                 self->what, (unsigned long long)TREE_ENTRIES_MAX);
        }
        return 0;
}

static int make_file(struct unpacker *self, int parent_fd, const char *name)
{
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        _cleanup_close_ int fd = -EBADF;
        struct layer_entry described;
        int r;

        describe(self, 'f', &described);
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

/* Removes what is in the way; a directory stays. If it hid a lower directory (as a whiteout or a
 * file), *opaque is set, because its replacement must hide it as well. */
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
        *opaque = !self->literal;
        return mkdirat(parent_fd, name, 0700) < 0 ? unpack_failed(self, -errno, "make") : 0;
}

static int make_directory(struct unpacker *self, int parent_fd, const char *name)
{
        _cleanup_close_ int fd = -EBADF;
        struct layer_entry described;
        bool opaque = false;
        int r = 0;

        describe(self, 'd', &described);
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

/* "./", the layer's root. */
static int set_root(struct unpacker *self)
{
        struct layer_entry described;
        int r;

        if (self->entry->type != TAR_DIRECTORY) {
                return error_say(self->error, EBADMSG,
                                 "the %s is refused: its root is not a directory", self->what);
        }
        if (!tree_is_implied(&self->tree, "")) {
                self->tree.replaced = true;
        }
        tree_forget_implied(&self->tree, "");
        tree_forget_parent(&self->tree);
        describe(self, 'd', &described);
        r = unpack_metadata(self, self->tree.root_fd, self->tree.root_fd, ".", &described);
        return r < 0 ? r : unpack_note(self, &described);
}

static int make_link(struct unpacker *self, int parent_fd, const char *name)
{
        const char *target = self->entry->target;
        struct layer_entry described;
        int r;

        if (!*target || strlen(target) >= PATH_MAX) {
                return refuse(self, "is a link with an empty or too long target");
        }
        describe(self, 'l', &described);
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

static int note_link(struct unpacker *self, const char *target)
{
        struct unpack_link *grown;

        if (self->link_count == UNPACK_LINKS_MAX) {
                return refuse(self,
                              "exceeds the limit of hard links to files that the layer lacks");
        }
        grown = reallocarray(self->links, self->link_count + 1, sizeof *grown);
        if (!grown) {
                return error_oom(self->error);
        }
        self->links = grown;
        grown += self->link_count++;
        *grown = (struct unpack_link){ strdup(self->path), strdup(target) };
        return grown->path && grown->target ? 0 : error_oom(self->error);
}

/* The target may be in a lower layer, which is not known here. */
static int link_below(struct unpacker *self, int parent_fd, const char *name, const char *target)
{
        int r;

        if (self->literal) {
                return refuse(self, "is a hard link to a file that the archive lacks");
        }
        r = unpack_clear_way(self, parent_fd, name);
        return r < 0 ? r : note_link(self, target);
}

/* Returns 1 if the layer has the file, 0 if it may be in a lower layer, or -errno. */
static int check_hard_link(struct unpacker *self, int fd, const char *name)
{
        struct stat status;

        if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return errno == ENOENT ? 0 : unpack_failed(self, -errno, "look at the target of");
        }
        if (S_ISDIR(status.st_mode)) {
                return refuse(self, "is a hard link to a directory");
        }
        if (!self->literal && S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                return refuse(self, "is a hard link to a file that the layer removes");
        }
        return 1;
}

/* Makes a hard link. Its parent and that of its target are resolved inside the root; the last
 * component of neither is followed. The target's metadata do not change. */
static int make_hard_link(struct unpacker *self, int parent_fd, const char *name)
{
        struct layer_entry described = { .type = 'h', .path = self->path };
        char target[PATH_MAX];
        const char *target_name;
        _cleanup_close_ int target_fd = -EBADF;
        int r = tree_clean_path(self->entry->target, target);

        if (r < 0 || *target == '\0') {
                return refuse(self, "is a hard link without a target");
        }
        if (strcmp(target, self->path) == 0) {
                return refuse(self, "is a hard link to itself");
        }
        target_fd = tree_find_parent(&self->tree, target, &target_name);
        if (target_fd < 0) {
                return target_fd == -ENOENT ? link_below(self, parent_fd, name, target)
                                            : refuse(self, "is a hard link below a file");
        }
        r = check_hard_link(self, target_fd, target_name);
        if (r <= 0) {
                return r < 0 ? r : link_below(self, parent_fd, name, target);
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
        const struct tar_entry *entry = self->entry;
        mode_t type = entry->type == TAR_FIFO               ? S_IFIFO
                      : entry->type == TAR_CHARACTER_DEVICE ? S_IFCHR
                                                            : S_IFBLK;
        dev_t number = type == S_IFIFO ? 0
                                       : makedev((unsigned int)entry->device_major,
                                                 (unsigned int)entry->device_minor);
        struct layer_entry described;
        int r;

        /* The kernel has 12 and 20 bits (MINORBITS). */
        if (entry->device_major > 0xfff || entry->device_minor > 0xfffff) {
                return refuse(self, "is a device with a number that is invalid on Linux");
        }
        if (!self->literal && type == S_IFCHR && number == 0) {
                return refuse(self, "is a character device 0:0, a forged whiteout");
        }
        describe(self, (char)entry->type, &described);
        described.device = number;
        r = mknodat(parent_fd, name, type | 0600, number);
        if (r < 0 && errno == EEXIST) {
                r = unpack_clear_way(self, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                r = mknodat(parent_fd, name, type | 0600, number);
        }
        /* A user can make no devices, and machines get theirs from elsewhere. */
        if (r < 0 && errno == EPERM && type != S_IFIFO) {
                self->result.devices++;
                return 0;
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
        name = strrchr(self->path, '/');
        name = name ? name + 1 : self->path;
        if (!self->literal && unpack_is_whiteout(name)) {
                return unpack_whiteout(self, name);
        }
        parent_fd = tree_open_parent(&self->tree, self->path, &name, self->error);
        if (parent_fd < 0) {
                return parent_fd;
        }
        switch (self->entry->type) {
        case TAR_FILE:
                return make_file(self, parent_fd, name);
        case TAR_DIRECTORY:
                return make_directory(self, parent_fd, name);
        case TAR_LINK:
                return make_link(self, parent_fd, name);
        case TAR_HARD_LINK:
                return make_hard_link(self, parent_fd, name);
        case TAR_CHARACTER_DEVICE:
        case TAR_BLOCK_DEVICE:
        case TAR_FIFO:
                return make_node(self, parent_fd, name);
        case TAR_OTHER:
        default:
                return refuse(self, "has a type that a layer cannot contain");
        }
}

static int next_entry(struct unpacker *self)
{
        const struct tar_entry *entry;
        int r = tar_reader_next(self->reader, &entry, self->error);

        if (r <= 0) {
                return r;
        }
        self->entry = entry;
        if (tree_clean_path(entry->path, self->path) < 0) {
                return error_say(self->error, EBADMSG,
                                 "the %s is refused: a path in it is too long or too deep",
                                 self->what);
        }
        /* The kernel reserves the last id as invalid. */
        if (entry->uid < 0 || entry->uid >= UINT32_MAX || entry->gid < 0 ||
            entry->gid >= UINT32_MAX) {
                return refuse(self, "belongs to an id that is invalid on Linux");
        }
        r = make_entry(self);
        return r < 0 ? r : 1;
}

/* The archive's input: the stream, whose block is held until the next is requested. */
struct stream_input {
        struct stream *stream;
        bool holding;
        bool ended;
};

static void let_go(struct stream_input *input)
{
        if (input->holding) {
                stream_release(input->stream, 0);
                input->holding = false;
        }
}

static int read_stream(void *data, const uint8_t **ret, size_t *ret_length)
{
        struct stream_input *input = data;
        int r;

        let_go(input);
        *ret_length = 0;
        if (input->ended) {
                return 0;
        }
        r = stream_read(input->stream, 0, ret, ret_length);
        if (r < 0) {
                return r;
        }
        input->holding = *ret_length > 0;
        input->ended = !input->holding;
        return 0;
}

/* Data after the end of the archive is part of the layer's digest. */
static int drain(struct stream_input *input)
{
        const uint8_t *ignored;
        size_t length;
        int r;

        do {
                r = read_stream(input, &ignored, &length);
        } while (r == 0 && length > 0);
        return r;
}

static int unpack_all(struct unpacker *self)
{
        int r;

        do {
                r = next_entry(self);
        } while (r > 0);
        return r;
}

int unpack(struct stream *stream, const struct unpack_options *options, int root_fd, FILE *entries,
           FILE *implied, struct unpack_result *ret, struct machine_error *error)
{
        struct stream_input source = { .stream = stream };
        const struct tar_input input = { .read = read_stream, .data = &source };
        _cleanup_tar_reader_ struct tar_reader *reader = tar_reader_new(&input);
        struct unpacker self = { .literal = options->literal,
                                 .one_owner = options->one_owner,
                                 .what = options->literal ? "archive" : "layer",
                                 .tree = TREE_INIT(root_fd),
                                 .reader = reader,
                                 .entries = entries,
                                 .error = error };
        /* A layer without an entry for its root inherits the root of the layer below. */
        int r = reader ? tree_note_implied(&self.tree, "") : error_oom(error);

        if (r == 0) {
                r = unpack_all(&self);
        }
        if (r == 0) {
                r = drain(&source);
        }
        let_go(&source);
        if (r == 0) {
                r = unpack_finish(&self, implied);
        }
        tree_clear(&self.tree);
        for (size_t i = 0; i < self.link_count; i++) {
                free(self.links[i].path);
                free(self.links[i].target);
        }
        free(self.links);
        if (r == 0) {
                *ret = self.result;
        }
        return r;
}
