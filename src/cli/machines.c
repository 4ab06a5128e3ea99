/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "config/search.h"

#define DEFINITION_SUFFIX ".machine"

int cli_machine_name(const struct verb *verb, const char *argument, char **ret,
                     struct machine_error *error)
{
        const char *slash = strrchr(argument, '/');
        const char *base = slash ? slash + 1 : argument;
        bool file = string_ends_with(base, DEFINITION_SUFFIX);
        _cleanup_free_ char *name =
                strndup(base, strlen(base) - (file ? strlen(DEFINITION_SUFFIX) : 0));

        if (!name) {
                return error_oom(error);
        }
        if (!path_is_component(name) || (slash && !file)) {
                return cli_usage_error(verb, error, "\"%s\" is no machine's name or file",
                                       argument);
        }
        *ret = TAKE_PTR(name);
        return 0;
}

bool cli_has_definition(const struct cli *cli, const char *name)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        struct config_found found = { 0 };
        bool defined =
                search_path && config_find(name, DEFINITION_SUFFIX, search_path, &found, NULL) == 0;

        config_found_clear(&found);
        return defined;
}

int cli_open_store(const struct cli *cli, struct state_store *ret, struct machine_error *error)
{
        return state_store_open(cli->directories.runtime, ret, error);
}

int cli_find_machine(const struct state_store *store, const char *name, struct machine_record *ret,
                     struct machine_error *error)
{
        int r = state_query(store, name, ret, error);

        if (r == -ENOENT) {
                error_say(error, ENOENT, "machine \"%s\" is not running and has not run since boot",
                          name);
                error_hint(error, "machinectl-lite list --all shows the machines that have");
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

int cli_print_json(const struct cli *cli, json_t *value, struct machine_error *error)
{
        _cleanup_json_ json_t *owned = value;
        size_t flags = cli->json == CLI_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;

        if (!owned) {
                return error_oom(error);
        }
        errno = 0;
        if (json_dumpf(owned, stdout, flags | JSON_ENCODE_ANY) < 0) {
                return error_set(error, errno ? errno : EIO, "cannot write to standard output");
        }
        putchar('\n');
        return 0;
}

char *cli_format_timestamp(uint64_t usec)
{
        time_t seconds = (time_t)(usec / USEC_PER_SEC);
        char text[64];
        struct tm parts;

        if (usec == 0 || !localtime_r(&seconds, &parts) ||
            strftime(text, sizeof text, "%a %Y-%m-%d %H:%M:%S %Z", &parts) == 0) {
                return NULL;
        }
        return strdup(text);
}

int cli_wait_for_end(const struct machine_record *record, struct machine_error *error)
{
        _cleanup_close_ int supervisor = process_open(&record->supervisor);
        struct pollfd ended = { .fd = supervisor, .events = POLLIN };

        if (supervisor == -ESRCH) {
                return 0;
        }
        if (supervisor < 0) {
                return error_set(error, supervisor, "cannot watch the supervisor of \"%s\"",
                                 record->name);
        }
        while (poll(&ended, 1, -1) < 0) {
                if (errno != EINTR) {
                        return error_set(error, errno, "cannot wait for machine \"%s\"",
                                         record->name);
                }
        }
        return 0;
}

/* What is common to the machines of one command line. */
struct round {
        struct cli *cli;
        const struct state_store *store;
        int (*act)(struct cli *cli, const struct state_store *store, const char *name, void *data,
                   struct machine_error *error);
        void *data;
        int result;
        struct machine_error *error;
};

/* An earlier failure is printed when a later one comes: the last is printed by main. */
static void act_on(struct round *round, const char *name)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = round->act(round->cli, round->store, name, round->data, &failure);

        if (r >= 0) {
                return;
        }
        if (round->result < 0) {
                log_error(&round->cli->log, round->error);
        }
        error_move(round->error, &failure);
        round->result = r;
}

int cli_machine_names(const struct verb *verb, const struct state_store *store,
                      char *const *arguments, bool all, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;

        if (all == (arguments[0] != NULL)) {
                return cli_usage_error(
                        verb, error, all ? "--all and names exclude each other" : "which machine?");
        }
        if (all) {
                return state_list(store, ret, error);
        }
        STRV_FOREACH(argument, arguments) {
                char *name;
                int r = cli_machine_name(verb, *argument, &name, error);

                if (r < 0) {
                        return r;
                }
                if (strv_take(&names, name) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}

int cli_for_each_machine(struct cli *cli, const struct verb *verb, char *const *arguments, bool all,
                         int (*act)(struct cli *cli, const struct state_store *store,
                                    const char *name, void *data, struct machine_error *error),
                         void *data, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct round round = { cli, &store, act, data, 0, error };
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_machine_names(verb, &store, arguments, all, &names, error);
        }
        if (r < 0) {
                return r;
        }
        STRV_FOREACH(name, names) {
                act_on(&round, *name);
        }
        return round.result;
}
