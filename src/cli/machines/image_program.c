/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/image_program.h"

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "image/execute.h"

int cli_image_arguments(const struct cli *cli, char ***ret)
{
        static const char *const json[] = {
                [CLI_JSON_OFF] = "off", [CLI_JSON_SHORT] = "short", [CLI_JSON_PRETTY] = "pretty"
        };
        int r = strv_take(ret, string_format("--state-dir=%s", cli->directories.state));

        if (r == 0) {
                r = strv_take(ret, string_format("--json=%s", json[cli->json]));
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_ERROR) {
                r = strv_append(ret, "--quiet");
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_DEBUG) {
                r = strv_append(ret, "--debug");
        }
        if (r == 0 && !cli->legend) {
                r = strv_append(ret, "--no-legend");
        }
        if (r == 0 && cli->log.colour) {
                r = strv_append(ret, "--colour");
        }
        return r;
}

int cli_pass_option(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error)
{
        char ***arguments = data;

        return strv_take(arguments, string_format("--%s%s%s", option->name, value ? "=" : "",
                                                  value ? value : "")) < 0
                       ? error_oom(error)
                       : 0;
}

int cli_run_image_verb(struct cli *cli, const struct verb *verb, char *const *given, int argc,
                       char **argv, struct machine_error *error)
{
        _cleanup_strv_ char **arguments = NULL;
        int r = cli_enter_user(cli, error);

        if (r < 0) {
                return r;
        }
        r = cli_image_arguments(cli, &arguments);

        if (r == 0) {
                r = strv_append(&arguments, verb->name);
        }
        STRV_FOREACH(option, given) {
                if (r == 0) {
                        r = strv_append(&arguments, *option);
                }
        }
        if (r == 0) {
                r = strv_append(&arguments, "--");
        }
        for (int i = 0; r == 0 && i < argc; i++) {
                r = strv_append(&arguments, argv[i]);
        }
        return r < 0 ? error_oom(error) : image_execute(arguments, error);
}

int cli_check_stopped(const struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = state_load(&store, name, &record, error);
        }
        if (r == -ENOENT) {
                machine_error_clear(error);
                return 0;
        }
        if (r == 0 && machine_state_is_live(record.state) && process_is_alive(&record.supervisor)) {
                error_say(error, EBUSY, "machine \"%s\" is running", name);
                error_hint(error, "stop it first: machinectl-lite stop %s", name);
                return -EBUSY;
        }
        return r;
}
