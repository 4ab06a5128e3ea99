/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "image/common/entries.h"
#include "image/common/opaque.h"
#include "image/common/whiteouts.h"
#include "image/layout.h"
#include "image/store/resolve_internal.h"

/* A layer is meant to be unpacked over those below it. It may hold "lib/new.so" while "lib" is a
 * link in a lower layer, hard links to files of lower layers, and whiteouts in directories that do
 * not exist. A layer is stored once for all images, so this depends on the image, which gets a
 * variant of the layer: its files are hard links to those of the layer. As in umoci and containerd,
 * links of lower layers are followed for directories that the layer does not hold itself; an entry
 * for a directory replaces a link. Whiteouts do not create directories. */

/* ---- Copying the layer's files ---- */

struct place {
        int fd;      /* a directory of the layer */
        char *from;  /* its path in the layer */
        char *to;    /* and in the variant */
        bool hidden; /* lower layers are not visible in it */
};

static int copy_files(struct resolving *self, const struct place *place);

static bool is_implied(const char *path, void *data)
{
        const struct resolving *self = data;

        return chain_is_implied(self->chain, self->number, path);
}

static int in_the_way(const struct resolving *self, const char *path)
{
        _cleanup_free_ char *printable = string_printable(path);

        error_say(self->chain->error, ENOTSUP,
                  "a layer of the image writes below /%s, which is a file in the layer under it",
                  printable ? printable : "");
        error_hint(self->chain->error, "no tool can unpack this image: build it again");
        return -ENOTSUP;
}

/* An implied directory: at its place in the layers below. */
static int copy_implied(struct resolving *self, const struct place *parent, const char *name,
                        const struct place *inner)
{
        char to[PATH_MAX];
        bool opaque = opaque_is_set(inner->fd), beneath = inner->hidden && !opaque;
        int alone = whiteouts_alone(parent->fd, name, inner->from, is_implied, self);
        enum below below = BELOW_NOTHING;
        size_t ignored;
        int r = alone < 0 ? alone : 0;

        (void)snprintf(to, sizeof to, "%s", inner->to);
        if (r == 0 && !inner->hidden) {
                r = resolve_follow(self, inner->to, to);
        }
        if (r == -ENOTDIR) {
                return alone > 0 ? 0 : in_the_way(self, inner->from);
        }
        if (r == 0 && !beneath) {
                below = resolve_look_below(self->chain, self->number, to, &ignored);
        }
        if (r < 0 || (alone > 0 && below == BELOW_NOTHING)) {
                return r;
        }
        r = variant_make_implied(self, to);
        if (r == 0 && opaque) {
                r = variant_set_opaque(self->tree, to);
        }
        if (r == 0) {
                const struct place moved = { inner->fd, inner->from, to, inner->hidden };

                r = copy_files(self, &moved);
        }
        return r;
}

/* A directory that the layer holds. */
static int copy_held(struct resolving *self, const struct place *inner)
{
        int r = variant_make_directory(self, inner->to);

        if (r >= 0) {
                r = variant_note_directory(self, inner->from, inner->to);
        }
        if (r == 0 && opaque_is_set(inner->fd)) {
                r = variant_set_opaque(self->tree, inner->to);
        }
        return r < 0 ? r : copy_files(self, inner);
}

