/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/walk.h"
#include "image/common/opaque.h"
#include "image/common/whiteouts.h"
#include "image/unpack/unpack_internal.h"

#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META   ".wh..wh."

bool unpack_is_whiteout(const char *name)
{
        return string_after(name, WHITEOUT);
}

static int make_opaque(struct unpacker *self, int directory_fd)
{
        int r = tree_make_opaque(&self->tree, directory_fd);

        /* The walk for the list finds opaque directories. That is cheaper than a line that has to
         * be updated when entries replace each other. */
        self->tree.replaced = true;
        return r < 0 ? unpack_failed(self, r, "make opaque the directory of") : 0;
}

/* The path that a whiteout in the entry's directory hides. */
static void hidden_path(const struct unpacker *self, const char *name, char ret[static PATH_MAX])
{
        const char *slash = strrchr(self->path, '/');

        (void)snprintf(ret, PATH_MAX, "%.*s%s", slash ? (int)(slash + 1 - self->path) : 0,
                       self->path, name);
}

static int note_whiteout(struct unpacker *self, const char *name)
{
        struct layer_entry described = { .type = 'w' };
        char path[PATH_MAX];

        hidden_path(self, name, path);
        described.path = path;
        return unpack_note(self, &described);
}

static bool is_implied(const char *path, void *data)
{
        return tree_is_implied(data, path);
}

/* The layer's own file of the hidden name. A directory of the layer hides the lower one; a
 * directory that exists only for whiteouts is removed. */
