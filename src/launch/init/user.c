/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/user.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "launch/init/session.h"

int init_user_find(int root_fd, const char *specification, const struct id_range *range,
                   struct machine_user *ret, struct machine_error *error)
{
        int r = machine_user_find(root_fd, specification, ret, error);

        return r < 0 ? r : machine_user_check(ret, range, error);
}

void init_user_plan(const struct machine_user *user, struct init_plan *plan)
{
        plan->identity.uid = user->uid;
        plan->identity.gid = user->gid;
        plan->identity.groups = user->groups;
        plan->identity.group_count = user->group_count;
        if (!plan->working_directory || !*plan->working_directory) {
                plan->working_directory = user->home ? user->home : (char *)"/";
                plan->directory_is_home = true;
        }
}

static bool has_variable(char *const *environment, const char *name)
{
        STRV_FOREACH(entry, environment) {
                const char *rest = string_after(*entry, name);

                if (rest && *rest == '=') {
                        return true;
                }
        }
        return false;
}

int init_user_describe(const struct machine_user *user, char ***environment)
{
        const char *name = user->name ? user->name : user->uid == 0 ? "root" : NULL;
        const struct {
                const char *key;
                const char *value;
        } variables[] = {
                { "HOME", user->home ? user->home : "/" },
                { "USER", name },
                { "LOGNAME", name },
        };

        for (size_t i = 0; i < ELEMENTS_OF(variables); i++) {
                int r = 0;

                if (variables[i].value && !has_variable(*environment, variables[i].key)) {
                        r = strv_take(environment,
                                      string_format("%s=%s", variables[i].key, variables[i].value));
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int init_user_describe_home(int root_fd, uid_t uid, char ***environment)
{
        _cleanup_machine_user_ struct machine_user user = MACHINE_USER_INIT;
        char text[16];

        (void)snprintf(text, sizeof text, "%u", (unsigned int)uid);
        if (has_variable(*environment, "HOME") ||
            machine_user_find(root_fd, text, &user, NULL) < 0) {
                return 0;
        }
        return strv_take(environment, string_format("HOME=%s", user.home ? user.home : "/"));
}

int init_user_own_terminal(uid_t uid, int terminal, struct machine_error *error)
{
        session_copy_window_size(terminal);
        return fchown(terminal, uid, (gid_t)-1) < 0
                       ? error_set(error, errno, "cannot give the terminal to user %u",
                                   (unsigned int)uid)
                       : 0;
}

int init_user_own_pipes(const int streams[static 3], uid_t uid, gid_t gid,
                        struct machine_error *error)
{
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                struct stat status;

                if (fstat(streams[i], &status) == 0 && S_ISFIFO(status.st_mode) &&
                    fchown(streams[i], uid, gid) < 0 && errno != EPERM) {
                        return error_set(error, errno,
                                         "cannot give the pipe on descriptor %d to user %u", i,
                                         (unsigned int)uid);
                }
        }
        return 0;
}
