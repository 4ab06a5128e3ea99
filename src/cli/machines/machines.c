/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/machines.h"

#include <errno.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/moves/moves.h"
#include "config/config.h"
#include "state/owner.h"

/* The suffix of a file that defines a machine or a pod, or "". */
static const char *suffix_of(const char *file)
{
        return string_ends_with(file, ".machine") ? ".machine"
               : string_ends_with(file, ".pod")   ? ".pod"
                                                  : "";
}

int cli_check_owner(const struct cli *cli, const struct state_store *store, const char *name,
                    const char *definition, struct machine_error *error)
{
        const struct claim_to_machine claim = { name, definition, cli->directories.config_path };
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(store, name, &record, error);

        if (r == -ENOENT) {
                return owner_check_kept(&claim, cli->directories.state, error);
        }
        return r < 0 ? r : owner_check(&claim, record.definition, error);
}

static char *absolute_path(const char *path)
{
        _cleanup_free_ char *here = path[0] == '/' ? NULL : get_current_dir_name();

        return path_join(here ? here : "/proc/self/cwd", path);
}

static int check_owner_of_path(const struct cli *cli, const char *name, const char *path,
                               struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_free_ char *absolute = absolute_path(path);
        int r = absolute ? cli_open_store(cli, &store, error) : error_oom(error);

        return r < 0 ? r : cli_check_owner(cli, &store, name, absolute, error);
}

int cli_machine_name(const struct cli *cli, const struct verb *verb, const char *argument,
                     char **ret, struct machine_error *error)
{
        const char *slash = strrchr(argument, '/');
        const char *base = slash ? slash + 1 : argument;
        bool file = *suffix_of(base);
        _cleanup_free_ char *name = strndup(base, strlen(base) - strlen(suffix_of(base)));
        int r;

        if (!name) {
                return error_oom(error);
        }
        if (!path_is_component(name) || (slash && !file)) {
                return cli_usage_error(verb, error,
                                       "\"%s\" is not a machine name or a .machine file", argument);
        }
        r = file ? check_owner_of_path(cli, name, argument, error) : 0;
        if (r == 0) {
                *ret = TAKE_PTR(name);
        }
        return r;
}

int cli_find_definition(const struct cli *cli, const char *name_or_path, char **ret)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        _cleanup_free_ char *path = NULL;
        struct config_found found = { 0 };
        int r;

        moves_recover(cli);
        r = search_path ? config_find_machine(name_or_path, search_path, &found, NULL) : -ENOMEM;

        if (r == 0) {
                path = absolute_path(found.path);
                r = !path ? -ENOMEM : access(path, F_OK) < 0 ? -errno : 0;
        }
        if (r == 0) {
                *ret = TAKE_PTR(path);
        }
        config_found_clear(&found);
        return r;
}

bool cli_has_definition(const struct cli *cli, const char *name)
{
        _cleanup_free_ char *path = NULL;

        return cli_find_definition(cli, name, &path) == 0;
}

struct launch_directories cli_launch_directories(const struct cli *cli)
{
        return (struct launch_directories){ cli->directories.runtime, cli->directories.state,
                                            cli->directories.config_path };
}

int cli_open_store(const struct cli *cli, struct state_store *ret, struct machine_error *error)
{
        moves_recover(cli);
        return state_store_open(cli->directories.runtime, ret, error);
}

int cli_find_machine(const struct state_store *store, const char *name, struct machine_record *ret,
                     struct machine_error *error)
{
        int r = state_query(store, name, ret, error);

        if (r == -ENOENT) {
                error_say(error, ENOENT, "machine \"%s\" is not running and has not run since boot",
                          name);
                error_hint(error, "machinectl-lite list --all shows known machines");
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        return r;
}

int cli_find_running(const struct state_store *store, const char *name, struct machine_record *ret,
                     int *ret_init, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF;
        int r = cli_find_machine(store, name, &record, error);

        if (r < 0) {
                return r;
        }
        if (record.state != MACHINE_STATE_RUNNING && record.state != MACHINE_STATE_PAUSED) {
                return error_say(error, ESRCH, "machine \"%s\" is not running but %s", name,
                                 machine_state_name(record.state));
        }
        init = process_open(&record.init);
        if (init < 0) {
                return error_say(error, ESRCH, "machine \"%s\" has just ended", name);
        }
        if (ret_init) {
                *ret_init = TAKE_FD(init);
        }
        *ret = record;
        record = (struct machine_record){ 0 };
        return 0;
}

int cli_refuse_paused(const struct machine_record *record, struct machine_error *error)
{
        if (record->state != MACHINE_STATE_PAUSED) {
                return 0;
        }
        error_say(error, EBUSY, "machine \"%s\" is paused", record->name);
        error_hint(error, "resume it first: machinectl-lite resume %s", record->name);
        return -EBUSY;
}
