/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/kind.h"

#define DEFAULT_DIRECTORIES "/etc/machines:/run/machines:/usr/local/lib/machines:/usr/lib/machines"

void config_found_clear(struct config_found *found)
{
        free(found->path);
        free(found->name);
        strv_free(found->drop_ins);
        *found = (struct config_found){ 0 };
}

int config_search_directories(const char *search_path, char ***ret)
{
        _cleanup_strv_ char **parts = NULL, **directories = NULL;
        int r;

        if (!search_path) {
                search_path = getenv("MACHINECTL_LITE_CONFIG_PATH");
        }
        if (!search_path || !search_path[0]) {
                search_path = DEFAULT_DIRECTORIES;
        }
        r = strv_split(search_path, ':', &parts);
        STRV_FOREACH(part, parts) {
                if (r == 0 && (*part)[0]) {
                        r = strv_append(&directories, *part);
                }
        }
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(directories);
        return 0;
}

static const char *file_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(file_name(*(char *const *)a), file_name(*(char *const *)b));
}

static bool has_name(char *const *paths, const char *name)
{
        STRV_FOREACH(path, paths) {
                if (strcmp(file_name(*path), name) == 0) {
                        return true;
                }
        }
        return false;
}

/* Adds the drop-ins of one directory, those of names that are there already left out. */
static int add_drop_ins(const char *directory, const char *suffix, char ***drop_ins,
                        struct machine_error *error)
{
        _cleanup_closedir_ DIR *handle = opendir(directory);
        struct dirent *entry;

        if (!handle) {
                return errno == ENOENT || errno == ENOTDIR
                               ? 0
                               : error_set(error, errno, "cannot read %s", directory);
        }
        while ((errno = 0, entry = readdir(handle))) {
                int r;

                if (entry->d_name[0] == '.' || !string_ends_with(entry->d_name, suffix) ||
                    has_name(*drop_ins, entry->d_name)) {
                        continue;
                }
                r = strv_take(drop_ins, path_join(directory, entry->d_name));
                if (r < 0) {
                        return error_oom(error);
                }
        }
        return errno ? error_set(error, errno, "cannot read %s", directory) : 0;
}

static int find_drop_ins(const char *const *directories, const char *name, const char *suffix,
                         char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **drop_ins = NULL;

        for (; *directories; directories++) {
                _cleanup_free_ char *directory =
                        string_format("%s%s%s%s.d", *directories,
                                      string_ends_with(*directories, "/") ? "" : "/", name, suffix);
                int r = directory ? add_drop_ins(directory, suffix, &drop_ins, error)
                                  : error_oom(error);

                if (r < 0) {
                        return r;
                }
        }
        if (drop_ins) {
                qsort(drop_ins, strv_length(drop_ins), sizeof *drop_ins, compare_names);
        }
        *ret = TAKE_PTR(drop_ins);
        return 0;
}

static int find_by_path(const char *path, const char *suffix, struct config_found *found,
                        struct machine_error *error)
{
        const char *base = file_name(path);
        size_t length = strlen(base) - (string_ends_with(base, suffix) ? strlen(suffix) : 0);
        _cleanup_free_ char *directory =
                base == path ? strdup(".") : strndup(path, (size_t)(base - path));
        const char *directories[] = { directory, NULL };
        int r;

        found->path = strdup(path);
        found->name = strndup(base, length);
        if (!directory || !found->path || !found->name) {
                return error_oom(error);
        }
        if (access(path, F_OK) < 0) {
                r = error_set(error, errno, "cannot open %s", path);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                return r;
        }
        if (!config_name_is_valid(found->name)) {
                error_say(error, EINVAL, "\"%s\" cannot be the name of a machine or network",
                          found->name);
                error_hint(error, "rename %s: letters, digits, \"_\", \"-\" and \".\", at most 64",
                           path);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return find_drop_ins(directories, found->name, suffix, &found->drop_ins, error);
}

static int not_found(const char *name, const char *suffix, char *const *directories,
                     struct machine_error *error)
{
        _cleanup_free_ char *list = strv_join(directories, ", ");

        error_say(error, ENOENT, "there is no %s \"%s\"", suffix + 1, name);
        error_hint(error, "looked for %s%s in %s; a path holds a slash: ./%s%s", name, suffix,
                   list ? list : "the search path", name, suffix);
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

static int find_by_name(const char *name, const char *suffix, const char *search_path,
                        struct config_found *found, struct machine_error *error)
{
        _cleanup_strv_ char **directories = NULL;

        if (!config_name_is_valid(name)) {
                error_say(error, EINVAL, "\"%s\" cannot be the name of a %s", name, suffix + 1);
                error_hint(error, "letters, digits, \"_\", \"-\" and \".\", at most 64");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        found->name = strdup(name);
        if (!found->name || config_search_directories(search_path, &directories) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(directory, directories) {
                _cleanup_free_ char *path =
                        string_format("%s%s%s%s", *directory,
                                      string_ends_with(*directory, "/") ? "" : "/", name, suffix);

                if (!path) {
                        return error_oom(error);
                }
                if (access(path, F_OK) == 0) {
                        found->path = TAKE_PTR(path);
                        return find_drop_ins((const char *const *)directories, name, suffix,
                                             &found->drop_ins, error);
                }
        }
        return not_found(name, suffix, directories, error);
}

int config_find(const char *name_or_path, const char *suffix, const char *search_path,
                struct config_found *ret, struct machine_error *error)
{
        struct config_found found = { 0 };
        int r;

        if (strchr(name_or_path, '/') || string_ends_with(name_or_path, suffix)) {
                r = find_by_path(name_or_path, suffix, &found, error);
        } else {
                r = find_by_name(name_or_path, suffix, search_path, &found, error);
        }
        if (r < 0) {
                config_found_clear(&found);
                return r;
        }
        *ret = found;
        return 0;
}

static int add_names(const char *directory, char ***names, struct machine_error *error)
{
        _cleanup_closedir_ DIR *handle = opendir(directory);
        struct dirent *entry;

        if (!handle) {
                return errno == ENOENT ? 0 : error_set(error, errno, "cannot read %s", directory);
        }
        while ((errno = 0, entry = readdir(handle))) {
                size_t length = strlen(entry->d_name);
                _cleanup_free_ char *name = NULL;

                if (length <= strlen(".machine") || !string_ends_with(entry->d_name, ".machine")) {
                        continue;
                }
                name = strndup(entry->d_name, length - strlen(".machine"));
                if (!name) {
                        return error_oom(error);
                }
                if (config_name_is_valid(name) && !strv_contains(*names, name) &&
                    strv_append(names, name) < 0) {
                        return error_oom(error);
                }
        }
        return errno ? error_set(error, errno, "cannot read %s", directory) : 0;
}

int config_list_machines(const char *search_path, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **directories = NULL, **names = NULL;

        if (config_search_directories(search_path, &directories) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(directory, directories) {
                int r = add_names(*directory, &names, error);

                if (r < 0) {
                        return r;
                }
        }
        if (names) {
                qsort(names, strv_length(names), sizeof *names, compare_names);
        }
        *ret = TAKE_PTR(names);
        return 0;
}
