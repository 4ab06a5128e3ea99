/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/way.h"
#include "base/strings.h"
#include "base/tree/attributes.h"
#include "launch/enter/copy_item.h"
#include "launch/enter/copy_tree.h"

#define ATTRIBUTES_MAXIMUM (8U << 20)

/* An item of which more hard links follow. */
struct named {
        char *path; /* below the first directory */
        dev_t device;
        ino_t inode;
};

struct level {
        int fd;
        bool new;
        char *path; /* of the directory, below the first one */
};

struct receiving {
        const struct copy_end *end;
        bool open_way; /* users of the host can reach the copy */
        size_t depth;
        struct level levels[COPY_DEPTH_MAXIMUM + 1]; /* open directories */
        struct named *named;
        size_t named_count;
};

static int here(const struct receiving *receiving)
{
        return receiving->levels[receiving->depth].fd;
}

/* A temporary name. If it exists, someone guessed it, which is an error. */
static void temporary_name(char name[static 64])
{
        snprintf(name, 64, ".machinectl-lite-copy-%d", getpid());
}

/* ---- metadata ---- */

/* A program from a hostile machine that gives its rights to anyone who executes it. */
static int check_privileges(const struct receiving *receiving, const struct item *item,
                            const char *bytes, size_t length, struct machine_error *error)
{
        bool sets_id = S_ISREG(item->mode) && (item->mode & (S_ISUID | S_ISGID)) != 0;

        if (!receiving->open_way ||
            (!sets_id && !(bytes && attributes_have_capabilities(bytes, length)))) {
                return 0;
        }
        error_say(error, EPERM,
                  "\"%s\" %s, and users of the host could execute it where it is copied to",
                  item->name, sets_id ? "is set-user-ID or set-group-ID" : "has capabilities");
        error_hint(error, "copy to a directory that only root can enter, or without --archive");
        return -EPERM;
}

static int give_owner(int fd, const struct item *item, struct machine_error *error)
{
        if (fchownat(fd, "", item->uid, item->gid, AT_EMPTY_PATH) == 0) {
                return 0;
        }
        if (errno != EINVAL) {
                return error_set(error, errno, "cannot give \"%s\" its owner", item->name);
        }
        error_say(error, EINVAL, "\"%s\" belongs to %u:%u, and the machine has no such ids",
                  item->name, item->uid, item->gid);
        error_hint(error, "copy it without --archive: it then belongs to the machine's root");
        return -EINVAL;
}

static int give_attributes(int fd, const struct item *item, const char *bytes, size_t length,
                           struct machine_error *error)
{
        const char *name = "";
        int r = attributes_set(fd, bytes, length, &name);

        if (r == 0) {
                return 0;
        }
        error_set(error, r, "cannot give \"%s\" its attribute \"%s\"", item->name, name);
        if (r == -EOPNOTSUPP) {
                error_hint(error, "copy to another file system, or without --archive");
        }
        return r;
}

/* The owner before the mode and the capabilities, because chown(2) clears these; the times last. */
static int give_all(int fd, const struct item *item, const char *bytes, size_t length,
                    struct machine_error *error)
{
        char path[32];
        int r = give_owner(fd, item, error);

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (r == 0 && !S_ISLNK(item->mode) && chmod(path, item->mode & 07777) < 0) {
                r = error_set(error, errno, "cannot give \"%s\" its mode", item->name);
        }
        if (r == 0 && bytes) {
                r = give_attributes(fd, item, bytes, length, error);
        }
        if (r == 0 && utimensat(fd, "", item->times, AT_EMPTY_PATH) < 0) {
                r = error_set(error, errno, "cannot give \"%s\" its times", item->name);
        }
        return r;
}

/* Without an archive, new files only get the mode. */
static int finish(const struct receiving *receiving, int fd, bool new, const struct item *item,
                  const struct item_files *files, struct machine_error *error)
{
        _cleanup_free_ char *bytes = NULL;
        size_t length = 0;
        int r = 0;

        if (!receiving->end->archive) {
                return new && !S_ISLNK(item->mode) && fchmod(fd, item->mode & 0777) < 0
                               ? error_set(error, errno, "cannot give \"%s\" its mode", item->name)
                               : 0;
        }
        if (files->attributes >= 0) {
                r = file_read_fd(files->attributes, ATTRIBUTES_MAXIMUM, &bytes, &length);
        }
        if (r < 0) {
                return error_set(error, r, "cannot receive the attributes of \"%s\"", item->name);
        }
        r = check_privileges(receiving, item, bytes, length, error);
        return r < 0 ? r : give_all(fd, item, bytes, length, error);
}

/* ---- names ---- */

static char *path_here(const struct receiving *receiving, const char *name)
{
        return path_join(receiving->levels[receiving->depth].path, name);
}

