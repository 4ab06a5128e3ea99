/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/store/chain.h"

#include <fcntl.h>
#include <linux/limits.h>
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
                chain->layers[i].tree =
                        openat(chain->store->layers_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (chain->layers[i].tree < 0) {
                        return error_set(chain->error, errno, "cannot open the layer %s",
                                         chain->config->diff_ids[i]);
                }
        }
        return 0;
}

int chain_add_implied(struct chain_layer *layer, const char *path)
{
        char *copy = strdup(path);
        char **found = copy ? tsearch(copy, &layer->implied, compare_paths) : NULL;

        if (!found || *found != copy) {
                free(copy);
        }
        return found ? 0 : -ENOMEM;
}

/* Parses a line: "/PATH" is a directory that the layer lacks, "h/PATH /TARGET" a hard link. */
static int read_line(struct chain_layer *layer, char *line)
{
        char *path = line + (line[0] == 'h'), *target = line[0] == 'h' ? strchr(line, ' ') : NULL;
        struct chain_link *grown;

        if (*path != '/' || (line[0] == 'h' && (!target || target[1] != '/'))) {
                return -EINVAL;
        }
        if (!target) {
                return entry_unescape(path) < 0 ? -EINVAL : chain_add_implied(layer, path + 1);
        }
        *target++ = '\0';
        if (entry_unescape(path) < 0 || entry_unescape(target) < 0) {
                return -EINVAL;
        }
        grown = reallocarray(layer->links, layer->link_count + 1, sizeof *grown);
        if (!grown) {
                return -ENOMEM;
        }
        layer->links = grown;
        grown += layer->link_count++;
        *grown = (struct chain_link){ strdup(path + 1), strdup(target + 1) };
        return grown->path && grown->target ? 0 : -ENOMEM;
}

static int read_implied(struct chain *chain, size_t number)
{
        struct chain_layer *layer = &chain->layers[number];
        _cleanup_free_ char *path = NULL, *line = NULL;
        _cleanup_fclose_ FILE *file = NULL;
        digest_text name;
        size_t room = 0;
        ssize_t length;
        int fd;

        digest_file_name(chain->config->diff_ids[number], name);
        path = string_format("%s/" STORE_LAYER_IMPLIED, name);
        fd = path ? openat(chain->store->layers_fd, path, O_RDONLY | O_CLOEXEC) : -1;
        file = fd < 0 ? NULL : fdopen(fd, "r");
        if (!file) {
                return error_set(chain->error, errno, "cannot read the list of the layer %s",
                                 chain->config->diff_ids[number]);
        }
        while ((length = getline(&line, &room, file)) > 0) {
                int r;

                line[length - 1] = '\0';
                r = read_line(layer, line);
                if (r < 0) {
                        return r == -ENOMEM ? error_oom(chain->error)
                                            : error_say(chain->error, EINVAL,
                                                        "the list of the layer %s is damaged",
                                                        chain->config->diff_ids[number]);
                }
        }
        return 0;
}

bool chain_is_implied(const struct chain *chain, size_t layer, const char *path)
{
        return chain->layers[layer].implied &&
               tfind(path, &chain->layers[layer].implied, compare_paths);
}

/* Whether a directory above the path is opaque or not a directory in the layer. */
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
                if (fd >= 0 && opaque_is_set(fd)) {
                        return true;
                }
        }
        return false;
}

enum standing chain_look(const struct chain *chain, size_t layer, const char *path, int *ret_fd)
{
        int tree_fd = chain->layers[layer].tree;
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
        return chain_is_implied(chain, layer, path) ? STANDING_IMPLIED : STANDING_DIRECTORY;
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

int chain_copy_directory(int from, int to)
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

int chain_open(struct chain *chain, struct store *store, int image_fd, const struct config *config,
               struct machine_error *error)
{
        int r;

        *chain = (struct chain){
                .store = store,
                .config = config,
                .layers = calloc(config->diff_id_count + 1, sizeof *chain->layers),
                .image_fd = image_fd,
                .directory_fd = -EBADF,
                .error = error,
        };
        if (!chain->layers) {
                return error_oom(error);
        }
        for (size_t i = 0; i < config->diff_id_count; i++) {
                chain->layers[i].tree = -EBADF;
        }
        r = open_trees(chain);
        for (size_t i = 0; r == 0 && i < config->diff_id_count; i++) {
                r = read_implied(chain, i);
        }
        return r;
}

void chain_close(struct chain *chain)
{
        for (size_t i = 0; chain->layers && i < chain->config->diff_id_count; i++) {
                struct chain_layer *layer = &chain->layers[i];

                fd_close(layer->tree);
                tdestroy(layer->implied, free);
                for (size_t j = 0; j < layer->link_count; j++) {
                        free(layer->links[j].path);
                        free(layer->links[j].target);
                }
                free(layer->links);
        }
        free(chain->layers);
        chain->directory_fd = fd_close(chain->directory_fd);
}
