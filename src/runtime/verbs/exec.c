/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "launch/enter/entrant.h"
#include "runtime/common/container.h"
#include "runtime/common/hand_over.h"
#include "runtime/common/preserved.h"
#include "runtime/common/steps.h"
#include "security/capabilities/capabilities.h"
#include "security/user/user.h"
#include "supervise/foreground.h"

/* ---- the process ---- */

static int parse_id(const char *text, size_t length, uint32_t *ret)
{
        char digits[11], *end;
        unsigned long long value;

        if (length == 0 || length >= sizeof digits) {
                return -EINVAL;
        }
        memcpy(digits, text, length);
        digits[length] = '\0';
        value = strtoull(digits, &end, 10);
        if (*end || digits[0] < '0' || digits[0] > '9' || value > UINT32_MAX - 1) {
                return -EINVAL;
        }
        *ret = (uint32_t)value;
        return 0;
}

static int take_user(const char *text, struct machine_identity *identity,
                     struct machine_error *error)
{
        size_t length = strcspn(text, ":");
        int r = parse_id(text, length, &identity->uid);

        if (r == 0 && text[length]) {
                r = parse_id(text + length + 1, strlen(text + length + 1), &identity->gid);
        }
        if (r < 0) {
                error_say(error, EINVAL, "--user=%s: expected UID[:GID], as numbers", text);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return 0;
}

static int take_groups(char *const *groups, struct machine_identity *identity,
                       struct machine_error *error)
{
        size_t count = strv_length(groups);
        _cleanup_free_ uint32_t *ids = calloc(count + 1, sizeof *ids);

        if (count == 0) {
                return 0;
        }
        if (!ids) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                if (parse_id(groups[i], strlen(groups[i]), &ids[i]) < 0) {
                        error_say(error, EINVAL, "--additional-gids=%s: not a number", groups[i]);
                        return error_kind(error, MACHINE_ERROR_USAGE);
                }
        }
        free(identity->groups);
        identity->groups = TAKE_PTR(ids);
        identity->group_count = count;
        return 0;
}

static int take_capabilities(char *const *names, struct machine *machine,
                             struct machine_error *error)
{
        struct machine_capabilities *sets = &machine->security.capabilities;

        STRV_FOREACH(name, names) {
                _cleanup_free_ char *full = string_after(*name, "CAP_")
                                                    ? strdup(*name)
                                                    : string_format("CAP_%s", *name);

                for (size_t i = 0; i < MACHINE_CAPABILITY_SETS; i++) {
                        if (!full || strv_append(&sets->sets[i], full) < 0) {
                                return error_oom(error);
                        }
                }
        }
        return 0;
}

/* A program of the command line is the container's own process with another command. */
static int take_options(const struct arguments *arguments, struct machine *machine,
                        struct machine_error *error)
{
        struct machine_process *process = &machine->process;
        const char *user = arguments->values[ARGUMENT_USER];
        int r = 0;

        strv_free(TAKE_PTR(process->command));
        process->command = strv_copy(arguments->rest + 1);
        process->terminal =
                arguments_has(arguments, ARGUMENT_TTY) ? MACHINE_CHOICE_YES : MACHINE_CHOICE_NO;
        if (!process->command ||
            (arguments->values[ARGUMENT_CWD] &&
             string_replace(&process->working_directory, arguments->values[ARGUMENT_CWD]) < 0)) {
                return error_oom(error);
        }
        STRV_FOREACH(entry, arguments->lists[ARGUMENT_ENV]) {
                if (strv_set_variable(&process->environment, strdup(*entry)) < 0) {
                        return error_oom(error);
                }
        }
        if (user) {
                r = take_user(user, &process->identity, error);
        }
        if (r == 0) {
                r = take_groups(arguments->lists[ARGUMENT_GROUPS], &process->identity, error);
        }
        return r < 0 ? r : take_capabilities(arguments->lists[ARGUMENT_CAP], machine, error);
}

/* Options that are for a process.json as well. */
static int take_overrides(const struct arguments *arguments, struct machine *machine,
                          struct machine_error *error)
{
        const char *apparmor = arguments->values[ARGUMENT_APPARMOR];
        const char *selinux = arguments->values[ARGUMENT_PROCESS_LABEL];

