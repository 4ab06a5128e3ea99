/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/start.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "cli/life/candidates.h"
#include "cli/life/transient.h"
#include "systemd/manager.h"

struct supervisor_options cli_supervisor_options(const struct cli *cli)
{
        return (struct supervisor_options){
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log_directory = cli->directories.log,
                .title = cli->title,
                .log = &cli->log,
                .report = -EBADF,
        };
}

/* The service manager starts machines that it finds itself: by name, in the default directories,
 * and without settings. */
static bool belongs_in_unit(const struct cli *cli, const char *argument,
                            const struct cli_settings *settings)
{
        return settings->count == 0 && settings->trusted_owner == 0 && !strchr(argument, '/') &&
               strcmp(argument, "-") != 0 && !string_ends_with(argument, ".machine") &&
               !string_ends_with(argument, ".pod") && cli->directories.usual &&
               systemd_is_booted() && systemd_has_machine_unit();
}

static void start_units(struct candidates *candidates, char *const *units)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = units ? systemd_control("start", units, &failure) : 0;

        if (r < 0) {
                candidates_fail(candidates, &failure, r);
        }
}

/* A definition that cannot be read is reported by the unit. */
static int add_unit(const struct cli *cli, const char *name, const struct cli_settings *settings,
                    char ***units, struct machine_error *error)
{
        struct machine *machine = cli_load_silently(cli, name);
        int r = machine ? cli_check_corruption(machine, settings, error) : 0;

        machine_free(machine);
        if (r < 0) {
                return r;
        }
        return strv_take(units, systemd_unit_of(name)) < 0 ? error_oom(error) : 0;
}

static void sort_arguments(struct candidates *candidates, char *const *arguments,
                           const struct cli_settings *settings, char ***units)
{
        if (!arguments) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r = candidates_add(candidates, NULL, settings, &failure);

                if (r < 0) {
                        candidates_fail(candidates, &failure, r);
                }
        }
        STRV_FOREACH(argument, arguments) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r;

                if (belongs_in_unit(candidates->cli, *argument, settings)) {
                        r = add_unit(candidates->cli, *argument, settings, units, &failure);
                } else {
                        r = candidates_add(candidates, *argument, settings, &failure);
                }
                if (r < 0) {
                        candidates_fail(candidates, &failure, r);
                }
        }
}

static void print_name(struct candidates *candidates, const struct machine *machine)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = cli_print_made_name(candidates->cli, machine, &failure);

        if (r < 0) {
                candidates_fail(candidates, &failure, r);
        }
}

/* Once in a session: the file is in the runtime directory, which goes with the last one. */
static void warn_of_logout(const struct cli *cli)
{
        _cleanup_free_ char *path = path_join(cli->directories.runtime, "logout-warned");
        _cleanup_close_ int fd = -EBADF;

        if (caller_is_root() || !path || !systemd_is_booted() || systemd_lingers() ||
            directory_make(cli->directories.runtime, 0700) < 0) {
                return;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0) {
                log_warning(&cli->log,
                            "machines end with your last session; to keep them: loginctl "
                            "enable-linger");
        }
}

int cli_start_machines(struct cli *cli, char *const *arguments, const struct cli_settings *settings,
                       struct machine_error *error)
{
        _cleanup_(candidates_clear) struct candidates candidates;
        _cleanup_strv_ char **units = NULL;
        int r = candidates_init(&candidates, cli, error);

        if (r < 0) {
                return r;
        }
        sort_arguments(&candidates, arguments, settings, &units);
        candidates_add_required(&candidates, settings);
        candidates_tell_findings(&candidates);
        start_units(&candidates, units);
        warn_of_logout(cli);
        r = candidates_enter_user(&candidates, error);
        if (r < 0) {
                return r;
        }
        cli_collect_transient_before_start(cli);
        candidates_start(&candidates);
        for (size_t i = 0; i < candidates.count; i++) {
                if (candidates.items[i].progress == READY) {
                        print_name(&candidates, candidates.items[i].machine);
                }
        }
        return candidates.result;
}
