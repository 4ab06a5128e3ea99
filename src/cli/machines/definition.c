/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/definition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/moves/moves.h"
#include "cli/output/print.h"
#include "config/compare.h"
#include "config/host.h"
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

int cli_take_trust(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error)
{
        struct cli_settings *settings = data;
        const char *caller = getenv("SUDO_UID");
        uint64_t uid;

        if (!caller) {
                return error_say(error, EINVAL,
                                 "--trust-owner works only through sudo: SUDO_UID is not set");
        }
        if (quantity_parse_number(caller, &uid) < 0 || uid >= (uid_t)-1) {
                return error_say(error, EINVAL, "--trust-owner: SUDO_UID=%s is not a user id",
                                 caller);
        }
        settings->trusted_owner = (uid_t)uid;
        return 0;
}

int cli_take_force(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error)
{
        struct cli_settings *settings = data;

        settings->force = true;
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

int cli_print_made_name(const struct cli *cli, const struct machine *machine,
                        struct machine_error *error)
{
        if (!machine->name_derived) {
                return 0;
        }
        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, json_pack("{s:s}", "name", machine->name), error);
        }
        printf("%s\n", machine->name);
        return 0;
}

void cli_print_findings(const struct cli *cli, struct diagnostics *findings)
{
        _cleanup_free_ char *text = NULL;

        if (findings->count == 0 || (findings->errors == 0 && cli->log.level < LOG_LEVEL_WARNING)) {
                return;
        }
        text = diagnostics_format(findings, cli->log.colour);
        if (text) {
                (void)file_write_all(cli->log.fd, text, strlen(text));
        }
}

static int load(struct cli *cli, const char *name, const struct cli_settings *settings,
                bool trust_required, struct diagnostics *findings, struct machine **ret,
                struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        struct config_options options = {
                .search_path = search_path,
                .settings = settings->items,
                .setting_count = settings->count,
                .standard_input = true,
                .trust = { trust_required, settings->trusted_owner },
        };

        if (!search_path) {
                return error_oom(error);
        }
        moves_recover(cli);
        return config_load(name, &options, findings, ret, error);
}

int cli_load_definition(struct cli *cli, const char *name, const struct cli_settings *settings,
                        struct machine **ret, struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics findings = { 0 };
        int r = load(cli, name, settings, false, &findings, ret, error);

        cli_print_findings(cli, &findings);
        return r;
}

/* Only a definition that names hosts is worth the look at this one's labels. */
static int check_host(const struct machine *machine, struct machine_error *error)
{
        _cleanup_config_host_ struct config_host host = { 0 };
        int r = machine->apply.hosts ? config_host_read(NULL, CONFIG_HOST_LABELS, &host, error) : 0;

        if (r < 0 || !machine->apply.hosts || config_host_is_among(&host, machine->apply.hosts)) {
                return r;
        }
        error_say(error, EPERM, "machine \"%s\" belongs on other hosts than \"%s\"", machine->name,
                  host.name);
        error_hint(error, "\"hosts\" in its definition says which; the labels of this host are "
                          "in " CONFIG_HOST_LABELS);
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

int cli_load_among(struct cli *cli, const char *name, const struct cli_settings *settings,
                   struct diagnostics *findings, struct machine **ret, struct machine_error *error)
{
        struct machine *machine = NULL;
        int r = load(cli, name, settings, true, findings, &machine, error);

        r = r < 0 ? r : check_host(machine, error);
        if (r < 0) {
                machine_free(machine);
                return r;
        }
        *ret = machine;
        return 0;
}

int cli_load_to_start(struct cli *cli, const char *name, const struct cli_settings *settings,
                      struct machine **ret, struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics findings = { 0 };
        int r = cli_load_among(cli, name, settings, &findings, ret, error);

        cli_print_findings(cli, &findings);
        return r;
}

struct machine *cli_load_silently(const struct cli *cli, const char *name_or_path)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        struct config_options options = { .search_path = search_path };
        struct machine *machine = NULL;

        return search_path && config_load(name_or_path, &options, &diagnostics, &machine, NULL) == 0
                       ? machine
                       : NULL;
}

/* A digest covers the defaults of all keys, and the version that started the machine may have had
 * others. Without the right to read what it was started with, the digest decides. */
static bool is_changed(const struct cli *cli, const struct machine_record *record,
                       const struct machine *machine)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_config_changes_ struct config_changes changes = { 0 };
        _cleanup_free_ char *snapshot = NULL;

        return cli_open_store(cli, &store, NULL) < 0 ||
               state_load_definition(&store, record->name, &snapshot) < 0 ||
               config_compare(&(struct config_running){ .snapshot = snapshot }, machine, NULL,
                              &changes) < 0 ||
               changes.count > 0;
}

enum cli_drift cli_definition_drift(const struct cli *cli, const struct machine_record *record)
{
        enum cli_drift drift = CLI_DRIFT_UNKNOWN;
        char digest[CONFIG_DIGEST_SIZE];
        struct machine *machine = record->definition && record->digest
                                          ? cli_load_silently(cli, record->definition)
                                          : NULL;

        if (machine && config_digest(machine, digest) == 0) {
                drift = strcmp(digest, record->digest) == 0 || !is_changed(cli, record, machine)
                                ? CLI_DRIFT_NONE
                                : CLI_DRIFT_CHANGED;
        }
        machine_free(machine);
        return drift;
}

int cli_check_startable(const struct machine *machine, struct machine_error *error)
{
        /* An image usually has a command, which is known only once it is pulled. */
        if (!machine->process.command && !machine->process.boot && !machine->holds_pod &&
            machine->root.source != MACHINE_ROOT_IMAGE) {
                error_say(error, EINVAL, "machine \"%s\" has no command to run", machine->name);
                error_hint(error,
                           "set a command in its definition, with --set, or after \"--\" with "
                           "run");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return 0;
}

int cli_check_corruption(const struct machine *machine, const struct cli_settings *settings,
                         struct machine_error *error)
{
        enum machine_corruption mode = machine->root.verity.on_corruption;

        if (mode == MACHINE_CORRUPTION_IO_ERROR || settings->force) {
                return 0;
        }
        error_say(
                error, EPERM,
                "machine \"%s\" is not started: with \"verity.on_corruption\", a changed block of "
                "its image would make %s",
                machine->name,
                mode == MACHINE_CORRUPTION_PANIC ? "the kernel of the host panic"
                                                 : "the whole host restart");
        error_hint(error, "use \"io-error\", or allow it with --force");
        return -EPERM;
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

        cli_print_findings(cli, &diagnostics);
        return r;
}
