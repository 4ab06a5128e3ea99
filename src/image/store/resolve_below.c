/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/strings.h"
#include "image/store/resolve_internal.h"

#define LINKS_MAX 40

static bool is_link(int tree, const char *path)
{
        _cleanup_close_ int fd = path_open_no_links(tree, path, O_PATH | O_NOFOLLOW, 0);
        struct stat status;

        return fd >= 0 && fstat(fd, &status) == 0 && S_ISLNK(status.st_mode);
}

enum below resolve_look_below(const struct chain *chain, size_t layer, const char *path,
                              size_t *ret_layer)
{
        while (layer-- > 0) {
                _cleanup_close_ int fd = -EBADF;

                *ret_layer = layer;
                switch (chain_look(chain, layer, path, &fd)) {
                case STANDING_NOTHING:
                        break;
                case STANDING_HIDDEN:
                        return BELOW_NOTHING;
                case STANDING_DIRECTORY:
                case STANDING_IMPLIED:
                        return BELOW_DIRECTORY;
                case STANDING_OTHER:
                        return is_link(chain->layers[layer].tree, path) ? BELOW_LINK : BELOW_FILE;
                }
        }
        return BELOW_NOTHING;
}

static void pop(char *path)
{
        char *slash = strrchr(path, '/');

        *(slash ? slash : path) = '\0';
}

int resolve_push(char path[static PATH_MAX], const char *name, size_t length)
{
        size_t used = strlen(path);

        if (used + length + 2 > PATH_MAX) {
                return -ENAMETOOLONG;
        }
        (void)snprintf(path + used, PATH_MAX - used, "%s%.*s", used ? "/" : "", (int)length, name);
        return 0;
}

/* Puts a link's target before the rest of the path and removes the link from the walked part. */
static int enter_link(const struct resolving *self, size_t layer, char walked[static PATH_MAX],
                      char rest[static PATH_MAX])
{
        const char *name;
        char target[PATH_MAX] = "";
        _cleanup_free_ char *joined = NULL;
        _cleanup_close_ int parent =
                path_open_parent_in_root(self->chain->layers[layer].tree, walked, &name);

        if (parent < 0 || readlinkat(parent, name, target, sizeof target - 1) < 0) {
                return parent < 0 ? parent : -errno;
        }
        joined = string_format("%s/%s", target, rest);
        if (!joined) {
                return -ENOMEM;
        }
        if (strlen(joined) >= PATH_MAX) {
                return -ENAMETOOLONG;
        }
        strcpy(rest, joined);
        if (*target == '/') {
                *walked = '\0';
        } else {
                pop(walked);
        }
        return 0;
}

int resolve_follow(const struct resolving *self, const char *path, char ret[static PATH_MAX])
{
        char rest[PATH_MAX];
        unsigned int links = 0;

        (void)snprintf(rest, sizeof rest, "%s", path);
        *ret = '\0';
        while (*rest) {
                size_t length = strcspn(rest, "/"), layer;
                char name[NAME_MAX + 1];
                enum below below;
                int r;

                if (length > NAME_MAX) {
                        return -ENAMETOOLONG;
                }
                (void)snprintf(name, sizeof name, "%.*s", (int)length, rest);
                length += strspn(rest + length, "/");
                memmove(rest, rest + length, strlen(rest + length) + 1);
                if (!*name || strcmp(name, ".") == 0) {
                        continue;
                }
                if (strcmp(name, "..") == 0) {
                        pop(ret);
                        continue;
                }
                r = resolve_push(ret, name, strlen(name));
                below = r < 0 ? BELOW_NOTHING
                              : resolve_look_below(self->chain, self->number, ret, &layer);
                if (r == 0 && below == BELOW_LINK) {
                        r = ++links > LINKS_MAX ? -ELOOP : enter_link(self, layer, ret, rest);
                } else if (below == BELOW_FILE) {
                        r = -ENOTDIR;
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
