/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "base/volume.h"
#include "cli/life/start.h"
#include "cli/machines/definition.h"
#include "cli/machines/own.h"
#include "cli/newcomers/archive.h"
#include "cli/newcomers/checkpoint.h"
#include "cli/newcomers/importing.h"
#include "cli/newcomers/successor.h"
#include "cli/verbs/verbs.h"
#include "config/show.h"
#include "criu/criu.h"

struct restore_options {
        const char *name;
        uint64_t timeout;
};

static int take_name(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        ((struct restore_options *)data)->name = value;
        return 0;
}

static int take_timeout(const struct cli_option *option, const char *value, void *data,
                        struct machine_error *error)
{
        struct restore_options *given = data;

        if (quantity_parse_time(value, &given->timeout) < 0 || given->timeout == 0) {
                return error_say(error, EINVAL, "--timeout: \"%s\" is no time, such as 30s", value);
        }
        return 0;
}

static const struct cli_option options[] = {
        { 0, "name", "NAME", "a name other than that in the archive", take_name },
        { 0, "timeout", "TIME", "the time that CRIU gets (default: 30s)", take_timeout },
        CLI_OPTIONS_END,
};

struct restoring {
        struct cli *cli;
        const struct restore_options *given;
        struct importing importing;
        struct launch_restore restore;
        char **nulls;
        char *images;
        char *name;
        bool made; /* the machine, by this command */
        /* Of a machine that exists: its layer while it is exchanged. */
        char *place, *directory;
        bool exchanged, had_layer, has_layer;
};

/* ---- the archive ---- */

/* CRIU does what its files say as root of the host, before a machine can hold its processes: they
 * are as trusted as a program of root. */
static int check_file(const char *file, struct machine_error *error)
{
        struct stat status;

        if (stat(file, &status) < 0) {
                error_set(error, errno, "cannot open %s", file);
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        if (status.st_uid != 0 || (status.st_mode & 0022)) {
                error_say(error, EPERM,
                          "%s can be written by others than root, and CRIU trusts what is in it",
                          file);
                error_hint(error, "if you know where it is from: chown root %s; chmod 600 %s", file,
                           file);
                return -EPERM;
        }
        return 0;
}

static int read_archive(struct restoring *restoring, const char *file, struct machine_error *error)
{
        struct importing *importing = &restoring->importing;
        _cleanup_free_ char *criu = NULL;
        int r = criu_check(&criu, error);

        r = r < 0 ? r : check_file(file, error);
        r = r < 0 ? r : importing_unpack(importing, file, error);
        r = r < 0 ? r : checkpoint_read(importing->record, file, criu, &restoring->restore, error);
        if (r < 0) {
                return r;
        }
        restoring->nulls = (char **)restoring->restore.nulls;
        restoring->images = path_join(importing->archive, ARCHIVE_CHECKPOINT);
        restoring->name =
                strdup(restoring->given->name ? restoring->given->name
                                              : json_get_string(importing->record, "name"));
        if (!restoring->images || !restoring->name) {
                return error_oom(error);
        }
        restoring->restore.images = restoring->images;
        restoring->restore.timeout = restoring->given->timeout;
        return path_is_component(restoring->name)
                       ? 0
                       : error_say(error, EINVAL, "\"%s\" cannot be the name of a machine",
                                   restoring->name);
}

/* ---- a machine that exists ---- */

static int check_definition(const struct restoring *restoring, struct machine_error *error)
{
        const json_t *written = json_object_get(restoring->importing.record, "definition");
        const struct cli_settings none = { 0 };
        _cleanup_json_ json_t *settings = NULL;
        struct machine *machine = NULL;
        int r = cli_load_definition(restoring->cli, restoring->name, &none, &machine, error);

        if (r < 0) {
                return r;
        }
        r = config_machine_json(machine, false, &settings);
        machine_free(machine);
        if (r < 0) {
                return error_oom(error);
        }
        if (!json_equal(settings, (json_t *)written)) {
                error_say(error, EEXIST,
                          "machine \"%s\" exists, and its definition is not that of the "
                          "checkpoint",
                          restoring->name);
                error_hint(error, "--name NAME makes another machine of it");
                return -EEXIST;
        }
        return 0;
}

static int rename_layer(const char *from, const char *to, unsigned int flags)
{
        return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags) < 0 ? -errno : 0;
}

/* The layer that was, and that which takes its place or its absence. */
static int swap(const struct restoring *restoring)
{
        _cleanup_free_ char *upper = string_format("%s/upper", restoring->directory);
        _cleanup_free_ char *other = string_format("%s/" VOLUME_UNPACKED, restoring->place);

        if (!upper || !other) {
                return -ENOMEM;
        }
        if (restoring->had_layer && restoring->has_layer) {
                return rename_layer(upper, other, RENAME_EXCHANGE);
        }
        if (restoring->had_layer || restoring->has_layer) {
                bool moves_away = restoring->had_layer != restoring->exchanged;

                return moves_away ? rename_layer(upper, other, RENAME_NOREPLACE)
                                  : rename_layer(other, upper, RENAME_NOREPLACE);
        }
        return 0;
}

