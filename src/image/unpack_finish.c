/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "image/unpack_internal.h"
#include "image/walk.h"

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

        /* That it is opaque is seen by the list's walk, which is cheaper than a line that has to be
         * kept true while entries replace each other. */
        self->tree.replaced = true;
        return r < 0 ? unpack_failed(self, r, "make opaque the directory of") : 0;
}

static int note_whiteout(struct unpacker *self, const char *name)
{
        struct layer_entry described = { .type = 'w' };
        char path[PATH_MAX];
        const char *slash = strrchr(self->path, '/');

        (void)snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash + 1 - self->path) : 0,
                       self->path, name);
        described.path = path;
        return unpack_note(self, &described);
}

/* A whiteout speaks of lower layers alone: what this layer itself holds under the name stays. A
 * directory of its own hides the lower one, where both come. */
static int hide(struct unpacker *self, int parent_fd, const char *name)
{
        _cleanup_close_ int fd = -EBADF;
        struct stat status;

        if (mknodat(parent_fd, name, S_IFCHR, 0) == 0) {
                return note_whiteout(self, name);
        }
        if (errno != EEXIST || fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return unpack_failed(self, -errno, "make");
        }
        if (!S_ISDIR(status.st_mode)) {
                return 0;
        }
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? unpack_failed(self, -errno, "open") : make_opaque(self, fd);
}

static bool is_opaque(int directory_fd)
{
        char value = 0;

        return fgetxattr(directory_fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

int unpack_whiteout(struct unpacker *self, int parent_fd, const char *name)
{
        const char *hidden = name + strlen(WHITEOUT);

        if (strcmp(name, WHITEOUT_OPAQUE) == 0) {
                return make_opaque(self, parent_fd);
        }
        /* AUFS kept its own records under such names. */
        if (string_after(name, WHITEOUT_META)) {
                return 0;
        }
        if (!path_is_component(hidden)) {
                return error_say(self->error, EBADMSG,
                                 "the layer is refused: \"%s\" is a whiteout of nothing", name);
        }
        return is_opaque(parent_fd) ? 0 : hide(self, parent_fd, hidden);
}

/* Sets a directory's time by its path; it may have been replaced since. */
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

/* All files are in place: the list has the directories' times. */
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

/* Where entries replaced each other the list is made anew from what is there. */
static int list_again(struct unpacker *self)
{
        int r;

        rewind(self->entries);
        if (ftruncate(fileno(self->entries), 0) < 0) {
                return unpack_failed(self, -errno, "note");
        }
        self->result.entries = 0;
        r = walk_tree(self->tree.root_fd, false, list_file, self);
        if (r == -ELOOP) {
                return error_say(self->error, r,
                                 "the layer is refused: its tree is over %d "
                                 "directories deep",
                                 WALK_DEPTH_MAX);
        }
        return r < 0 && !error_is_set(self->error) ? unpack_failed(self, r, "list") : r;
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
        if (r == 0 && self->tree.replaced) {
                r = list_again(self);
        }
        if (r == 0 && (fflush(self->entries) != 0 || fflush(implied) != 0)) {
                r = unpack_failed(self, -errno, "note");
        }
        return r;
}
