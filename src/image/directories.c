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
#include "image/entries.h"
#include "image/layout.h"
#include "image/store.h"

/* A layer may hold "usr/x" without "usr": overlayfs would then show /usr with the owner, mode and
 * attributes that were made up for it, and hide those of the layer below. Layers are shared between
 * images, so the layer itself cannot be put right. The image gets one small layer of its own on
 * top, with those directories alone and what the layer below says of them. */

struct chain {
        struct store *store;
        const struct config *config;
        int *trees;       /* of each layer, bottom first */
        void **implied;   /* tsearch(3) sets of each layer */
        int directory_fd; /* of the new layer, or -EBADF so far */
        int image_fd;
        struct machine_error *error;
};

static int compare_paths(const void *a, const void *b)
{
        return strcmp(a, b);
}

static int open_trees(struct chain *chain)
{
        for (size_t i = 0; i < chain->config->diff_id_count; i++) {
                _cleanup_free_ char *path = NULL;
                digest_text name;

                digest_file_name(chain->config->diff_ids[i], name);
                path = string_format("%s/" STORE_LAYER_TREE, name);
                if (!path) {
                        return error_oom(chain->error);
                }
                chain->trees[i] =
                        openat(chain->store->layers_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (chain->trees[i] < 0) {
                        return error_set(chain->error, errno, "cannot open the layer %s",
                                         chain->config->diff_ids[i]);
                }
        }
        return 0;
}

static int read_implied(struct chain *chain, size_t layer)
{
        _cleanup_free_ char *path = NULL, *line = NULL;
        _cleanup_fclose_ FILE *file = NULL;
        digest_text name;
        size_t room = 0;
        ssize_t length;
        int fd;

        digest_file_name(chain->config->diff_ids[layer], name);
        path = string_format("%s/implied", name);
        fd = path ? openat(chain->store->layers_fd, path, O_RDONLY | O_CLOEXEC) : -1;
        file = fd < 0 ? NULL : fdopen(fd, "r");
        if (!file) {
                return error_set(chain->error, errno, "cannot read about the layer %s",
                                 chain->config->diff_ids[layer]);
        }
        while ((length = getline(&line, &room, file)) > 0) {
                char *copy, **found;

                line[length - 1] = '\0';
                if (line[0] != '/' || entry_unescape(line) < 0) {
                        return error_say(chain->error, EINVAL,
                                         "the list of the layer %s is "
                                         "damaged",
                                         chain->config->diff_ids[layer]);
                }
                copy = strdup(line + 1);
                found = copy ? tsearch(copy, &chain->implied[layer], compare_paths) : NULL;
                if (!found) {
                        free(copy);
                        return error_oom(chain->error);
                }
                if (*found != copy) {
                        free(copy);
                }
        }
        return 0;
}

static bool is_implied(const struct chain *chain, size_t layer, const char *path)
{
        return chain->implied[layer] && tfind(path, &chain->implied[layer], compare_paths);
}

/* What the layer says of a path, for the layers above it. */
enum standing {
        STANDING_NOTHING,   /* it does not speak of it */
        STANDING_HIDDEN,    /* it hides what is below */
        STANDING_DIRECTORY, /* it has the directory itself */
        STANDING_OTHER,     /* it has something else there */
        STANDING_IMPLIED,   /* it goes through it */
};

static bool is_opaque(int fd)
{
        char value = 0;

        return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* Whether one of the directories above the path is opaque, or not a directory, in the layer. */
static bool hides(int tree_fd, const char *path)
{
        char prefix[PATH_MAX];

        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                _cleanup_close_ int fd = -EBADF;
                struct stat status;

                (void)snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - path), path);
                fd = path_open_no_links(tree_fd, prefix, O_PATH | O_NOFOLLOW, 0);
                if (fd < 0) {
                        return fd != -ENOENT;
                }
                if (fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode)) {
                        return true;
                }
                fd_close(fd);
                fd = path_open_no_links(tree_fd, prefix, O_RDONLY | O_DIRECTORY, 0);
                if (fd >= 0 && is_opaque(fd)) {
                        return true;
                }
        }
        return false;
}

static enum standing look(const struct chain *chain, size_t layer, const char *path, int *ret_fd)
{
        int tree_fd = chain->trees[layer];
        _cleanup_close_ int fd =
                path_open_no_links(tree_fd, *path ? path : ".", O_PATH | O_NOFOLLOW, 0);
        struct stat status;