/* Remembers a file with more hard links under the sender's number. */
static int remember(struct receiving *receiving, int fd, const struct item *item)
{
        struct named *grown;
        struct stat status;
        char *path;

        if (item->number == 0 || item->type == ITEM_HARD_LINK) {
                return 0;
        }
        if (item->number != receiving->named_count + 1) {
                return -EBADMSG;
        }
        grown = reallocarray(receiving->named, receiving->named_count + 1, sizeof *grown);
        if (!grown) {
                return -ENOMEM;
        }
        receiving->named = grown;
        path = path_here(receiving, item->name);
        if (!path || fstat(fd, &status) < 0) {
                free(path);
                return path ? -errno : -ENOMEM;
        }
        grown[receiving->named_count++] = (struct named){ path, status.st_dev, status.st_ino };
        return 0;
}

/* Renames a file from its temporary name. */
static int settle_name(struct receiving *receiving, int fd, const char *temporary,
                       const struct item *item, struct machine_error *error)
{
        int r = file_check_replaceable_at(here(receiving), item->name, error);

        if (r < 0) {
                return r;
        }
        if (renameat(here(receiving), temporary, here(receiving), item->name) < 0) {
                return error_set(error, errno, "cannot create \"%s\"", item->name);
        }
        r = remember(receiving, fd, item);
        return r < 0 ? error_set(error, r, "cannot remember \"%s\"", item->name) : 0;
}

/* Creates a link, a FIFO or a socket. Returns an O_PATH descriptor, because in a machine something
 * else may have its name by now, or -errno. */
static int make_node(int directory, const char *name, const struct item *item)
{
        struct stat status;
        int fd;

        if (S_ISLNK(item->mode) ? symlinkat(item->target, directory, name) < 0
                                : mknodat(directory, name, (item->mode & S_IFMT) | 0600, 0) < 0) {
                return -errno;
        }
        fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &status) == 0 &&
            (status.st_mode & S_IFMT) == (item->mode & S_IFMT)) {
                return fd;
        }
        fd_close(fd);
        return -ESTALE;
}

/* ---- items ---- */

/* Never writes to an existing file: it could be one of the kernel's, or have other hard links. */
static int make_file(int directory, const char *name, const struct item_files *files)
{
        _cleanup_close_ int fd =
                openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0) {
                return -errno;
        }
        r = file_copy_sparse(files->content, fd);
        if (r < 0) {
                (void)unlinkat(directory, name, 0);
                return r;
        }
        return TAKE_FD(fd);
}

static int receive_new(struct receiving *receiving, const struct item *item,
                       const struct item_files *files, struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        char temporary[64];
        int r;

        temporary_name(temporary);
        fd = item->type == ITEM_FILE ? make_file(here(receiving), temporary, files)
                                     : make_node(here(receiving), temporary, item);
        if (fd < 0) {
                return error_set(error, fd, "cannot create \"%s\"", item->name);
        }
        r = finish(receiving, fd, true, item, files, error);
        if (r == 0) {
                r = settle_name(receiving, fd, temporary, item, error);
        }
        if (r < 0) {
                (void)unlinkat(here(receiving), temporary, 0);
        }
        return r;
}

/* Finds the first hard link by its path, without following links, and checks that it is the same
 * file. */