static int copy_file(struct resolving *self, const struct place *place, const char *name)
{
        _cleanup_free_ char *from =
                string_format("%s%s%s", place->from, *place->from ? "/" : "", name);
        _cleanup_free_ char *to = string_format("%s%s%s", place->to, *place->to ? "/" : "", name);
        struct place inner = { .from = from, .to = to };
        struct stat status;
        int r;

        if (!from || !to) {
                return -ENOMEM;
        }
        if (strlen(to) >= PATH_MAX) {
                return -ENAMETOOLONG;
        }
        if (fstatat(place->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (!S_ISDIR(status.st_mode)) {
                return variant_link_file(self, place->fd, name, to,
                                         S_ISCHR(status.st_mode) && status.st_rdev == 0);
        }
        inner.fd = openat(place->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner.fd < 0) {
                return -errno;
        }
        inner.hidden = place->hidden || opaque_is_set(inner.fd);
        r = is_implied(from, self) ? copy_implied(self, place, name, &inner)
                                   : copy_held(self, &inner);
        fd_close(inner.fd);
        return r;
}

static int list_names(int fd, char ***ret)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = directory_open(fd, &directory);

        while (r == 0 && (found = directory_next(directory))) {
                r = strv_append(ret, found->d_name);
        }
        return r;
}

static int copy_files(struct resolving *self, const struct place *place)
{
        _cleanup_strv_ char **names = NULL;
        int r = list_names(place->fd, &names);

        STRV_FOREACH(name, names) {
                if (r == 0) {
                        r = copy_file(self, place, *name);
                }
        }
        return r;
}

/* Children first: creating files in a directory changes its time. */
static int finish_directories(struct resolving *self)
{
        for (size_t i = self->directory_count; i-- > 0;) {
                const struct pair *pair = &self->directories[i];
                _cleanup_close_ int from = path_open_no_links(
                        self->source, *pair->from ? pair->from : ".", O_RDONLY | O_DIRECTORY, 0);
                _cleanup_close_ int to = path_open_no_links(self->tree, *pair->to ? pair->to : ".",
                                                            O_RDONLY | O_DIRECTORY, 0);
                int r = from < 0 ? from : to < 0 ? to : chain_copy_directory(from, to);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* ---- Hard links into lower layers ---- */

/* The real path of a file, following links for the directories above it. */
static int follow_parent(const struct resolving *self, const char *path, char ret[static PATH_MAX])
{
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
        int r = parent ? resolve_follow(self, parent, ret) : -ENOMEM;

        return r < 0 ? r : resolve_push(ret, name, strlen(name));
}

static int make_parent(struct resolving *self, const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");

        return parent ? variant_make_implied(self, parent) : -ENOMEM;
}

/* The target of the link gets a second name in the variant, so that both are one file. */
static int bring_up(struct resolving *self, const char *path)
{
        const char *name;
        _cleanup_close_ int parent = variant_open_parent(self->tree, path, &name);
        _cleanup_close_ int lower = -EBADF;
        struct stat status;
        enum below below;
        size_t layer;
        int r;

        if (parent >= 0 && fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
                return S_ISDIR(status.st_mode) || (S_ISCHR(status.st_mode) && status.st_rdev == 0)
                               ? -ENOENT
                               : 0;
        }
        below = resolve_look_below(self->chain, self->number, path, &layer);
        if (below != BELOW_FILE && below != BELOW_LINK) {
                return -ENOENT;
        }
        lower = variant_open_parent(self->chain->layers[layer].tree, path, &name);
        r = lower < 0 ? lower : make_parent(self, path);
        return r < 0 ? r : variant_link_file(self, lower, name, path, false);
}

static int add_link(struct resolving *self, const struct chain_link *link)
{
        char path[PATH_MAX], target[PATH_MAX];
        const char *name;
        _cleanup_close_ int parent = -EBADF;
        int r = follow_parent(self, link->target, target);

        if (r == 0) {
                r = bring_up(self, target);
        }
        if (r == -ENOENT || r == -ENOTDIR) {
                _cleanup_free_ char *text = string_printable(link->path);
                _cleanup_free_ char *other = string_printable(link->target);

                return error_say(self->chain->error, EBADMSG,
                                 "the layer is refused: /%s is a hard link to /%s, which neither "
                                 "the layer nor one below it contains",
                                 text ? text : "", other ? other : "");
        }
        if (r == 0) {
                r = follow_parent(self, link->path, path);
        }
        if (r == 0) {
                r = make_parent(self, path);
        }
        if (r < 0) {
                return r;
        }
        parent = variant_open_parent(self->tree, target, &name);
        return parent < 0 ? parent : variant_link_file(self, parent, name, path, false);
}

/* ---- One layer ---- */

struct question {
        const struct resolving *self;
        int answer; /* 1: a variant is needed */
};

static void ask(const void *node, VISIT order, void *data)
{
        struct question *question = data;
        const struct resolving *self = question->self;
        const char *path = *(char *const *)node, *name;
        size_t ignored;
        enum below below;

        if ((order != postorder && order != leaf) || question->answer != 0 || !*path) {
                return;
        }
        below = resolve_look_below(self->chain, self->number, path, &ignored);
        if (below == BELOW_NOTHING) {
                _cleanup_close_ int parent = variant_open_parent(self->source, path, &name);

                question->answer =
                        parent < 0 ? parent
                                   : whiteouts_alone(parent, name, path, is_implied, (void *)self);
        } else if (below != BELOW_DIRECTORY) {
                question->answer = 1;
        }
}

struct list {
        FILE *file;
        int result;
};

static void write_line(const void *node, VISIT order, void *data)
{
        struct list *list = data;

        if ((order == postorder || order == leaf) && list->result == 0 &&
            (putc('/', list->file) == EOF ||
             entry_write_escaped(list->file, *(char *const *)node) < 0 ||
             putc('\n', list->file) == EOF)) {
                list->result = -EIO;
        }
}

static int write_list(const struct resolving *self, int directory_fd)
{
        int fd = openat(directory_fd, STORE_LAYER_IMPLIED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                        0600);
        struct list list = { fd < 0 ? NULL : fdopen(fd, "w"), 0 };

        if (!list.file) {
                fd_close(fd);
                return -errno;
        }
        twalk_r(self->fresh.implied, write_line, &list);
        return fclose(list.file) != 0 ? -EIO : list.result;
}

static int open_variant(struct resolving *self, int *ret_directory)
{
        char path[64];

        (void)snprintf(path, sizeof path, STORE_IMAGE_RESOLVED "/%zu", self->number);
        if ((mkdirat(self->chain->image_fd, STORE_IMAGE_RESOLVED, 0700) < 0 && errno != EEXIST) ||
            mkdirat(self->chain->image_fd, path, 0700) < 0) {
                return -errno;
        }
        *ret_directory = openat(self->chain->image_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (*ret_directory < 0 || mkdirat(*ret_directory, STORE_LAYER_TREE, 0755) < 0) {
                return -errno;
        }
        self->tree = openat(*ret_directory, STORE_LAYER_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return self->tree < 0 ? -errno : 0;
}

static int make_variant(struct resolving *self)
{
        const struct chain_layer *layer = &self->chain->layers[self->number];
        const struct place root = { .fd = self->source, .from = (char *)"", .to = (char *)"" };
        _cleanup_close_ int directory = -EBADF;
        int r = open_variant(self, &directory);

        if (r == 0) {
                r = is_implied("", self) ? chain_add_implied(&self->fresh, "")
                                         : variant_note_directory(self, "", "");
        }
        if (r == 0) {
                r = copy_files(self, &root);
        }
        for (size_t i = 0; r == 0 && i < layer->link_count; i++) {
                r = add_link(self, &layer->links[i]);
        }
        if (r == 0) {
                r = finish_directories(self);
        }
        return r < 0 ? r : write_list(self, directory);
}

static void take_variant(struct resolving *self)
{
        struct chain_layer *layer = &self->chain->layers[self->number];

        fd_close(layer->tree);
        layer->tree = TAKE_FD(self->tree);
        tdestroy(layer->implied, free);
        layer->implied = TAKE_PTR(self->fresh.implied);
        layer->resolved = true;
}

static void resolving_clear(struct resolving *self)
{
        for (size_t i = 0; i < self->directory_count; i++) {
                free(self->directories[i].from);
                free(self->directories[i].to);
        }
        free(self->directories);
        tdestroy(self->fresh.implied, free);
        fd_close(self->tree);
}

static int resolve_layer(struct chain *chain, size_t number)
{
        const struct chain_layer *layer = &chain->layers[number];
        struct resolving self = {
                .chain = chain, .number = number, .source = layer->tree, .tree = -EBADF
        };
        struct question question = { &self, layer->link_count > 0 };
        int r;

        twalk_r(layer->implied, ask, &question);
        r = question.answer > 0 ? make_variant(&self) : question.answer;
        if (r == 0 && question.answer > 0) {
                take_variant(&self);
        }
        resolving_clear(&self);
        return r < 0 ? error_wrap(chain->error, r, "cannot resolve the layer %s",
                                  chain->config->diff_ids[number])
                     : 0;
}

int chain_resolve(struct chain *chain)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < chain->config->diff_id_count; i++) {
                r = resolve_layer(chain, i);
        }
        return r;
}