        if (fd < 0) {
                return hides(tree_fd, path) ? STANDING_HIDDEN : STANDING_NOTHING;
        }
        if (fstat(fd, &status) < 0) {
                return STANDING_OTHER;
        }
        if (S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                return STANDING_HIDDEN;
        }
        if (!S_ISDIR(status.st_mode)) {
                return STANDING_OTHER;
        }
        *ret_fd = path_open_no_links(tree_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
        return is_implied(chain, layer, path) ? STANDING_IMPLIED : STANDING_DIRECTORY;
}

/* Finds the directory below the layer whose attributes hold. 1 with *ret_fd, 0 where there is none,
 * or -errno. */
static int find_below(struct chain *chain, size_t layer, const char *path, int *ret_fd)
{
        while (layer-- > 0) {
                _cleanup_close_ int fd = -EBADF;
                enum standing standing = look(chain, layer, path, &fd);

                if (standing == STANDING_HIDDEN) {
                        return 0;
                }
                if (standing == STANDING_OTHER) {
                        _cleanup_free_ char *printable = string_printable(path);

                        error_say(chain->error, ENOTSUP,
                                  "a layer of the image writes below /%s, which is no directory in "
                                  "the layer under it but a link or a file",
                                  printable ? printable : "");
                        error_hint(chain->error, "the image needs to be built with an entry for "
                                                 "each directory that a layer writes below");
                        return -ENOTSUP;
                }
                if (standing == STANDING_DIRECTORY) {
                        *ret_fd = TAKE_FD(fd);
                        return *ret_fd < 0 ? *ret_fd : 1;
                }
                if (fd >= 0 && is_opaque(fd)) {
                        return 0;
                }
        }
        return 0;
}

static int copy_attributes(int from, int to)
{
        _cleanup_free_ char *names = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
        ssize_t size;

        if (!names || !value) {
                return -ENOMEM;
        }
        size = flistxattr(from, names, XATTR_LIST_MAX);
        if (size < 0) {
                return errno == EOPNOTSUPP ? 0 : -errno;
        }
        for (char *name = names; name < names + size; name += strlen(name) + 1) {
                ssize_t length;

                if (!entry_attribute_counts(name)) {
                        continue;
                }
                length = fgetxattr(from, name, value, XATTR_SIZE_MAX);
                if (length < 0 || fsetxattr(to, name, value, (size_t)length, 0) < 0) {
                        return -errno;
                }
        }
        return 0;
}

static int copy_directory(int from, int to)
{
        struct stat status;
        int r;

        if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
            fchmod(to, status.st_mode & 07777) < 0) {
                return -errno;
        }
        r = copy_attributes(from, to);
        if (r == 0) {
                const struct timespec times[2] = { status.st_mtim, status.st_mtim };

                r = futimens(to, times) < 0 ? -errno : 0;
        }
        return r;
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

/* The topmost layer that has the path: its word counts for what is seen. */
static bool is_topmost(const struct chain *chain, size_t layer, const char *path)
{
        for (size_t above = layer + 1; above < chain->config->diff_id_count; above++) {
                _cleanup_close_ int fd = -EBADF;

                if (look(chain, above, path, &fd) != STANDING_NOTHING) {
                        return false;
                }
        }
        return true;
}

/* Makes the directory in the new layer, and gives it what the topmost layer that holds it says. */
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
        return below >= 0 ? copy_directory(below, made) : 0;
}

/* The new layer goes through every directory above the path: they count too. */
static int put_right(struct chain *chain, size_t layer, const char *path)
{
        _cleanup_close_ int below = -EBADF;
        _cleanup_free_ char *prefix = NULL;
        int r = find_below(chain, layer, path, &below);

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
        int r = open_trees(chain);

        for (size_t i = 0; r == 0 && i < chain->config->diff_id_count; i++) {
                r = read_implied(chain, i);
        }
        /* Twice: what is made in a directory changes its time, which the second pass sets. */
        for (int pass = 0; pass < 2; pass++) {
                for (size_t i = 1; r == 0 && i < chain->config->diff_id_count; i++) {
                        struct one one = { chain, i, 0 };

                        twalk_r(chain->implied[i], visit, &one);
                        r = one.result;
                }
        }
        return r;
}

int store_make_directories(struct store *store, int image_fd, const struct config *config,
                           bool *ret, struct machine_error *error)
{
        struct machine_error own = MACHINE_ERROR_INIT;
        struct chain chain = {
                .store = store,
                .config = config,
                .trees = malloc(config->diff_id_count * sizeof(int)),
                .implied = calloc(config->diff_id_count, sizeof(void *)),
                .directory_fd = -EBADF,
                .image_fd = image_fd,
                .error = error ? error : &own,
        };
        int r = -ENOMEM;

        if (chain.trees && chain.implied) {
                for (size_t i = 0; i < config->diff_id_count; i++) {
                        chain.trees[i] = -EBADF;
                }
                r = make(&chain);
                for (size_t i = 0; i < config->diff_id_count; i++) {
                        fd_close(chain.trees[i]);
                        tdestroy(chain.implied[i], free);
                }
        }
        if (r == 0) {
                *ret = chain.directory_fd >= 0;
        }
        fd_close(chain.directory_fd);
        free(chain.trees);
        free(chain.implied);
        machine_error_clear(&own);
        return r;
}
