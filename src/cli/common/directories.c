/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/common/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/rights/places.h"
#include "base/strings.h"

static int host_defaults(struct cli_directories *directories, struct machine_error *error)
{
        return string_replace(&directories->runtime, "/run/machinectl-lite") < 0 ||
                               string_replace(&directories->state, "/var/lib/machinectl-lite") <
                                       0 ||
                               string_replace(&directories->log, "/var/log/machinectl-lite") < 0
                       ? error_oom(error)
                       : 0;
}

/* Anybody could have made it before, so everything about it is checked on the opened directory. */
static int check_temporary(const char *path, struct machine_error *error)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0) {
                return error_set(error, errno, "cannot open the runtime directory %s", path);
        }
        if (status.st_uid == geteuid() && (status.st_mode & 07777) == 0700) {
                return 0;
        }
        return error_say(error, EPERM,
                         "the runtime directory %s is not a private one of this user: owner %u, "
                         "mode %04o",
                         path, status.st_uid, status.st_mode & 07777);
}

static int make_temporary(char **ret, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/tmp/machinectl-lite-%u", geteuid());
        int r;

        if (!path) {
                return error_oom(error);
        }
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
                return error_set(error, errno, "cannot create the runtime directory %s", path);
        }
        r = check_temporary(path, error);
        if (r < 0) {
                error_hint(error,
                           "log in with a session of logind, which makes /run/user/%u, or set "
                           "XDG_RUNTIME_DIR",
                           geteuid());
                return r;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

static int user_defaults(struct cli_directories *directories, bool runtime_is_given,
                         struct machine_error *error)
{
        _cleanup_free_ char *runtime = NULL;
        int r = places_user("XDG_DATA_HOME", ".local/share", "machinectl-lite", &directories->state,
                            error);

        if (r == 0) {
                r = places_user("XDG_STATE_HOME", ".local/state", "machinectl-lite",
                                &directories->log, error);
        }
        if (r == 0 && !runtime_is_given) {
                r = places_runtime(&runtime, error);
        }
        if (r < 0 || runtime_is_given) {
                return r;
        }
        if (!runtime) {
                return make_temporary(&directories->runtime, error);
        }
        directories->runtime = path_join(runtime, "machinectl-lite");
        return directories->runtime ? 0 : error_oom(error);
}

/* ---- given by variables ---- */

/* Sets a directory from an environment variable; without one the default stays. */
static int directory_from(const char *variable, char **place, bool *usual,
                          struct machine_error *error)
{
        const char *value = getenv(variable);

        if (!value || !*value) {
                return 0;
        }
        *usual = false;
        if (value[0] != '/') {
                error_say(error, EINVAL, "%s=%s: not an absolute path", variable, value);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return string_replace(place, value) < 0 ? error_oom(error) : 0;
}

static int search_path_from(const char *variable, struct cli_directories *directories,
                            struct machine_error *error)
{
        const char *value = getenv(variable);

        if (!value || !*value) {
                return places_definitions(&directories->config_path, error);
        }
        directories->usual = false;
        return strv_split(value, ':', &directories->config_path) < 0 ? error_oom(error) : 0;
}

int cli_set_directories(struct cli_directories *directories, struct machine_error *error)
{
        const char *runtime = getenv("MACHINECTL_LITE_RUNTIME_DIR");
        int r = 0;

        directories->usual = true;
        if (caller_is_root()) {
                r = host_defaults(directories, error);
        } else {
                r = user_defaults(directories, runtime && *runtime, error);
        }
        if (r == 0) {
                r = search_path_from("MACHINECTL_LITE_CONFIG_PATH", directories, error);
        }
        if (r == 0) {
                r = directory_from("MACHINECTL_LITE_RUNTIME_DIR", &directories->runtime,
                                   &directories->usual, error);
        }
        if (r == 0) {
                r = directory_from("MACHINECTL_LITE_STATE_DIR", &directories->state,
                                   &directories->usual, error);
        }
        if (r == 0) {
                r = directory_from("MACHINECTL_LITE_LOG_DIR", &directories->log,
                                   &directories->usual, error);
        }
        return r;
}
