/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/newcomers/successor.h"
#include "cli/verbs/verbs.h"
#include "config/config.h"

/* ---- Who refers to it ---- */

static bool refers_to(const struct machine *machine, const char *name)
{
        const struct machine_network *network = &machine->network;

        return strv_contains(machine->life.requires, name) ||
               strv_contains(machine->life.after, name) ||
               (network->mode == MACHINE_NETWORK_MACHINE && string_equal(network->target, name));
}

/* A definition that names the machine would name nothing afterwards. */
static int check_references(const struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        _cleanup_strv_ char **names = NULL, **referring = NULL;
        _cleanup_free_ char *list = NULL;
        int r = search_path ? config_list_machines(search_path, false, &names, error)
                            : error_oom(error);

        STRV_FOREACH(other, names) {
                struct machine *machine =
                        string_equal(*other, name) ? NULL : cli_load_silently(cli, *other);

                r = r == 0 && machine && refers_to(machine, name) ? strv_append(&referring, *other)
                                                                  : r;
                machine_free(machine);
        }
        if (r < 0 || !referring) {
                return r;
        }
        list = strv_join(referring, ", ");
        error_say(error, EBUSY, "machine \"%s\" is named in the definitions of: %s", name,
                  list ? list : "");
        error_hint(error, "change these first: they name it in requires, after or network.mode");
        return -EBUSY;
}

/* ---- What moves ---- */

static int add_file(struct moves *moves, const char *directory, const char *from, const char *to,
                    const char *suffix)
{
        return moves_add(moves, string_format("%s/%s%s", directory, from, suffix),
                         string_format("%s/%s%s", directory, to, suffix));
}

/* The definition and its drop-ins, which may be in any directory of the search path. */
static int add_definition(const struct cli *cli, const char *definition, struct moves *moves)
{
        const char *slash = strrchr(definition, '/');
        _cleanup_free_ char *directory = strndup(definition, (size_t)(slash - definition));
        bool searched = false;
        int r = directory ? add_file(moves, directory, moves->from, moves->to, ".machine")
                          : -ENOMEM;

        STRV_FOREACH(place, cli->directories.config_path) {
                searched |= string_equal(*place, directory);
                r = r < 0 || string_equal(*place, cli->directories.stored)
                            ? r
                            : add_file(moves, *place, moves->from, moves->to, ".machine.d");
        }
        if (r == 0 && !searched) {
                r = add_file(moves, directory, moves->from, moves->to, ".machine.d");
        }
        if (r == 0) {
                moves->definition = string_format("%s/%s.machine", directory, moves->to);
                r = moves->definition ? 0 : -ENOMEM;
        }
        return r;
}

static int plan(const struct cli *cli, const struct predecessor *machine, const char *name,
                struct moves *moves)
{
        _cleanup_free_ char *layers = string_format("%s/machines", cli->directories.state);

        moves->from = strdup(machine->name);
        moves->to = strdup(name);
        if (!layers || !moves->from || !moves->to) {
                return -ENOMEM;
        }
        moves->enabled = predecessor_is_enabled(cli, machine->name);
        return add_file(moves, layers, machine->name, name, "") < 0 ||
                               add_file(moves, cli->directories.log, machine->name, name, ".log") <
                                       0 ||
                               add_file(moves, cli->directories.log, machine->name, name,
                                        ".log.1") < 0 ||
                               (machine->definition &&
                                add_definition(cli, machine->definition, moves) < 0)
                       ? -ENOMEM
                       : 0;
}

static int rename_machine(struct cli *cli, struct predecessor *machine, const char *name,
                          struct machine_error *error)
{
        _cleanup_moves_ struct moves moves = { 0 };
        int r = successor_check(cli, machine, name, error);

        r = r < 0 ? r : check_references(cli, machine->name, error);
        if (r == 0 && plan(cli, machine, name, &moves) < 0) {
                r = error_oom(error);
        }
        r = r < 0 ? r : successor_check_paths(&moves, error);
        return r < 0 ? r : moves_carry_out(cli, &machine->store, &moves, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_predecessor_ struct predecessor machine = PREDECESSOR_INIT;
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 2) {
                return cli_usage_error(verb, error, "expected a machine and its new name");
        }
        r = predecessor_open(cli, verb, argv[0], argv[1], &machine, error);
        return r < 0 ? r : rename_machine(cli, &machine, argv[1], error);
}

const struct verb verb_rename = {
        .name = "rename",
        .arguments = "M NEW",
        .summary = "give a stopped machine another name",
        .run = run,
};
