/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "convert/compose/compose.h"
#include "convert/container/run.h"
#include "convert/document/node.h"
#include "convert/lxc/lxc.h"
#include "convert/oci/oci.h"
#include "convert/program/program.h"
#include "convert/units/unit.h"

/* Which reader a source is for. */

struct source_kind {
        const char *name;
        bool (*is)(const struct convert_source *source);
        int (*convert)(struct conversion *conversion, const struct convert_source *source,
                       struct machine_error *error);
        const char *const *names; /* of the files by which directories of the kind are found */
};

const char program_source_kinds[] = "run, compose, quadlet, nspawn, lxc, oci";

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The file of a directory that a kind is found by, or NULL. The caller frees it. */
static char *file_in(const char *directory, const char *const *names)
{
        for (; names && *names; names++) {
                _cleanup_free_ char *path = path_join(directory, *names);
                struct stat status;

                if (path && stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
                        return TAKE_PTR(path);
                }
        }
        return NULL;
}

static bool is_compose(const struct convert_source *source)
{
        return string_ends_with(source->path, ".yaml") || string_ends_with(source->path, ".yml");
}

static bool is_quadlet(const struct convert_source *source)
{
        return quadlet_is_file(source->path);
}

static bool is_nspawn(const struct convert_source *source)
{
        return string_ends_with(source->path, ".nspawn");
}

static bool is_oci(const struct convert_source *source)
{
        return string_ends_with(source->path, ".json");
}

/* A file of any name whose first setting is LXC's. */
static bool is_lxc(const struct convert_source *source)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_error_ struct machine_error unheard = MACHINE_ERROR_INIT;
        const char *line;

        if (document_read(source->path, &text, NULL, &unheard) < 0) {
                return false;
        }
        for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                line += strspn(line, " \t\r");
                if (*line != '#' && *line != '\n' && *line) {
                        return string_after(line, "lxc.") != NULL;
                }
        }
        return false;
}

static bool is_any(const struct convert_source *source)
{
        return true;
}

static const char *const oci_names[] = { "config.json", NULL };
static const char *const lxc_names[] = { "config", NULL };

static const struct source_kind kinds[] = {
        { "compose", is_compose, compose_convert, compose_names },
        { "quadlet", is_quadlet, quadlet_convert, NULL },
        { "nspawn", is_nspawn, nspawn_convert, NULL },
        { "oci", is_oci, oci_convert, oci_names },
        { "lxc", is_lxc, lxc_convert, lxc_names },
        { "run", is_any, run_convert_script, NULL },
};

/* A directory without a file that others are found by is one of Quadlets. */
static const struct source_kind directory_kind = { "quadlet", is_any, quadlet_convert_directory,
                                                   NULL };

static bool is_chosen(const struct arguments *arguments, const struct source_kind *kind)
{
        return !arguments->from || strcmp(arguments->from, kind->name) == 0;
}

static const struct source_kind *find_kind(const struct arguments *arguments,
                                           const struct convert_source *source)
{
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                /* A kind that is given does not depend on the name, except among Quadlets. */
                bool named = arguments->from && kinds[i].is != is_quadlet;

                if (is_chosen(arguments, &kinds[i]) && (named || kinds[i].is(source))) {
                        return &kinds[i];
                }
        }
        return NULL;
}

/* *ret_file is the file of the directory, or NULL if the directory as a whole is the source. */
static const struct source_kind *find_directory_kind(const struct arguments *arguments,
                                                     const char *directory, char **ret_file)
{
        *ret_file = NULL;
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                *ret_file =
                        is_chosen(arguments, &kinds[i]) ? file_in(directory, kinds[i].names) : NULL;
                if (*ret_file) {
                        return &kinds[i];
                }
        }
        return is_chosen(arguments, &directory_kind) ? &directory_kind : NULL;
}

static int refuse_kind(const struct arguments *arguments, const char *given,
                       struct machine_error *error)
{
        error_say(error, EINVAL, "%s is not a source of the kind \"%s\"", given,
                  arguments->from ? arguments->from : "");
        error_hint(error, "the kinds are %s", program_source_kinds);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

static int convert_source(const struct arguments *arguments, struct conversion *conversion,
                          const char *given, struct machine_error *error)
{
        char path[PATH_MAX];
        _cleanup_free_ char *directory = NULL, *file = NULL, *shown = NULL;
        struct convert_source source = { .path = path,
                                         .shown = given,
                                         .name = arguments->name,
                                         .profiles = arguments->profiles,
                                         .env_files = arguments->env_files };
        const struct source_kind *kind;
        struct stat status;

        if (!realpath(given, path) || stat(path, &status) < 0) {
                (void)file_explain(-errno, "the source", given, error);
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        kind = S_ISDIR(status.st_mode) ? find_directory_kind(arguments, path, &file)
                                       : find_kind(arguments, &source);
        if (!kind) {
                return refuse_kind(arguments, given, error);
        }
        directory = S_ISDIR(status.st_mode) ? strdup(path)
                                            : strndup(path, (size_t)(strrchr(path, '/') - path));
        shown = file ? string_format("%s/%s", given, base_name(file)) : strdup(given);
        if (!directory || !shown) {
                return error_oom(error);
        }
        source.path = file ? file : path;
        source.shown = shown;
        source.directory = *directory ? directory : "/";
        conversion->file = NULL;
        return kind->convert(conversion, &source, error);
}

static int convert_words(const struct arguments *arguments, struct conversion *conversion,
                         struct machine_error *error)
{
        char directory[PATH_MAX];
        const struct convert_source source = { .path = directory,
                                               .shown = "the command line",
                                               .directory = directory,
                                               .name = arguments->name };

        if (!getcwd(directory, sizeof directory)) {
                return error_set(error, errno, "cannot find the working directory");
        }
        return run_convert_words(conversion, &source, source.shown, 0, arguments->sources, error);
}

int program_convert(const struct arguments *arguments, struct conversion *conversion,
                    struct machine_error *error)
{
        int r = 0;

        if (!arguments->from && run_is_command(arguments->sources) &&
            access(arguments->sources[0], F_OK) != 0) {
                return convert_words(arguments, conversion, error);
        }
        STRV_FOREACH(source, arguments->sources) {
                r = convert_source(arguments, conversion, *source, error);
                if (r < 0 || conversion->failed) {
                        break;
                }
        }
        return r;
}
