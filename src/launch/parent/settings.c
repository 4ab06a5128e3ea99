/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Settings of the definition: those that are resolved before anything is created, and those that
 * are made for the first process from outside. */

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/init/user.h"
#include "launch/steps.h"
#include "security/label.h"
#include "security/resources.h"

static int resolve_capabilities(struct launch *launch, struct machine_error *error)
{
        _cleanup_strv_ char **warnings = NULL;
        int r = launch->machine->bare
                        ? capabilities_take_sets(launch->machine, &launch->capabilities, &warnings,
                                                 error)
                        : capabilities_resolve(launch->machine, &launch->capabilities, error);

        STRV_FOREACH(warning, warnings) {
                launch_warn(launch, *warning);
        }
        return r;
}

int launch_set_up_privileges(struct launch *launch, struct machine_error *error)
{
        const struct security_label label = {
                .apparmor = launch->machine->security.apparmor,
                .selinux = launch->machine->security.selinux,
        };
        const struct security_label mounts = {
                .selinux = launch->machine->security.mount_label,
        };
        _cleanup_free_ char *cache = path_join(launch->options.directories.state, "seccomp");
        int r;

        if (!cache) {
                return error_oom(error);
        }
        r = launch_check_sysctls(launch->machine, error);
        if (r == 0) {
                r = security_label_check(&label, error);
        }
        if (r == 0 && launch->machine->security.mount_label) {
                r = security_label_check(&mounts, error);
                if (r < 0) {
                        error_prefix(error, "linux.mountLabel");
                }
        }
        if (r == 0) {
                r = resolve_capabilities(launch, error);
        }
        if (r == 0) {
                r = seccomp_program_load(launch->machine, &launch->capabilities, cache,
                                         &launch->filter, error);
        }
        return r;
}

int launch_set_up_environment(struct launch *launch, struct machine_error *error)
{
        int r = launch_is_not_bare(launch)
                        ? launch_derive_machine_id(launch->machine, &launch->machine_id, error)
                        : 0;

        return r < 0 ? r : launch_load_environment(launch->machine, &launch->environment, error);
}

int launch_set_up_init_program(struct launch *launch, struct machine_error *error)
{
        if (launch_calls_init(launch)) {
                return 0;
        }
        launch->init_program = launch_open_init_program(error);
        return launch->init_program < 0 ? launch->init_program : 0;
}

int launch_set_up_resources(struct launch *launch, struct machine_error *error)
{
        const struct resource_settings settings = resource_settings_of(launch->machine);

        return resources_prepare(launch->pid, &settings, error);
}

bool launch_wants_streams(const struct launch *launch)
{
        /* A user's machine mostly has his own id as root's. */
        return !launch->options.terminal && launch_has_user_namespace(launch) &&
               !(launch->by_user && launch_root_uid(launch) == 0);
}

/* The owner of the caller's pipes is not in the machine's user namespace. */
int launch_set_up_streams(struct launch *launch, struct machine_error *error)
{
        const int streams[] = { launch_stream(launch, 0), launch_stream(launch, 1),
                                launch_stream(launch, 2) };

        return init_user_own_pipes(streams, launch_root_uid(launch), launch_root_gid(launch),
                                   error);
}