static int make_place(struct restoring *restoring, struct machine_error *error)
{
        const char *state = restoring->cli->directories.state;
        _cleanup_free_ char *new = NULL;
        int r;

        restoring->directory = string_format("%s/machines/%s", state, restoring->name);
        restoring->place = string_format("%s/machines/.%s.new", state, restoring->name);
        new = restoring->place ? string_format("%s/" VOLUME_NEW, restoring->place) : NULL;
        if (!restoring->directory || !new) {
                return error_oom(error);
        }
        r = tree_remove(AT_FDCWD, restoring->place, error);
        if (r == 0 && mkdir(restoring->place, 0700) < 0) {
                r = error_set(error, errno, "cannot create %s", restoring->place);
        }
        if (r < 0) {
                return r;
        }
        r = importing_unpack_layer(&restoring->importing, restoring->place, error);
        restoring->has_layer = r == 0;
        return r > 0 && mkdir(new, 0700) < 0 ? error_set(error, errno, "cannot create %s", new)
               : r < 0                       ? r
                                             : 0;
}

/* The caller holds the machine's lock. */
static int exchange_layer(struct restoring *restoring, struct machine_error *error)
{
        _cleanup_free_ char *upper = NULL;
        int r = make_place(restoring, error);

        upper = r < 0 ? NULL : string_format("%s/upper", restoring->directory);
        if (!upper) {
                return r < 0 ? r : error_oom(error);
        }
        restoring->had_layer = access(upper, F_OK) == 0;
        if (mkdir(restoring->directory, 0700) < 0 && errno != EEXIST) {
                return error_set(error, errno, "cannot create %s", restoring->directory);
        }
        r = swap(restoring);
        restoring->exchanged = r == 0;
        return r < 0 ? error_set(error, r, "cannot put the layer of the checkpoint in its place")
                     : 0;
}

static int use_machine(struct restoring *restoring, const struct verb *verb,
                       struct machine_error *error)
{
        _cleanup_predecessor_ struct predecessor machine = PREDECESSOR_INIT;
        int r = check_definition(restoring, error);

        r = r < 0 ? r
                  : predecessor_open(restoring->cli, verb, restoring->name, NULL, &machine, error);
        return r < 0 ? r : exchange_layer(restoring, error);
}

/* ---- the start ---- */

static int start(struct restoring *restoring, struct machine_error *error)
{
        struct supervisor_options supervisor = cli_supervisor_options(restoring->cli);
        const json_t *checkpoint = json_object_get(restoring->importing.record, ARCHIVE_CHECKPOINT);
        const struct cli_settings none = { 0 };
        struct machine *machine = NULL;
        int report = -EBADF;
        int r = cli_load_to_start(restoring->cli, restoring->name, &none, &machine, error);

        r = r < 0 ? r : cli_check_startable(machine, error);
        /* A connection has the address in it. */
        if (r == 0 && restoring->restore.tcp_established &&
            machine->network.mode == MACHINE_NETWORK_BRIDGE &&
            (string_replace(&machine->network.address, json_get_string(checkpoint, "address")) <
                     0 ||
             string_replace(&machine->network.address6, json_get_string(checkpoint, "address6")) <
                     0)) {
                r = error_oom(error);
        }
        supervisor.restore = &restoring->restore;
        r = r < 0 ? r : supervise_detach(machine, &supervisor, &report, error);
        r = r < 0 ? r : supervise_await(report, restoring->name, &restoring->cli->log, error);
        fd_close(report);
        machine_free(machine);
        return r < 0 ? r : 0;
}

/* A machine that was made for this goes again, one that was there gets its own layer back. */
static void go_back(struct restoring *restoring)
{
        const char *const arguments[] = { "delete", "--force", restoring->name, NULL };
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        if (restoring->made) {
                (void)cli_run_own(restoring->cli, arguments, NULL, &failure);
        } else if (restoring->exchanged && swap(restoring) < 0) {
                log_warning(&restoring->cli->log,
                            "the layer that machine \"%s\" had is in %s/" VOLUME_UNPACKED,
                            restoring->name, restoring->place);
                free(TAKE_PTR(restoring->place));
        }
}

static int restore(struct restoring *restoring, const struct verb *verb, const char *file,
                   struct machine_error *error)
{
        int r = read_archive(restoring, file, error);

        if (r < 0) {
                return r;
        }
        if (cli_has_definition(restoring->cli, restoring->name)) {
                r = use_machine(restoring, verb, error);
        } else {
                restoring->importing.name = restoring->name;
                r = importing_make(&restoring->importing, error);
                restoring->made = r == 0;
                successor_unlock(&restoring->importing.store, restoring->name,
                                 TAKE_FD(restoring->importing.lock));
        }
        if (r < 0) {
                return r;
        }
        r = start(restoring, error);
        if (r < 0) {
                go_back(restoring);
        }
        return r;
}

static void clear(struct restoring *restoring)
{
        if (restoring->place) {
                (void)tree_remove(AT_FDCWD, restoring->place, NULL);
        }
        importing_clear(&restoring->importing);
        strv_free(restoring->nulls);
        free(restoring->images);
        free(restoring->name);
        free(restoring->place);
        free(restoring->directory);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct restore_options given = { .timeout = CHECKPOINT_TIMEOUT };
        struct restoring restoring = { .cli = cli, .given = &given, .importing = IMPORTING_INIT };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one archive");
        }
        if (!caller_is_root()) {
                return error_say(error, EPERM,
                                 "CRIU needs root of the host, also for machines of users");
        }
        restoring.importing.cli = cli;
        r = restore(&restoring, verb, argv[0], error);
        clear(&restoring);
        return r;
}

const struct verb verb_restore = {
        .name = "restore",
        .arguments = "FILE",
        .summary = "let the machine of a checkpoint go on",
        .options = options,
        .run = run,
};
