/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"

bool config_stored_is_place(const char *directory)
{
        return string_ends_with(directory, "/" CONFIG_STORED_NAME);
}

char *config_host_name(void)
{
        struct utsname names;

        return strdup(uname(&names) == 0 ? names.nodename : "");
}

static bool is_directory(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int config_tree_directories(const char *tree, const char *host, char ***directories)
{
        _cleanup_free_ char *own = string_format("%s/hosts/%s", tree, host ? host : "");

        if (!own) {
                return -ENOMEM;
        }
        if (host && path_is_component(host) && is_directory(own) &&
            strv_append(directories, own) < 0) {
                return -ENOMEM;
        }
        return strv_append(directories, tree);
}

/* The name of the revision that a link points to, however far up the tree is. Returns 0, -ENOENT or
 * -ENOMEM. */
static int read_revision(const char *link, char **ret)
{
        char target[PATH_MAX];
        ssize_t length = readlink(link, target, sizeof target - 1);
        const char *slash;

        if (length < 0) {
                return -ENOENT;
        }
        target[length] = '\0';
        slash = strrchr(target, '/');
        if (!path_is_component(slash ? slash + 1 : target)) {
                return -ENOENT;
        }
        *ret = strdup(slash ? slash + 1 : target);
        return *ret ? 0 : -ENOMEM;
}

/* The path of the revision itself, not of the link: what a machine is started with does not change
 * while it runs. */
static int add_tree(const char *source, const char *link, const char *host, char ***directories)
{
        _cleanup_free_ char *revision = NULL, *tree = NULL;
        int r = read_revision(link, &revision);

        if (r < 0) {
                return r;
        }
        tree = string_format("%s/%s", source, revision);
        return tree ? config_tree_directories(tree, host, directories) : -ENOMEM;
}

static int add_source(const char *source, const char *name, const char *host, char ***directories)
{
        _cleanup_free_ char *held = string_format("%s/held/%s", source, name ? name : "");
        _cleanup_free_ char *kept = string_format("%s/revision", held ? held : "");
        _cleanup_free_ char *current = string_format("%s/current", source);
        int r = held && kept && current ? -ENOENT : -ENOMEM;

        if (r == -ENOENT && name && access(kept, F_OK) == 0) {
                r = strv_append(directories, held);
                r = r < 0 ? r : add_tree(source, kept, host, directories);
        }
        if (r == -ENOENT) {
                r = add_tree(source, current, host, directories);
        }
        return r == -ENOENT ? 0 : r;
}

int config_stored_directories(const char *place, const char *name, char ***directories)
{
        _cleanup_free_ char *host = config_host_name();
        _cleanup_closedir_ DIR *handle = NULL;
        const struct dirent *entry;
        _cleanup_strv_ char **sources = NULL;

        if (!host) {
                return -ENOMEM;
        }
        if (directory_open_at(AT_FDCWD, place, &handle) < 0) {
                return 0;
        }
        while ((entry = directory_next(handle))) {
                if (entry->d_name[0] != '.' &&
                    strv_take(&sources, path_join(place, entry->d_name)) < 0) {
                        return -ENOMEM;
                }
        }
        strv_sort(sources);
        STRV_FOREACH(source, sources) {
                int r = add_source(*source, name, host, directories);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