        if (arguments_has(arguments, ARGUMENT_NO_NEW_PRIVS)) {
                machine->security.no_new_privileges = true;
        }
        if (arguments_has(arguments, ARGUMENT_TTY)) {
                machine->process.terminal = MACHINE_CHOICE_YES;
        }
        return (apparmor && string_replace(&machine->security.apparmor, apparmor) < 0) ||
                               (selinux && string_replace(&machine->security.selinux, selinux) < 0)
                       ? error_oom(error)
                       : 0;
}

/* What process.json says itself: one of the two would have no effect. */
static int check_source(const struct arguments *arguments, struct machine_error *error)
{
        static const enum argument described[] = {
                ARGUMENT_USER, ARGUMENT_GROUPS, ARGUMENT_CWD, ARGUMENT_ENV, ARGUMENT_CAP,
        };
        bool file = arguments->values[ARGUMENT_PROCESS];

        for (size_t i = 0; file && i < ELEMENTS_OF(described); i++) {
                if (arguments_has(arguments, described[i])) {
                        error_say(error, EINVAL,
                                  "exec: --%s has no effect with --process, whose file describes "
                                  "the process",
                                  arguments_name(described[i]));
                        return error_kind(error, MACHINE_ERROR_USAGE);
                }
        }
        if (file != (arguments->count < 2)) {
                error_say(error, EINVAL, "exec: expected ID COMMAND.., or --process FILE ID");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return 0;
}

static int describe(const struct runtime *runtime, const struct arguments *arguments,
                    struct oci_bundle *configuration, struct machine_error *error)
{
        const char *file = arguments->values[ARGUMENT_PROCESS];
        int r = check_source(arguments, error);

        if (r < 0) {
                return r;
        }
        if (file) {
                _cleanup_strv_ char **warnings = NULL;

                r = oci_process_load(file, configuration->machine, &warnings, error);
                STRV_FOREACH(warning, warnings) {
                        runtime_warn(runtime, *warning);
                }
        } else {
                r = take_options(arguments, configuration->machine, error);
        }
        return r < 0 ? r : take_overrides(arguments, configuration->machine, error);
}

/* ---- the run ---- */

struct execution {
        const struct arguments *arguments;
        const struct container *container;
        struct entrant_request request;
        struct entrant entrant;
};

/* A user joins what he has created the container in. */
static int join(void *data, struct machine_error *error)
{
        const struct execution *execution = data;

        return geteuid() == 0
                       ? 0
                       : user_namespace_join_above(&execution->container->record.init, error);
}

static int enter(void *data, struct machine_error *error)
{
        struct execution *execution = data;

        return launch_entrant_begin(&execution->request, &execution->entrant, error);
}

/* Everything that a caller is promised is done before the program runs. */
static int hand_over(void *data, struct machine_error *error)
{
        const struct execution *execution = data;
        const struct entrant *entrant = &execution->entrant;
        const struct waiting_process process = { entrant->pid, entrant->pidfd, entrant->terminal };

        return hand_over_process(execution->arguments, &process, error);
}

static int proceed(void *data, struct machine_error *error)
{
        struct execution *execution = data;

        return launch_entrant_proceed(&execution->entrant, error);
}

static const struct step exec_steps[] = {
        { "exec-join", join },
        { "exec-enter", enter },
        { "exec-hand-over", hand_over },
        { "exec-proceed", proceed },
        { 0 },
};

static int follow(const struct arguments *arguments, const struct entrant *entrant,
                  struct machine_error *error)
{
        bool relayed = !arguments->values[ARGUMENT_CONSOLE_SOCKET];
        siginfo_t info = { 0 };
        int r = foreground_attend(entrant->pidfd, relayed ? entrant->terminal : -EBADF, NULL,
                                  error);

        while (r == 0 && waitid(P_PIDFD, (id_t)entrant->pidfd, &info, WEXITED) < 0) {
                if (errno != EINTR) {
                        r = error_set(error, errno, "cannot wait for the program");
                }
        }
        return r < 0 ? r : process_exit_status(info.si_code, info.si_status);
}

static int check_terminal(const struct arguments *arguments, bool terminal,
                          struct machine_error *error)
{
        bool socket = arguments_has(arguments, ARGUMENT_CONSOLE_SOCKET);

        if (arguments_has(arguments, ARGUMENT_DETACH) && terminal && !socket) {
                return error_say(error, EINVAL,
                                 "a program with a terminal that is not waited for needs "
                                 "--console-socket");
        }
        if (!terminal && socket) {
                return error_say(error, EINVAL,
                                 "--console-socket is given, but the program has no terminal");
        }
        return 0;
}

static int execute(const struct runtime *runtime, const struct arguments *arguments,
                   const struct container *container, const struct machine *machine,
                   struct machine_error *error)
{
        bool detach = arguments_has(arguments, ARGUMENT_DETACH);
        struct execution execution = {
                .arguments = arguments,
                .container = container,
                .request = {
                        .store = &container->store,
                        .record = &container->record,
                        .init = container->process,
                        .machine = machine,
                        .group = arguments->values[ARGUMENT_CGROUP],
                        .terminal = machine->process.terminal == MACHINE_CHOICE_YES,
                        .keeps_keyring = true,
                },
                .entrant = ENTRANT_INIT,
        };
        sigset_t signals;
        struct preserved preserved;
        int r = preserved_take(arguments, false, &preserved, error);

        if (r == 0) {
                r = check_terminal(arguments, execution.request.terminal, error);
        }
        if (r < 0) {
                return r;
        }
        execution.request.preserved = preserved.count;
        if (!detach) {
                foreground_block_signals(&signals);
        }
        r = steps_run(runtime, exec_steps, &execution, error);
        if (r == 0 && !detach) {
                r = follow(arguments, &execution.entrant, error);
        }
        launch_entrant_close(&execution.entrant);
        return r;
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_oci_bundle_ struct oci_bundle configuration = { 0 };
        int r = container_open(runtime, arguments->rest[0], false, &container, error);

        if (r == 0 && (container.status == OCI_STOPPED || container.status == OCI_CREATING ||
                       (container.status == OCI_PAUSED &&
                        !arguments_has(arguments, ARGUMENT_IGNORE_PAUSED)))) {
                r = container_refuse(&container, "run a program in", error);
        }
        if (r == 0) {
                r = container_configuration(&container, &configuration, error);
        }
        if (r == 0) {
                r = describe(runtime, arguments, &configuration, error);
        }
        return r < 0 ? r : execute(runtime, arguments, &container, configuration.machine, error);
}

const struct verb verb_exec = {
        .name = "exec",
        .arguments = "ID [COMMAND [ARGUMENT..]]",
        .summary = "Run another program in a container",
        .options = ARGUMENT_BIT(ARGUMENT_PROCESS) | ARGUMENT_BIT(ARGUMENT_PID_FILE) |
                   ARGUMENT_BIT(ARGUMENT_CONSOLE_SOCKET) | ARGUMENT_BIT(ARGUMENT_PIDFD_SOCKET) |
                   ARGUMENT_BIT(ARGUMENT_DETACH) | ARGUMENT_BIT(ARGUMENT_TTY) |
                   ARGUMENT_BIT(ARGUMENT_USER) | ARGUMENT_BIT(ARGUMENT_GROUPS) |
                   ARGUMENT_BIT(ARGUMENT_CWD) | ARGUMENT_BIT(ARGUMENT_ENV) |
                   ARGUMENT_BIT(ARGUMENT_CAP) | ARGUMENT_BIT(ARGUMENT_APPARMOR) |
                   ARGUMENT_BIT(ARGUMENT_PROCESS_LABEL) | ARGUMENT_BIT(ARGUMENT_PRESERVE_FDS) |
                   ARGUMENT_BIT(ARGUMENT_CGROUP) | ARGUMENT_BIT(ARGUMENT_NO_NEW_PRIVS) |
                   ARGUMENT_BIT(ARGUMENT_IGNORE_PAUSED),
        .minimum = 1,
        .maximum = SIZE_MAX,
        .stop = true,
        .run = run,
};
