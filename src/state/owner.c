/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

#define OWNER_FILE "definition"

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool are_one_file(const char *a, const char *b)
{
        struct stat left, right;

        return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
               left.st_ino == right.st_ino;
}

static char *directory_of(const char *path)
{
        return strndup(path, (size_t)(base_name(path) - path));
}

/* All revisions of a stored tree are one place. */
static bool is_stored(const char *directory, const char *searched)
{
        return string_ends_with(searched, "/sources") && path_is_below(directory, searched);
}

static bool is_searched(const char *directory, char *const *search)
{
        STRV_FOREACH(searched, search) {
                if (are_one_file(directory, *searched) || is_stored(directory, *searched)) {
                        return true;
                }
        }
        return false;
}

/* Compares paths with equal file names, which may not exist any more: their directories are the
 * same, or are both in the search path, in which the first file of a name counts. */
static bool have_one_place(const char *a, const char *b, char *const *search)
{
        _cleanup_free_ char *left = directory_of(a), *right = directory_of(b);

        if (!left || !right || strcmp(base_name(a), base_name(b)) != 0) {
                return false;
        }
        return are_one_file(left, right) ||
               (is_searched(left, search) && is_searched(right, search));
}

static bool is_same(const char *a, const char *b, char *const *search)
{
        if (!a || !b) {
                return a == b;
        }
        return strcmp(a, b) == 0 || are_one_file(a, b) || have_one_place(a, b, search);
}

static void hint_at_ways_out(const struct claim_to_machine *claim, const char *known,
                             struct machine_error *error)
{
        if (known && claim->definition && access(known, F_OK) < 0 && errno == ENOENT) {
                error_hint(
                        error,
                        "%s does not exist: if it was moved, link it back and start the machine "
                        "again "
                        "(ln -s %s %s); otherwise choose another name with --name, or delete the "
                        "other machine and its files: machinectl-lite delete %s",
                        known, claim->definition, known, claim->name);
                return;
        }
        error_hint(error,
                   "choose another name with --name, or delete the other machine and its files: "
                   "machinectl-lite delete %s",
                   known ? known : claim->name);
}

int owner_check(const struct claim_to_machine *claim, const char *known,
                struct machine_error *error)
{
        static const char command_line[] = "the command line";

        if (is_same(known, claim->definition, claim->search)) {
                return 0;
        }
        error_say(error, EEXIST, "machine \"%s\" belongs to %s, not to %s", claim->name,
                  known ? known : command_line,
                  claim->definition ? claim->definition : command_line);
        hint_at_ways_out(claim, known, error);
        return -EEXIST;
}

static char *owner_path(const char *state_directory, const char *name)
{
        return string_format("%s/machines/%s/" OWNER_FILE, state_directory, name);
}

int owner_check_kept(const struct claim_to_machine *claim, const char *state_directory,
                     struct machine_error *error)
{
        _cleanup_free_ char *path = owner_path(state_directory, claim->name), *known = NULL;
        int r = path ? file_read(AT_FDCWD, path, PATH_MAX, &known, NULL) : -ENOMEM;

        if (r == -ENOENT || r == -ENOTDIR) {
                return 0;
        }
        if (r < 0) {
                return error_set(error, r, "cannot read %s", path ? path : OWNER_FILE);
        }
        return owner_check(claim, known, error);
}

int owner_keep(const struct claim_to_machine *claim, const char *state_directory,
               struct machine_error *error)
{
        _cleanup_free_ char *path = owner_path(state_directory, claim->name), *known = NULL;
        int r = path ? 0 : -ENOMEM;

        if (!claim->definition) {
                return 0;
        }
        if (r == 0 && file_read(AT_FDCWD, path, PATH_MAX, &known, NULL) == 0 &&
            strcmp(known, claim->definition) == 0) {
                return 0;
        }
        if (r == 0) {
                r = file_replace(AT_FDCWD, path, claim->definition, strlen(claim->definition),
                                 0600);
        }
        return r < 0 ? error_set(error, r, "cannot write %s", path ? path : OWNER_FILE) : 0;
}
