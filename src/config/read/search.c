/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/search.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/rights/places.h"
#include "base/strings.h"
#include "config/read/name.h"
#include "config/read/stored.h"

void config_found_clear(struct config_found *found)
{
        free(found->path);
        free(found->name);
        free(found->file);
        strv_free(found->drop_ins);
        strv_free(found->directories);
        *found = (struct config_found){ 0 };
}

int config_search_directories(const char *search_path, const char *name, char ***ret)
{
        _cleanup_strv_ char **parts = NULL, **directories = NULL;
        int r;

        if (!search_path) {
                search_path = getenv("MACHINECTL_LITE_CONFIG_PATH");
        }
        if (!search_path || !search_path[0]) {
                r = places_definitions(&parts, NULL);
                r = r < 0 ? r : strv_append(&parts, CONFIG_STORED_PLACE);
        } else {
                r = strv_split(search_path, ':', &parts);
        }
        STRV_FOREACH(part, parts) {
                if (r == 0 && config_stored_is_place(*part)) {
                        r = config_stored_directories(*part, name, &directories);
                } else if (r == 0 && (*part)[0]) {
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

/* Adds the drop-ins of a directory, except those whose names already exist. */
static int add_drop_ins(const char *directory, const char *suffix, char ***drop_ins,
                        struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = directory_list(AT_FDCWD, directory, suffix, &names);

        if (r < 0) {
                return r == -ENOENT || r == -ENOTDIR
                               ? 0
                               : error_set(error, r, "cannot read %s", directory);
        }
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *file = string_format("%s%s", *name, suffix);

                if (!file || (!has_name(*drop_ins, file) &&
                              strv_take(drop_ins, path_join(directory, file)) < 0)) {
                        return error_oom(error);
                }
        }
        return 0;
}

/* Remembers where drop-ins of a name would be, and finds those that exist. */
static int add_drop_in_directory(const char *directory, const char *name, const char *suffix,
                                 struct config_found *found, struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s%s.d", name, suffix);
        _cleanup_free_ char *path = file ? path_join(directory, file) : NULL;
        int r = path ? add_drop_ins(path, suffix, &found->drop_ins, error) : error_oom(error);

        return r == 0 && strv_append(&found->directories, path) < 0 ? error_oom(error) : r;
}

/* The template of an instance, "web@" of "web@blue", or NULL. */
static char *template_of(const char *name)
{
        const char *at = strchr(name, '@');

        return at && at[1] ? strndup(name, (size_t)(at + 1 - name)) : NULL;
}

/* Drop-ins of an instance hide those of its template with the same name. */
static int find_drop_ins(const char *const *directories, const char *suffix,
                         struct config_found *found, struct machine_error *error)
{
        _cleanup_free_ char *template = template_of(found->name);
        int r = 0;

        for (size_t i = 0; directories[i] && r == 0; i++) {
                r = strv_append(&found->directories, directories[i]) < 0 ? error_oom(error) : 0;
                r = r < 0 ? r
                          : add_drop_in_directory(directories[i], found->name, suffix, found,
                                                  error);
        }
        for (size_t i = 0; template && directories[i] && r == 0; i++) {
                r = add_drop_in_directory(directories[i], template, suffix, found, error);
        }
        if (found->drop_ins) {
                qsort(found->drop_ins, strv_length(found->drop_ins), sizeof *found->drop_ins,
                      compare_names);
        }
        return r;
}

/* Looks for a file in a directory. 1 if it exists, 0 if not, or -ENOMEM. */
static int take_file(const char *directory, const char *name, const char *suffix,
                     struct config_found *found)
{
        _cleanup_free_ char *file = string_format("%s%s", name, suffix);
        _cleanup_free_ char *path = file ? path_join(directory, file) : NULL;

        if (!path) {
                return -ENOMEM;
        }
        if (access(path, F_OK) < 0) {
                return 0;
        }
        found->path = TAKE_PTR(path);
        return 1;
}

/* The same for the file of a name, and then for that of its template, in each directory. */
static int find_file(const char *const *directories, const char *suffix, struct config_found *found)
{
        _cleanup_free_ char *template = template_of(found->name);
        int r = 0;

        for (size_t i = 0; directories[i] && r == 0; i++) {
                r = take_file(directories[i], found->name, suffix, found);
        }
        for (size_t i = 0; template && directories[i] && r == 0; i++) {
                r = take_file(directories[i], template, suffix, found);
        }
        return r;
}

static bool is_valid(const char *name, const char *suffix)
{
        return strcmp(suffix, ".machine") == 0
                       ? config_machine_name_is_valid(name) || config_name_is_template(name)
                       : config_name_is_valid(name);
}

static int take_name(const char *name, size_t length, const char *suffix,
                     struct config_found *found)
{
        found->name = strndup(name, length);
        found->file = found->name ? string_format("%s%s", found->name, suffix) : NULL;
        return found->file ? 0 : -ENOMEM;
}

static int find_by_path(const char *path, const char *suffix, struct config_found *found,
                        struct machine_error *error)
{
        const char *base = file_name(path);
        size_t length = strlen(base) - (string_ends_with(base, suffix) ? strlen(suffix) : 0);
        _cleanup_free_ char *directory =
                base == path ? strdup("") : strndup(path, (size_t)(base - path));
        const char *directories[] = { base == path ? "." : directory, NULL };
        int r = directory ? take_name(base, length, suffix, found) : -ENOMEM;

        if (r < 0) {
                return error_oom(error);
        }
        if (access(path, F_OK) == 0) {
                found->path = strdup(path);
                r = found->path ? 1 : -ENOMEM;
        } else {
                int number = errno;
                const char *beside[] = { directory, NULL };

                r = find_file(beside, suffix, found);
                if (r == 0) {
                        r = error_set(error, number, "cannot open %s", path);
                        error_kind(error, MACHINE_ERROR_NO_INPUT);
                        return r;
                }
        }
        if (r < 0) {
                return error_oom(error);
        }
        if (!is_valid(found->name, suffix)) {
                error_say(error, EINVAL, "invalid %s name \"%s\"", suffix + 1, found->name);
                error_hint(error, "rename %s: " CONFIG_NAME_RULE, path);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return find_drop_ins(directories, suffix, found, error);
}

static int not_found(const char *name, const char *suffix, char *const *directories,
                     struct machine_error *error)
{
        _cleanup_free_ char *list = strv_join(directories, ", ");

        error_say(error, ENOENT, "%s \"%s\" not found", suffix + 1, name);
        error_hint(error, "searched for %s%s in %s; to give a path, include a slash: ./%s%s", name,
                   suffix, list ? list : "the search path", name, suffix);
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

static int find_by_name(const char *name, const char *suffix, const char *search_path,
                        struct config_found *found, struct machine_error *error)
{
        _cleanup_strv_ char **directories = NULL;
        int r;

        if (!is_valid(name, suffix)) {
                error_say(error, EINVAL, "invalid %s name \"%s\"", suffix + 1, name);
                error_hint(error, CONFIG_NAME_RULE);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (take_name(name, strlen(name), suffix, found) < 0 ||
            config_search_directories(search_path, name, &directories) < 0) {
                return error_oom(error);
        }
        r = find_file((const char *const *)directories, suffix, found);
        if (r <= 0) {
                return r < 0 ? error_oom(error) : not_found(name, suffix, directories, error);
        }
        return find_drop_ins((const char *const *)directories, suffix, found, error);
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

int config_find_machine(const char *name_or_path, const char *search_path, struct config_found *ret,
                        struct machine_error *error)
{
        int r;

        if (string_ends_with(name_or_path, ".pod")) {
                return config_find(name_or_path, ".pod", search_path, ret, error);
        }
        r = config_find(name_or_path, ".machine", search_path, ret, error);
        if (r == -ENOENT && !strchr(name_or_path, '/') &&
            config_find(name_or_path, ".pod", search_path, ret, NULL) == 0) {
                if (error) {
                        machine_error_clear(error);
                }
                r = 0;
        }
        return r;
}

int config_find_beside(const char *definition, const char *name, const char *suffix, char **ret)
{
        const char *slash = definition ? strrchr(definition, '/') : NULL;
        _cleanup_free_ char *path = NULL;

        if (slash) {
                path = string_format("%.*s/%s%s", (int)(slash - definition), definition, name,
                                     suffix);
                if (!path) {
                        return -ENOMEM;
                }
        }
        *ret = path && access(path, F_OK) == 0 ? TAKE_PTR(path) : NULL;
        return 0;
}

static int add_names(const char *directory, const char *suffix, bool templates, char ***names,
                     struct machine_error *error)
{
        _cleanup_strv_ char **found = NULL;
        int r = directory_list(AT_FDCWD, directory, suffix, &found);

        if (r < 0) {
                return r == -ENOENT ? 0 : error_set(error, r, "cannot read %s", directory);
        }
        STRV_FOREACH(name, found) {
                bool listed = config_machine_name_is_valid(*name) ||
                              (templates && config_name_is_template(*name));

                if (listed && !strv_contains(*names, *name) && strv_append(names, *name) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

int config_list_machines(const char *search_path, bool templates, char ***ret,
                         struct machine_error *error)
{
        _cleanup_strv_ char **directories = NULL, **names = NULL;

        if (config_search_directories(search_path, NULL, &directories) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(directory, directories) {
                int r = add_names(*directory, ".machine", templates, &names, error);

                r = r < 0 ? r : add_names(*directory, ".pod", false, &names, error);
                if (r < 0) {
                        return r;
                }
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}
