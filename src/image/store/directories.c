/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "image/common/entries.h"
#include "image/common/opaque.h"
#include "image/layout.h"
#include "image/store/chain.h"

/* A layer may hold "usr/x" without "usr". overlayfs would then show /usr with the owner, mode and
 * attributes that unpacking chose, not those of the layer below. Layers are shared between images,
 * so the layer itself cannot be corrected. Instead the image gets a small top layer, with only
 * those directories and their attributes from the layers below. */

/* Finds the directory in a lower layer whose attributes apply. Returns 1 with *ret_fd, 0 if there
 * is none, or -errno. */
static int find_below(struct chain *chain, size_t layer, const char *path, int *ret_fd)
{
        while (layer-- > 0) {
                _cleanup_close_ int fd = -EBADF;
                enum standing standing = chain_look(chain, layer, path, &fd);

                if (standing == STANDING_HIDDEN) {
                        return 0;
                }
                if (standing == STANDING_OTHER) {
                        _cleanup_free_ char *printable = string_printable(path);

                        error_say(chain->error, ENOTSUP,
                                  "a layer of the image writes below /%s, which is not a directory "
                                  "in "
                                  "the layer under it, but a link or a file",
                                  printable ? printable : "");
                        error_hint(chain->error, "rebuild the image with an entry for "
                                                 "each directory that a layer writes below");
                        return -ENOTSUP;
                }
                if (standing == STANDING_DIRECTORY) {
                        *ret_fd = TAKE_FD(fd);
                        return *ret_fd < 0 ? *ret_fd : 1;
                }
                if (fd >= 0 && opaque_is_set(fd)) {
                        return 0;
                }
        }
        return 0;
}

static int begin_directories(struct chain *chain)
{
        if (chain->directory_fd >= 0) {
                return 0;
        }
        if (mkdirat(chain->image_fd, STORE_IMAGE_DIRECTORIES, 0755) < 0 && errno != EEXIST) {
                return -errno;
        }
        chain->directory_fd = openat(chain->image_fd, STORE_IMAGE_DIRECTORIES,
                                     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return chain->directory_fd < 0 ? -errno : 0;
}

/* The topmost layer with the path determines what is visible. */
static bool is_topmost(const struct chain *chain, size_t layer, const char *path)
{
        for (size_t above = layer + 1; above < chain->config->diff_id_count; above++) {
                _cleanup_close_ int fd = -EBADF;

                if (chain_look(chain, above, path, &fd) != STANDING_NOTHING) {
                        return false;
                }
        }
        return true;
}

/* Creates the directory in the new layer, with the attributes from the topmost layer that holds it.
 */
static int put_one_right(struct chain *chain, const char *path)
{
        _cleanup_close_ int below = -EBADF, made = -EBADF;
        int r = find_below(chain, chain->config->diff_id_count, path, &below);

        if (r < 0) {
                return r;
        }
        if (*path) {
                made = path_make_directory_in_root(chain->directory_fd, path, 0755, 0, 0);
                if (made < 0) {
                        return made;
                }
                fd_close(made);
        }
        made = path_open_no_links(chain->directory_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY,
                                  0);
        if (made < 0) {
                return made;
        }
        return below >= 0 ? chain_copy_directory(below, made) : 0;
}

/* The new layer contains every directory above the path, so they count, too. */
static int put_right(struct chain *chain, size_t layer, const char *path)
{
        _cleanup_close_ int below = -EBADF, own = -EBADF;
        _cleanup_free_ char *prefix = NULL;
        int r;

        /* Nothing below an opaque directory is visible. */
        (void)chain_look(chain, layer, path, &own);
        if (own >= 0 && opaque_is_set(own)) {
                return 0;
        }
        r = find_below(chain, layer, path, &below);
        if (r <= 0) {
                return r;
        }
        prefix = strdup(path);
        r = prefix ? begin_directories(chain) : -ENOMEM;
        if (r == 0) {
                r = put_one_right(chain, "");
        }
        for (char *at = prefix; r == 0 && *at;) {
                char *end = at + strcspn(at, "/");
                char kept = *end;

                *end = '\0';
                r = put_one_right(chain, prefix);
                *end = kept;
                at = kept ? end + 1 : end;
        }
        return r;
}

struct one {
        struct chain *chain;
        size_t layer;
        int result;
};

static void visit(const void *node, VISIT order, void *data)
{
        struct one *one = data;
        const char *path = *(char *const *)node;

        if ((order != postorder && order != leaf) || one->result < 0 ||
            !is_topmost(one->chain, one->layer, path)) {
                return;
        }
        one->result = put_right(one->chain, one->layer, path);
        if (one->result < 0 && !error_is_set(one->chain->error)) {
                error_set(one->chain->error, one->result,
                          "cannot copy the attributes of a lower layer's /%s", path);
        }
}

static int make(struct chain *chain)
{
        int r = 0;

        /* Two passes: creating files in a directory changes its time, which the second pass sets.
         */
        for (int pass = 0; pass < 2; pass++) {
                for (size_t i = 1; r == 0 && i < chain->config->diff_id_count; i++) {
                        struct one one = { chain, i, 0 };

                        twalk_r(chain->layers[i].implied, visit, &one);
                        r = one.result;
                }
        }
        /* Even an image without layers has a root. */
        return r == 0 && chain->config->diff_id_count == 0 ? begin_directories(chain) : r;
}

int store_make_directories(struct store *store, int image_fd, const struct config *config,
                           struct image_trees *ret, struct machine_error *error)
{
        struct machine_error own = MACHINE_ERROR_INIT;
        struct chain chain;
        int r = chain_open(&chain, store, image_fd, config, error ? error : &own);

        if (r == 0) {
                r = chain_resolve(&chain);
        }
        if (r == 0) {
                r = make(&chain);
        }
        if (r == 0) {
                ret->directories = chain.directory_fd >= 0;
                ret->resolved = calloc(config->diff_id_count + 1, sizeof *ret->resolved);
                r = ret->resolved ? 0 : error_oom(chain.error);
        }
        for (size_t i = 0; r == 0 && i < config->diff_id_count; i++) {
                ret->resolved[i] = chain.layers[i].resolved;
        }
        chain_close(&chain);
        machine_error_clear(&own);
        return r;
}
