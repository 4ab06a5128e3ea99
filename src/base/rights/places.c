/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/places.h"

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"

#define DIRECTORIES_OF_ROOT "/etc/machines:/run/machines:/usr/local/lib/machines:/usr/lib/machines"

/* The value of a variable that contains an absolute path, else NULL: others are ignored (XDG base
 * directory specification). */
static const char *absolute(const char *variable)
{
        const char *value = getenv(variable);

        return value && value[0] == '/' ? value : NULL;
}

static const char *home(void)
{
        const char *given = absolute("HOME");
        const struct passwd *entry = given ? NULL : getpwuid(geteuid());

        return given                                               ? given
               : entry && entry->pw_dir && entry->pw_dir[0] == '/' ? entry->pw_dir
                                                                   : NULL;
}

int places_home(const char *name, char **ret, struct machine_error *error)
{
        const char *own = home();

        if (!own) {
                error_say(error, ENOENT, "the home directory of user %u is not known", geteuid());
                error_hint(error, "set HOME");
                return -ENOENT;
        }
        *ret = path_join(own, name);
        return *ret ? 0 : error_oom(error);
}

int places_user(const char *variable, const char *fallback, const char *name, char **ret,
                struct machine_error *error)
{
        const char *given = absolute(variable);
        _cleanup_free_ char *below = given ? NULL : path_join(fallback, name);

        if (!given) {
                return below ? places_home(below, ret, error) : error_oom(error);
        }
        *ret = path_join(given, name);
        return *ret ? 0 : error_oom(error);
}

static bool is_own(const char *path)
{
        struct stat status;

        return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

int places_runtime(char **ret, struct machine_error *error)
{
        const char *given = absolute("XDG_RUNTIME_DIR");
        _cleanup_free_ char *usual = string_format("/run/user/%u", geteuid());
        struct stat status;

        *ret = NULL;
        if (!usual) {
                return error_oom(error);
        }
        /* su(1) without a login keeps the variables of the other user. */
        if (given && stat(given, &status) == 0 && status.st_uid != geteuid()) {
                error_say(error, EPERM, "XDG_RUNTIME_DIR=%s belongs to user %u, not to user %u",
                          given, status.st_uid, geteuid());
                error_hint(error, "unset XDG_RUNTIME_DIR, or log in as the user with su - or "
                                  "machinectl shell");
                return -EPERM;
        }
        if (given && is_own(given)) {
                *ret = strdup(given);
                return *ret ? 0 : error_oom(error);
        }
        *ret = is_own(usual) ? TAKE_PTR(usual) : NULL;
        return 0;
}

static int definitions_of_user(char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **paths = NULL;
        _cleanup_free_ char *configuration = NULL, *data = NULL, *runtime = NULL;
        int r = places_user("XDG_CONFIG_HOME", ".config", "machines", &configuration, error);

        if (r == 0) {
                r = places_user("XDG_DATA_HOME", ".local/share", "machines", &data, error);
        }
        if (r == 0) {
                r = places_runtime(&runtime, error);
        }
        if (r < 0) {
                return r;
        }
        if (strv_take(&paths, TAKE_PTR(configuration)) < 0 ||
            (runtime && strv_take(&paths, path_join(runtime, "machines")) < 0) ||
            strv_take(&paths, TAKE_PTR(data)) < 0 ||
            strv_append(&paths, "/etc/machines/user") < 0 ||
            strv_append(&paths, "/usr/lib/machines/user") < 0) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

int places_definitions(char ***ret, struct machine_error *error)
{
        if (!caller_is_root()) {
                return definitions_of_user(ret, error);
        }
        return strv_split(DIRECTORIES_OF_ROOT, ':', ret) < 0 ? error_oom(error) : 0;
}
