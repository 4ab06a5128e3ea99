/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/definition.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "config/snapshot.h"

int cli_take_setting(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        struct cli_settings *settings = data;
        struct config_setting *grown =
                reallocarray(settings->items, settings->count + 1, sizeof *grown);

        if (!grown) {
                return error_oom(error);
        }
        settings->items = grown;
        grown[settings->count++] = (struct config_setting){ option->name, value };
        return 0;
}

bool cli_settings_have_root(const struct cli_settings *settings)
{
        for (size_t i = 0; i < settings->count; i++) {
                const char *option = settings->items[i].option;

                if (strcmp(option, "rootfs") == 0 || strcmp(option, "image") == 0) {
                        return true;
                }
        }
        return false;
}

void cli_print_made_name(const struct machine *machine)
{
        if (machine->name_derived) {
                printf("%s\n", machine->name);
        }
}

/* Findings go to where diagnostics go, before the error that sums them up. */
static void print_findings(const struct cli *cli, struct diagnostics *diagnostics)
{
        _cleanup_free_ char *text = NULL;

        if (diagnostics->count == 0 ||
            (diagnostics->errors == 0 && cli->log.level < LOG_LEVEL_WARNING)) {
                return;
        }
        text = diagnostics_format(diagnostics, cli->log.colour);
        if (text) {
                (void)file_write_all(cli->log.fd, text, strlen(text));
        }
}

int cli_load_definition(struct cli *cli, const char *name, const struct cli_settings *settings,
                        struct machine **ret, struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        struct config_options options = {
                .search_path = search_path,
                .settings = settings->items,
                .setting_count = settings->count,
                .standard_input = true,
        };
        int r;

        if (!search_path) {
                return error_oom(error);
        }
        r = config_load(name, &options, &diagnostics, ret, error);
        print_findings(cli, &diagnostics);
        return r;
}

enum cli_drift cli_definition_drift(const struct cli *cli, const struct machine_record *record)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        struct config_options options = { .search_path = search_path };
        enum cli_drift drift = CLI_DRIFT_UNKNOWN;
        char digest[CONFIG_DIGEST_SIZE];
        struct machine *machine = NULL;

        if (!record->definition || !record->digest || !search_path ||
            config_load(record->definition, &options, &diagnostics, &machine, NULL) < 0) {
                return CLI_DRIFT_UNKNOWN;
        }
        if (config_digest(machine, digest) == 0) {
                drift = strcmp(digest, record->digest) == 0 ? CLI_DRIFT_NONE : CLI_DRIFT_CHANGED;
        }
        machine_free(machine);
        return drift;
}

int cli_check_startable(const struct machine *machine, struct machine_error *error)
{
        /* An image usually says what to run: that is known once it is there. */
        if (!machine->process.command && !machine->process.boot &&
            machine->root.source != MACHINE_ROOT_IMAGE) {
                error_say(error, EINVAL, "machine \"%s\" has nothing to run", machine->name);
                error_hint(error, "give it a command in its definition, with --set, or with run "
                                  "behind \"--\"");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return 0;
}

int cli_load_settings(struct cli *cli, const struct cli_settings *settings, struct machine **ret,
                      struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        struct config_options options = {
                .settings = settings->items,
                .setting_count = settings->count,
        };
        int r = config_load_settings(&options, &diagnostics, ret, error);

        print_findings(cli, &diagnostics);
        return r;
}
