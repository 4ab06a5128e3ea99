/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/life/started.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"
#include "launch/enter/enter.h"
#include "supervise/foreground.h"
#include "systemd/scope.h"

struct exec_options {
        bool interactive;
        bool terminal;
        bool privileged;
        bool booted; /* only in a machine with an init of its own */
        const char *user;
        const char *working_directory;
        char **environment;
};

static int take_user(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        ((struct exec_options *)data)->user = value;
        return 0;
}

static int take_working_directory(const struct cli_option *option, const char *value, void *data,
                                  struct machine_error *error)
{
        if (value[0] != '/') {
                return error_say(error, EINVAL, "--workdir=%s: not an absolute path", value);
        }
        ((struct exec_options *)data)->working_directory = value;
        return 0;
}

static int take_environment(const struct cli_option *option, const char *value, void *data,
                            struct machine_error *error)
{
        if (value[0] == '=' || !strchr(value, '=')) {
                return error_say(error, EINVAL, "--env=%s: not KEY=VALUE", value);
        }
        return strv_append(&((struct exec_options *)data)->environment, value) < 0
                       ? error_oom(error)
                       : 0;
}

static const struct cli_option options[] = {
        { 'i', "interactive", NULL, "pass standard input to the program",
          CLI_FLAG(struct exec_options, interactive) },
        { 't', "tty", NULL, "allocate a terminal", CLI_FLAG(struct exec_options, terminal) },
        { 'u', "user", "USER", "run as this user of the machine", take_user },
        { 'w', "workdir", "DIR", "working directory in the machine", take_working_directory },
        { 'e', "env", "K=V", "set an environment variable", take_environment },
        { 0, "privileged", NULL, "run with all capabilities and no filter",
          CLI_FLAG(struct exec_options, privileged) },
        CLI_OPTIONS_END,
};

/* Without -i the program must not read the caller's standard input. */
static int open_streams(const struct exec_options *given, struct enter_request *request,
                        struct machine_error *error)
{
        if (given->interactive || given->terminal) {
                return 0;
        }
        request->streams[STDIN_FILENO] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return request->streams[STDIN_FILENO] < 0 ? error_set(error, errno, "cannot open /dev/null")
                                                  : 0;
}

/* A machine without an init of its own has nobody to log in to. Whether it has one is known to
 * those who may enter it. */
static int refuse_unbooted(const struct state_store *store, const char *name,
                           struct machine_error *error)
{
        _cleanup_json_ json_t *settings = cli_started_settings(store, name);

        if (!settings || json_is_true(json_object_get(settings, "boot"))) {
                return 0;
        }
        error_say(error, EINVAL,
                  "machine \"%s\" is not booted: it runs a program, not an init that "
                  "users log in to",
                  name);
        error_hint(error, "\"machinectl-lite shell %s\" opens a shell in it", name);
        return -EINVAL;
}

static int exec_in_machine(struct cli *cli, const char *name, char *const *command,
                           const struct exec_options *given, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF;
        struct entered entered = ENTERED_INIT;
        struct enter_request request = {
                .store = &store,
                .record = &record,
                .command = command,
                .environment = given->environment,
                .user = given->user,
                .working_directory = given->working_directory,
                .terminal = given->terminal,
                .privileged = given->privileged,
                .streams = LAUNCH_OWN_STREAMS,
        };
        sigset_t previous;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_find_running(&store, name, &record, &init, error);
        }
        if (r == 0) {
                r = cli_refuse_paused(&record, error);
        }
        if (r == 0 && given->booted) {
                r = refuse_unbooted(&store, name, error);
        }
        if (r == 0) {
                r = open_streams(given, &request, error);
        }
        if (r < 0) {
                return r;
        }
        /* Only below a group of the user's own may he move processes: into the machine's from a
         * scope beside it, but not from that of his session. */
        r = record.cgroup ? systemd_enter_own_scope(name, error) : 0;
        r = r < 0 ? r : cli_enter_user_of(cli, &record, error);
        if (r < 0) {
                return r;
        }
        request.init = init;
        foreground_block_signals(&previous);
        r = launch_enter(&request, &entered, error);
        fd_close(request.streams[STDIN_FILENO]);
        if (r == 0) {
                r = foreground_follow(&entered, error);
        }
        return r;
}

static int parse_and_exec(struct cli *cli, const struct verb *verb, struct exec_options *given,
                          int argc, char **argv, char *const *fallback, struct machine_error *error)
{
        _cleanup_free_ char *name = NULL;
        char *const *command = fallback;
        int r = cli_parse(cli, verb, given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc == 0) {
                return cli_usage_error(verb, error, "no machine given");
        }
        r = cli_machine_name(cli, verb, argv[0], &name, error);
        if (r < 0) {
                return r;
        }
        if (argc > 1 && given->booted) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        if (given->booted && !isatty(STDIN_FILENO)) {
                error_say(error, ENOTTY, "login needs a terminal as standard input");
                error_hint(error, "\"machinectl-lite exec\" runs a program without one");
                return -ENOTTY;
        }
        if (argc > 1) {
                command = argv + 1 + (strcmp(argv[1], "--") == 0);
        }
        if (!command || !command[0]) {
                return cli_usage_error(verb, error, "no command given");
        }
        /* Do not leak descriptors of the caller into the machine. */
        r = process_close_from(STDERR_FILENO + 1);
        return r < 0 ? error_set(error, r, "cannot close inherited descriptors")
                     : exec_in_machine(cli, name, command, given, error);
}

static int run_exec(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        struct exec_options given = { 0 };
        int r = parse_and_exec(cli, verb, &given, argc, argv, NULL, error);

        strv_free(given.environment);
        return r;
}

/* Uses a terminal if standard input and output are one. */
static int run_shell(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        static char *const shell[] = { (char *)"/bin/sh", (char *)"-l", NULL };
        struct exec_options given = {
                .interactive = true,
                .terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
        };
        int r = parse_and_exec(cli, verb, &given, argc, argv, shell, error);

        strv_free(given.environment);
        return r;
}

/* The machine's own login(1) asks for name and password, and makes a session, on a terminal of its
 * own. Like a getty it needs no service manager there. */
static int run_login(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        static char *const login[] = { (char *)"login", NULL };
        struct exec_options given = {
                .interactive = true,
                .terminal = true,
                .booted = true,
                .user = "0:0",
                .working_directory = "/",
        };
        int r = parse_and_exec(cli, verb, &given, argc, argv, login, error);
        if (r == -ENOENT && error->kind == MACHINE_ERROR_NOT_FOUND) {
                error_hint(error, "machines need the program login, of Debian's package \"login\"; "
                                  "\"shell\" opens a shell without it");
        }
        return r;
}

const struct verb verb_exec = {
        .name = "exec",
        .arguments = "M COMMAND..",
        .summary = "run a program in a running machine",
        .options = options,
        .stop_at_argument = true,
        .run = run_exec,
        .failure_status = 125,
};

const struct verb verb_shell = {
        .name = "shell",
        .arguments = "M [COMMAND..]",
        .summary = "run a login shell in a running machine",
        .options = options,
        .stop_at_argument = true,
        .run = run_shell,
        .failure_status = 125,
};

const struct verb verb_login = {
        .name = "login",
        .arguments = "M",
        .summary = "log in to a booted machine",
        .run = run_login,
        .failure_status = 125,
};
