/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/directory.h"
#include "config/check/check.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"

/* ---- Ids in use ---- */

#define ACCOUNTS_MAXIMUM (16u << 20)

/* The files that list ids in use, and the fields of a line that contain them. */
static const struct {
        const char *name;
        unsigned int first; /* field of the first id */
        unsigned int count; /* field of the count, 0: one id */
        const char *what;
} account_files[] = {
        { "passwd", 2, 0, "the user" },
        { "group", 2, 0, "the group" },
        { "subuid", 1, 2, "the subordinate ids of" },
        { "subgid", 1, 2, "the subordinate ids of" },
};

static bool read_field(const char *line, unsigned int field, uint64_t *ret)
{
        char *end;

        for (; field > 0; field--) {
                line += strcspn(line, ":\n");
                if (*line != ':') {
                        return false;
                }
                line++;
        }
        if (!isdigit((unsigned char)*line)) {
                return false;
        }
        *ret = strtoull(line, &end, 10);
        return *end == ':' || *end == '\n' || !*end;
}

/* Ranges that belong to root may be given to machines. */
static bool is_roots(const char *line)
{
        return string_after(line, "root:") || string_after(line, "0:");
}

static int report_overlap(struct config_definition *definition, size_t file, const char *line,
                          const char *etc)
{
        struct config_place place = config_definition_place(definition, "user_namespace", SIZE_MAX);

        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                             string_format("the range of ids overlaps %s \"%.*s\" of %s/%s",
                                           account_files[file].what, (int)strcspn(line, ":\n"),
                                           line, etc, account_files[file].name),
                             strdup("\"auto\" chooses a free range"));
}

/* One finding per file is enough: a wrong range often covers many accounts. */
static int check_accounts(struct config_definition *definition, size_t file, const char *etc)
{
        const struct machine_namespaces *range = &definition->machine->namespaces;
        uint64_t first = range->user_base, last = first + range->user_count - 1;
        _cleanup_free_ char *path = path_join(etc, account_files[file].name), *text = NULL;

        if (!path) {
                return -ENOMEM;
        }
        /* Without the file there are no such ids. */
        if (file_read(AT_FDCWD, path, ACCOUNTS_MAXIMUM, &text, NULL) < 0) {
                return 0;
        }
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                uint64_t id, count = 1;

                if (!read_field(line, account_files[file].first, &id) ||
                    (account_files[file].count &&
                     (is_roots(line) || !read_field(line, account_files[file].count, &count)))) {
                        continue;
                }
                if (count > 0 && id <= last && first <= id + count - 1) {
                        return report_overlap(definition, file, line, etc);
                }
        }
        return 0;
}

/* ---- Directories of an overlay ---- */

static int report_upper(struct config_definition *definition, char *message, char *hint)
{
        struct config_place place = config_definition_place(definition, "upper", SIZE_MAX);

        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place, message, hint);
}

/* overlayfs creates "work" and "index" in its work directory and leaves them there. */
static bool is_foreign(const char *name)
{
        return strcmp(name, "work") != 0 && strcmp(name, "index") != 0;
}

static int check_work_empty(struct config_definition *definition, const char *work)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;

        /* A directory that this user may not read is checked by the start. */
        (void)directory_open_at(AT_FDCWD, work, &directory);
        while ((entry = directory_next(directory))) {
                if (is_foreign(entry->d_name)) {
                        return report_upper(
                                definition,
                                string_format("work directory %s is not empty: it contains %s",
                                              work, entry->d_name),
                                strdup("the kernel requires an empty directory"));
                }
        }
        return 0;
}

static int check_upper_directory(struct config_definition *definition)
{
        const char *directory = definition->machine->root.upper_directory;
        _cleanup_free_ char *upper = path_join(directory, "upper");
        _cleanup_free_ char *work = path_join(directory, "work");
        struct stat upper_status, work_status;

        if (!upper || !work) {
                return -ENOMEM;
        }
        if (stat(directory, &upper_status) == 0 && !S_ISDIR(upper_status.st_mode)) {
                return report_upper(definition, string_format("%s is not a directory", directory),
                                    NULL);
        }
        /* A missing directory is created next to the other. */
        if (stat(upper, &upper_status) < 0 || stat(work, &work_status) < 0) {
                return 0;
        }
        if (upper_status.st_dev != work_status.st_dev) {
                return report_upper(
                        definition,
                        string_format("%s and %s are on different file systems", upper, work),
                        strdup("overlayfs requires both on one file system"));
        }
        return check_work_empty(definition, work);
}

int config_check_host(struct config_definition *definition, const char *etc)
{
        const struct machine *machine = definition->machine;
        int r = 0;

        /* A user has a part of his own subordinate ids. */
        if (machine->namespaces.user == MACHINE_USER_NAMESPACE_RANGE && caller_is_root()) {
                for (size_t i = 0; i < ELEMENTS_OF(account_files) && r == 0; i++) {
                        r = check_accounts(definition, i, etc);
                }
        }
        if (r == 0 && machine->root.upper == MACHINE_UPPER_DIRECTORY) {
                r = check_upper_directory(definition);
        }
        return r;
}