static int link_again(const struct receiving *receiving, const struct named *named,
                      const char *name)
{
        int top = receiving->levels[0].fd;
        _cleanup_close_ int fd = path_open_no_links(top, named->path, O_PATH | O_NOFOLLOW, 0);
        struct stat status;
        char path[32];

        if (fd < 0 || fstat(fd, &status) < 0) {
                return fd < 0 ? fd : -errno;
        }
        if (status.st_dev != named->device || status.st_ino != named->inode) {
                return -ESTALE;
        }
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        return linkat(AT_FDCWD, path, here(receiving), name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int receive_hard_link(struct receiving *receiving, const struct item *item,
                             struct machine_error *error)
{
        char temporary[64];
        int r;

        if (item->number == 0 || item->number > receiving->named_count) {
                return error_say(error, EBADMSG, "\"%s\" is a link to nothing", item->name);
        }
        temporary_name(temporary);
        r = link_again(receiving, &receiving->named[item->number - 1], temporary);
        if (r < 0) {
                return error_set(error, r, "cannot link \"%s\"", item->name);
        }
        r = settle_name(receiving, -EBADF, temporary, item, error);
        /* A rename to another name of the same file does nothing (rename(2)). */
        (void)unlinkat(here(receiving), temporary, 0);
        return r;
}

static int enter(struct receiving *receiving, const struct item *item)
{
        bool new = mkdirat(here(receiving), item->name, 0700) == 0;
        _cleanup_free_ char *path = NULL;
        int fd;

        if (!new &&errno != EEXIST) {
                return -errno;
        }
        if (receiving->depth == COPY_DEPTH_MAXIMUM) {
                return -ELOOP;
        }
        path = path_here(receiving, item->name);
        if (!path) {
                return -ENOMEM;
        }
        fd = openat(here(receiving), item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                return -errno;
        }
        receiving->levels[++receiving->depth] = (struct level){ fd, new, TAKE_PTR(path) };
        return 0;
}

/* The mode of a directory is set last, because it may forbid writing. */
static int leave(struct receiving *receiving, const struct item *item,
                 const struct item_files *files, struct machine_error *error)
{
        struct level *level = &receiving->levels[receiving->depth];
        int r;

        if (receiving->depth == 0) {
                return error_say(error, EBADMSG, "what is to be copied came in damaged");
        }
        r = finish(receiving, level->fd, level->new, item, files, error);
        fd_close(level->fd);
        free(level->path);
        receiving->depth--;
        return r;
}

static int receive(struct receiving *receiving, const struct item *item,
                   const struct item_files *files, struct machine_error *error)
{
        int r;

        switch (item->type) {
        case ITEM_FILE:
        case ITEM_LINK:
        case ITEM_SPECIAL:
                return receive_new(receiving, item, files, error);
        case ITEM_HARD_LINK:
                return receive_hard_link(receiving, item, error);
        case ITEM_ENTER:
                r = enter(receiving, item);
                return r < 0 ? error_set(error, r, "cannot create \"%s\"", item->name) : 0;
        case ITEM_LEAVE:
                return leave(receiving, item, files, error);
        case ITEM_END:
                break;
        }
        return 0;
}

static int receive_all(struct receiving *receiving, const char *name, struct machine_error *error)
{
        _cleanup_free_ struct item *item = calloc(1, sizeof *item);

        if (!item) {
                return error_oom(error);
        }
        for (;;) {
                _cleanup_item_files_ struct item_files files = ITEM_FILES_INIT;
                int r = item_receive(receiving->end->socket, item, &files, error);

                if (r < 0 || item->type == ITEM_END) {
                        return r;
                }
                if (name && receiving->depth == 0) {
                        snprintf(item->name, sizeof item->name, "%s", name);
                }
                r = receive(receiving, item, &files, error);
                if (r < 0) {
                        return r;
                }
        }
}

/* In an existing directory the copy keeps its name; otherwise its name is the last component of the
 * path. */
static int open_target(const struct copy_end *end, char **ret_name, struct machine_error *error)
{
        const char *path = end->path;
        _cleanup_free_ char *name = NULL;
        int fd = path_open_in_root(end->root_fd, path, O_PATH | O_DIRECTORY, 0);
        const char *last;
        int r = 0;

        if (fd >= 0) {
                return fd;
        }
        name = copy_last_component(path);
        if (!name) {
                return error_oom(error);
        }
        if (path[0] && !string_ends_with(path, "/") &&
            (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)) {
                r = file_check_replaceable(end->root_fd, path, error);
                fd = r < 0 ? r : path_open_parent_in_root(end->root_fd, path, &last);
        }
        if (fd < 0) {
                return r < 0 ? r : error_set(error, fd, "cannot open \"%s\"", path);
        }
        *ret_name = TAKE_PTR(name);
        return fd;
}

static int look_at_way(struct receiving *receiving, struct machine_error *error)
{
        const struct copy_end *end = receiving->end;
        int r = end->archive && end->on_host ? way_is_open(receiving->levels[0].fd, true) : 0;

        receiving->open_way = r > 0;
        return r < 0 ? error_set(error, r, "cannot check the parent directories of \"%s\"",
                                 end->path)
                     : 0;
}

static void receiving_free(struct receiving *receiving)
{
        for (size_t i = 0; i <= receiving->depth; i++) {
                fd_close(receiving->levels[i].fd);
                free(receiving->levels[i].path);
        }
        for (size_t i = 0; i < receiving->named_count; i++) {
                free(receiving->named[i].path);
        }
        free(receiving->named);
        free(receiving);
}

int copy_receive(const struct copy_end *end, struct machine_error *error)
{
        struct receiving *receiving = calloc(1, sizeof *receiving);
        _cleanup_free_ char *name = NULL;
        int r = receiving ? open_target(end, &name, error) : error_oom(error);

        if (r < 0) {
                free(receiving);
                return r;
        }
        receiving->end = end;
        receiving->levels[0] = (struct level){ .fd = r, .path = strdup("") };
        r = receiving->levels[0].path ? look_at_way(receiving, error) : error_oom(error);
        if (r == 0) {
                r = receive_all(receiving, name, error);
        }
        receiving_free(receiving);
        return r;
}