static int hide_directory(struct unpacker *self, int parent_fd, const char *name)
{
        _cleanup_close_ int fd = -EBADF;
        char path[PATH_MAX];
        int r = 0;

        hidden_path(self, name, path);
        if (tree_is_implied(&self->tree, path)) {
                r = whiteouts_alone(parent_fd, name, path, is_implied, &self->tree);
        }
        if (r > 0) {
                r = unpack_clear_way(self, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                tree_forget_implied(&self->tree, path);
                return mknodat(parent_fd, name, S_IFCHR, 0) < 0
                               ? unpack_failed(self, -errno, "make")
                               : note_whiteout(self, name);
        }
        if (r < 0) {
                return unpack_failed(self, r, "look at");
        }
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? unpack_failed(self, -errno, "open") : make_opaque(self, fd);
}

/* A whiteout only applies to lower layers: the layer's own file of that name stays. */
static int hide(struct unpacker *self, int parent_fd, const char *name)
{
        struct stat status;

        if (mknodat(parent_fd, name, S_IFCHR, 0) == 0) {
                return note_whiteout(self, name);
        }
        if (errno != EEXIST || fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return unpack_failed(self, -errno, "make");
        }
        return S_ISDIR(status.st_mode) ? hide_directory(self, parent_fd, name) : 0;
}

/* Whether a path component is a file of the layer: it then hides everything below, and a whiteout
 * has no effect. */
static bool is_moot(struct unpacker *self)
{
        const char *name;
        _cleanup_close_ int fd = tree_find_parent(&self->tree, self->path, &name);

        return fd == -ENOTDIR;
}

int unpack_whiteout(struct unpacker *self, const char *name)
{
        const char *hidden = name + strlen(WHITEOUT);
        int parent_fd;

        /* AUFS kept its own records under these names. */
        if (strcmp(name, WHITEOUT_OPAQUE) != 0 && string_after(name, WHITEOUT_META)) {
                return 0;
        }
        if (!path_is_component(hidden)) {
                return error_say(self->error, EBADMSG,
                                 "the layer is refused: \"%s\" is a whiteout without a name", name);
        }
        if (is_moot(self)) {
                return 0;
        }
        parent_fd = tree_open_parent(&self->tree, self->path, &name, self->error);
        if (parent_fd < 0) {
                return parent_fd;
        }
        if (strcmp(name, WHITEOUT_OPAQUE) == 0) {
                return make_opaque(self, parent_fd);
        }
        return opaque_is_set(parent_fd) ? 0 : hide(self, parent_fd, hidden);
}

/* Sets the time of a directory by path; it may have been replaced since. */
static int set_time(struct unpacker *self, const char *path, struct timespec mtime)
{
        const struct timespec times[2] = { mtime, mtime };
        _cleanup_close_ int fd = path_open_in_root(self->tree.root_fd, *path ? path : ".",
                                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

        if (fd < 0) {
                return self->tree.replaced && (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                               ? 0
                               : unpack_failed(self, fd, "open a directory below");
        }
        return futimens(fd, times) < 0 ? unpack_failed(self, -errno, "set the time of") : 0;
}

/* All files exist now: the list contains the directories' times. */
static int set_times(struct unpacker *self)
{
        _cleanup_free_ char *line = NULL;
        size_t room = 0;
        ssize_t length;

        if (fflush(self->entries) != 0) {
                return unpack_failed(self, -errno, "note");
        }
        rewind(self->entries);
        while ((length = getline(&line, &room, self->entries)) > 0) {
                struct layer_entry entry;
                int r;

                if (line[0] != 'd') {
                        continue;
                }
                line[length - 1] = '\0';
                r = entry_parse(line, &entry);
                if (r == 0) {
                        r = set_time(self, entry.path, entry.mtime);
                }
                if (r < 0) {
                        return r;
                }
        }
        return fseek(self->entries, 0, SEEK_END) < 0 ? -errno : 0;
}

struct implied {
        struct unpacker *self;
        FILE *file;
};

static int finish_implied(const char *path, void *data)
{
        struct implied *implied = data;
        struct unpacker *self = implied->self;
        struct layer_entry described = { .type = 'd', .mode = 0755, .path = path };
        struct stat status;
        _cleanup_close_ int fd =
                path_open_in_root(self->tree.root_fd, *path ? path : ".", O_PATH | O_NOFOLLOW, 0);

        if (fd < 0 || fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode)) {
                return 0;
        }
        if (putc('/', implied->file) == EOF || entry_write_escaped(implied->file, path) < 0 ||
            putc('\n', implied->file) == EOF) {
                return unpack_failed(self, -EIO, "note");
        }
        self->result.implied++;
        if (set_time(self, path, (struct timespec){ 0 }) < 0) {
                return -EIO;
        }
        return unpack_note(self, &described);
}

/* Describes one file of the finished tree for the list. */
static int list_file(int directory_fd, const char *name, const char *path, void *data)
{
        struct unpacker *self = data;
        struct layer_entry described;
        char target[PATH_MAX];
        int r = entry_describe(directory_fd, name, true, &described, target);

        if (r < 0) {
                return r;
        }
        described.path = path;
        return unpack_note(self, &described);
}

/* If entries replaced each other, makes the list anew from the tree. */
static int list_again(struct unpacker *self)
{
        int r;

        rewind(self->entries);
        if (ftruncate(fileno(self->entries), 0) < 0) {
                return unpack_failed(self, -errno, "note");
        }
        self->result.entries = 0;
        r = walk_tree(self->tree.root_fd, false, list_file, self, self->error);
        if (r == -ELOOP) {
                return error_say(self->error, r,
                                 "the %s is refused: its tree is more than %d "
                                 "directories deep",
                                 self->what, WALK_DEPTH_MAX);
        }
        return r < 0 && !error_is_set(self->error) ? unpack_failed(self, r, "list") : r;
}

/* Hard links to files that the layer lacks, unless another entry replaced them. Resolving them
 * requires the layers below. */
static int finish_links(struct unpacker *self, FILE *file)
{
        for (size_t i = 0; i < self->link_count; i++) {
                const struct unpack_link *link = &self->links[i];
                _cleanup_close_ int fd =
                        path_open_in_root(self->tree.root_fd, link->path, O_PATH | O_NOFOLLOW, 0);

                if (fd >= 0) {
                        continue;
                }
                if (fputs("h/", file) == EOF || entry_write_escaped(file, link->path) < 0 ||
                    fputs(" /", file) == EOF || entry_write_escaped(file, link->target) < 0 ||
                    putc('\n', file) == EOF) {
                        return unpack_failed(self, -EIO, "note");
                }
        }
        return 0;
}

int unpack_finish(struct unpacker *self, FILE *implied)
{
        struct implied data = { self, implied };
        int r;

        tree_forget_parent(&self->tree);
        r = set_times(self);
        if (r == 0) {
                r = tree_each_implied(&self->tree, finish_implied, &data);
        }
        if (r == 0) {
                r = finish_links(self, implied);
        }
        if (r == 0 && self->tree.replaced) {
                r = list_again(self);
        }
        if (r == 0 && (fflush(self->entries) != 0 || fflush(implied) != 0)) {
                r = unpack_failed(self, -errno, "note");
        }
        return r;
}
