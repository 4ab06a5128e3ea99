/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/loader_internal.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/rights/caller.h"
#include "base/rights/trust.h"
#include "base/strings.h"

/* The name of an included file in messages, relative to the including one. */
static char *shown_name(const struct config_source *parent, const char *absolute)
{
        const char *slash = strrchr(parent->name, '/');
        size_t length = strlen(parent->directory);

        if (path_is_below(absolute, parent->directory) && absolute[length] == '/' &&
            (slash || parent->name[0] != '/')) {
                return string_format("%.*s%s", slash ? (int)(slash - parent->name + 1) : 0,
                                     parent->name, absolute + length + 1);
        }
        return strdup(absolute);
}

static int refuse(struct config_loader *loader, const struct config_place *path, char *message,
                  char *hint)
{
        return config_report(loader->diagnostics, DIAGNOSTIC_ERROR, path, message, hint);
}

/* 1 if the file may be read, 0 if it was refused, or -errno. */
static int check_chain(struct config_loader *loader, const struct config_place *path,
                       const struct config_source *source)
{
        int r;

        for (size_t i = 0; i < loader->open_count; i++) {
                if (loader->open[i]->inode == source->inode &&
                    loader->open[i]->device == source->device) {
                        r = refuse(loader, path,
                                   string_format("%s includes itself%s%s", source->name,
                                                 i + 1 < loader->open_count ? " through " : "",
                                                 i + 1 < loader->open_count
                                                         ? loader->open[i + 1]->name
                                                         : ""),
                                   NULL);
                        return r < 0 ? r : 0;
                }
        }
        if (loader->open_count > CONFIG_INCLUDE_DEPTH) {
                r = refuse(loader, path,
                           string_format("includes are nested more than %d levels deep",
                                         CONFIG_INCLUDE_DEPTH),
                           NULL);
                return r < 0 ? r : 0;
        }
        if (loader->source_count >= CONFIG_SOURCES_MAXIMUM) {
                r = refuse(loader, path,
                           string_format("the definition consists of more than %d files",
                                         CONFIG_SOURCES_MAXIMUM),
                           NULL);
                return r < 0 ? r : 0;
        }
        return 1;
}

static int include_file(struct config_loader *loader, const struct config_place *path,
                        const char *absolute, struct config_node *group,
                        struct machine_error *error)
{
        _cleanup_free_ char *name = shown_name(path->source, absolute);
        _cleanup_config_source_ struct config_source *source = NULL;
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        struct config_node *tree = NULL;
        int r;

        if (!name) {
                return error_oom(error);
        }
        r = config_source_open(absolute, name, false, &loader->trust, &source, &reason);
        if (r < 0) {
                return r == -ENOMEM ? error_oom(error)
                                    : refuse(loader, path, TAKE_PTR(reason.message),
                                             TAKE_PTR(reason.hint));
        }
        r = check_chain(loader, path, source);
        if (r <= 0) {
                return r;
        }
        r = config_loader_read(loader, TAKE_PTR(source), &tree, error);
        return r < 0 ? r : config_node_merge(group, tree);
}

/* The name of the directory is not a pattern. */
static char *escape_pattern(const char *directory)
{
        char *escaped = malloc(strlen(directory) * 2 + 1);
        char *out = escaped;

        for (; out && *directory; directory++) {
                if (strchr("*?[\\", *directory)) {
                        *out++ = '\\';
                }
                *out++ = *directory;
        }
        if (out) {
                *out = '\0';
        }
        return escaped;
}

/* A missing directory matches nothing; an unreadable one might. */
static int is_failure(const char *path, int number)
{
        return number != ENOENT && number != ENOTDIR;
}

static int include_pattern(struct config_loader *loader, const struct config_place *path,
                           const char *pattern, struct config_node *group,
                           struct machine_error *error)
{
        glob_t matches = { 0 };
        int r = glob(pattern, 0, is_failure, &matches);

        if (r == GLOB_NOMATCH) {
                return 0;
        }
        if (r != 0) {
                return r == GLOB_NOSPACE ? error_oom(error)
                                         : refuse(loader, path,
                                                  string_format("cannot read what matches %s: %s",
                                                                pattern, strerror(errno)),
                                                  NULL);
        }
        for (size_t i = 0; i < matches.gl_pathc && r == 0; i++) {
                r = include_file(loader, path, matches.gl_pathv[i], group, error);
        }
        globfree(&matches);
        return r;
}

/* A user who can write to the directory of a pattern can remove files from it, so the directory
 * itself must be trusted. 1 if it may be read, 0 if it was refused, or -errno. */
static int check_directory(struct config_loader *loader, const struct config_place *path,
                           const char *relative, struct machine_error *error)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        _cleanup_free_ char *directory = path_join(path->source->directory, relative);
        char *wild =
                directory ? strpbrk(directory + strlen(directory) - strlen(relative), "*?[") : NULL;
        int r;

        if (!wild) {
                return error_oom(error);
        }
        for (*wild = '\0'; wild > directory + 1 && *wild != '/'; wild--) {
                *wild = '\0';
        }
        if (!loader->trust.required || !caller_is_root()) {
                return 1;
        }
        r = trust_judge(directory, loader->trust.owner, &reason);
        if (r == -EPERM) {
                return refuse(loader, path, TAKE_PTR(reason.message), TAKE_PTR(reason.hint));
        }
        return r < 0 ? error_oom(error) : 1;
}

int config_include(struct config_loader *loader, const struct config_place *path,
                   struct config_node *group, struct machine_error *error)
{
        _cleanup_free_ char *relative = strndup(path->source->text + path->offset, path->length);
        _cleanup_free_ char *directory = NULL, *absolute = NULL;
        bool pattern = relative && strpbrk(relative, "*?[");
        int r;

        directory =
                pattern ? escape_pattern(path->source->directory) : strdup(path->source->directory);
        if (relative && directory) {
                absolute = path_join(directory, relative);
        }
        if (!absolute) {
                return error_oom(error);
        }
        if (!pattern) {
                return include_file(loader, path, absolute, group, error);
        }
        r = check_directory(loader, path, relative, error);
        return r <= 0 ? r : include_pattern(loader, path, absolute, group, error);
}
