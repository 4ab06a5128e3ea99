/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/limits/limits.h"
#include "cli/machines/definition.h"
#include "cli/machines/locked_machine.h"
#include "cli/verbs/verbs.h"

#define GROUP "limits."

static const struct cli_option options[] = {
        CLI_OPTIONS_END,
};

/* The limits of the control group. Other limits belong to processes and apply from their start. */
static const char *const keys[] = {
        "limits.memory", "limits.memory_high", "limits.memory_low", "limits.swap",
        "limits.cpu",    "limits.cpu_weight",  "limits.cpus",       "limits.memory_nodes",
        "limits.tasks",  "limits.io_weight",   "limits.io",         "limits.hugepages",
};

static bool is_settable(const char *key, size_t length)
{
        for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
                if (strlen(keys[i]) == length && memcmp(keys[i], key, length) == 0) {
                        return true;
                }
        }
        return false;
}

/* "memory=1G" and "limits.memory=1G" are equivalent. */
static int take_assignment(const struct verb *verb, const char *argument, char ***ret_values,
                           struct machine_error *error)
{
        bool whole = string_after(argument, GROUP) != NULL;
        _cleanup_free_ char *value = string_format("%s%s", whole ? "" : GROUP, argument);
        const char *equals;

        if (!value) {
                return error_oom(error);
        }
        equals = strchr(value, '=');
        if (!equals) {
                return cli_usage_error(verb, error, "\"%s\" is not KEY=VALUE", argument);
        }
        if (!is_settable(value, (size_t)(equals - value))) {
                _cleanup_free_ char *key = strndup(value, (size_t)(equals - value));

                cli_usage_error(verb, error,
                                "\"%s\" cannot be changed while the machine is running",
                                key ? key : argument);
                error_hint(error,
                           "keys that can be changed: memory, memory_high, memory_low, swap, cpu, "
                           "cpu_weight, cpus, memory_nodes, tasks, io_weight, io, "
                           "hugepages");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return strv_take(ret_values, TAKE_PTR(value)) < 0 ? error_oom(error) : 0;
}

static int load_limits(struct cli *cli, const struct verb *verb, char *const *arguments,
                       struct machine **ret, struct machine_error *error)
{
        _cleanup_strv_ char **values = NULL;
        _cleanup_free_ struct config_setting *items = NULL;
        struct cli_settings settings = { 0 };

        STRV_FOREACH(argument, arguments) {
                int r = take_assignment(verb, *argument, &values, error);

                if (r < 0) {
                        return r;
                }
        }
        items = calloc(strv_length(values), sizeof *items);
        if (!items) {
                return error_oom(error);
        }
        settings.items = items;
        STRV_FOREACH(value, values) {
                items[settings.count++] = (struct config_setting){ "set", *value };
        }
        return cli_load_settings(cli, &settings, ret, error);
}

/* The limits of a pod are those of all its members. */
static int open_members_group(const struct machine_record *record, struct cgroup *ret,
                              struct machine_error *error)
{
        _cleanup_free_ char *path = machine_record_limited_group(record);

        if (path && access(path, F_OK) < 0 && errno == ENOENT) {
                error_say(error, ENODATA,
                          "the members of pod \"%s\" have no common control group, as it was "
                          "started without limits",
                          record->name);
                error_hint(error, "set one in its definition, and restart it");
                return -ENODATA;
        }
        return path ? cgroup_open(path, ret, error) : error_oom(error);
}

static int apply(struct cli *cli, const char *name, const struct machine_limits *limits,
                 struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_locked_machine_ struct locked_machine machine = LOCKED_MACHINE_INIT;
        _cleanup_strv_ char **warnings = NULL;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_lock_machine(&store, name, &machine, error);
        }
        if (r == 0 && machine_record_is_pod(&machine.record)) {
                cgroup_release(&machine.group);
                r = open_members_group(&machine.record, &machine.group, error);
        }
        if (r == 0) {
                r = cgroup_apply_limits(&machine.group, limits, &warnings, error);
        }
        STRV_FOREACH(warning, warnings) {
                log_warning(&cli->log, "%s", *warning);
        }
        return r;
}

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_(cleanup_machine) struct machine *machine = NULL;
        _cleanup_free_ char *name = NULL;
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc < 2) {
                return cli_usage_error(verb, error,
                                       "expected a machine and at least one KEY=VALUE");
        }
        r = cli_machine_name(cli, verb, argv[0], &name, error);
        if (r == 0) {
                r = load_limits(cli, verb, argv + 1, &machine, error);
        }
        return r < 0 ? r : apply(cli, name, &machine->limits, error);
}

const struct verb verb_set_limit = {
        .name = "set-limit",
        .arguments = "M KEY=VALUE..",
        .summary = "change limits of a running machine",
        .options = options,
        .run = run,
};
