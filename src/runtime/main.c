/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/rights/places.h"
#include "base/strings.h"
#include "machinectl-lite-settings.h"
#include "runtime/common/runtime.h"

#define DEFAULT_ROOT "/run/machine-oci"

static const struct verb *const verbs[] = {
        &verb_create, &verb_start, &verb_run,      &verb_state,      &verb_list,    &verb_ps,
        &verb_exec,   &verb_kill,  &verb_delete,   &verb_pause,      &verb_resume,  &verb_update,
        &verb_events, &verb_spec,  &verb_features, &verb_checkpoint, &verb_restore,
};

static const struct verb *find_verb(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(verbs); i++) {
                if (strcmp(verbs[i]->name, name) == 0) {
                        return verbs[i];
                }
        }
        return NULL;
}

/* Podman shows this as it is; the first word, the version and "spec:" are what others read. */
static void print_version(const struct runtime *runtime)
{
        printf("machine-oci version %s\n"
               "rundir: %s\n"
               "spec: 1.2.0\n"
               "+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP\n",
               MACHINECTL_LITE_VERSION, runtime->root ? runtime->root : "");
}

static void print_help(const struct verb *verb)
{
        if (verb) {
                printf("usage: machine-oci [OPTION..] %s [OPTION..] %s\n\n%s\n\n", verb->name,
                       verb->arguments, verb->summary);
                arguments_print(verb->options | ARGUMENT_BIT(ARGUMENT_HELP));
                return;
        }
        puts("usage: machine-oci [OPTION..] COMMAND [OPTION..] [ARGUMENT..]\n\n"
             "Runs containers from OCI bundles, for Podman, containerd and others.\n");
        for (size_t i = 0; i < ELEMENTS_OF(verbs); i++) {
                printf("  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
        }
        putchar('\n');
        arguments_print(ARGUMENTS_GLOBAL);
}

/* Where containers are recorded if nobody says it: NULL for a user whose session has no place. */
static int find_root(struct runtime *runtime, struct machine_error *error)
{
        _cleanup_free_ char *session = NULL;
        int r;

        if (runtime->root) {
                return 0;
        }
        if (runtime->by_root) {
                return string_replace(&runtime->root, DEFAULT_ROOT) < 0 ? error_oom(error) : 0;
        }
        r = places_runtime(&session, error);
        if (r < 0 || !session) {
                return r;
        }
        runtime->root = path_join(session, "machine-oci");
        return runtime->root ? 0 : error_oom(error);
}

static int need_root(const struct runtime *runtime, struct machine_error *error)
{
        if (runtime->root) {
                return 0;
        }
        error_say(error, ENOENT, "there is no place to record containers of this user in");
        error_hint(error, "set XDG_RUNTIME_DIR, or choose a directory with --root");
        return -ENOENT;
}

enum mode {
        MODE_AUTO,
        MODE_FALSE,
        MODE_TRUE,
};

static int choose(const struct arguments *arguments, enum argument argument, const char *name,
                  const char *const *words, size_t count, int *ret, struct machine_error *error)
{
        const char *value = arguments->values[argument];

        for (size_t i = 0; value && i < count; i++) {
                if (strcmp(value, words[i]) == 0) {
                        *ret = (int)i;
                        return 0;
                }
        }
        if (!value) {
                return 0;
        }
        error_say(error, EINVAL, "--%s=%s: unknown", name, value);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* The log comes first: the errors of the other options are for it as well. */
static int take_globals(const struct arguments *arguments, struct runtime *runtime,
                        struct machine_error *error)
{
        static const char *const formats[] = { "text", "json" };
        static const char *const managers[] = { "cgroupfs", "systemd", "disabled" };
        static const char *const modes[] = { "auto", "false", "true" };
        int format = 0, manager = MANAGER_CGROUPFS, mode = MODE_AUTO;
        int r;

        runtime->log_file = arguments->values[ARGUMENT_LOG];
        if (runtime->log_file && !*runtime->log_file) {
                runtime->log_file = NULL;
        }
        if (arguments->values[ARGUMENT_ROOT] &&
            string_replace(&runtime->root, arguments->values[ARGUMENT_ROOT]) < 0) {
                return error_oom(error);
        }
        if (arguments_has(arguments, ARGUMENT_DEBUG) ||
            string_equal(arguments->values[ARGUMENT_LOG_LEVEL], "debug")) {
                runtime->log.level = LOG_LEVEL_DEBUG;
        }
        r = choose(arguments, ARGUMENT_LOG_FORMAT, "log-format", formats, ELEMENTS_OF(formats),
                   &format, error);
        runtime->log_json = format == 1;
        if (r == 0) {
                r = choose(arguments, ARGUMENT_CGROUP_MANAGER, "cgroup-manager", managers,
                           ELEMENTS_OF(managers), &manager, error);
        }
        if (r == 0) {
                r = choose(arguments, ARGUMENT_ROOTLESS, "rootless", modes, ELEMENTS_OF(modes),
                           &mode, error);
        }
        runtime->rootless = mode != MODE_FALSE && (mode == MODE_TRUE || !runtime->by_root);
        if (r == 0 && mode == MODE_FALSE && !runtime->by_root) {
                r = error_say(error, EPERM, "--rootless=false: the caller is not root of the host");
        }
        runtime->manager = arguments_has(arguments, ARGUMENT_SYSTEMD_CGROUP)
                                   ? MANAGER_SYSTEMD
                                   : (enum cgroup_manager)manager;
        return r;
}

static int run_verb(const struct runtime *runtime, char **words, struct machine_error *error)
{
        const struct verb *verb = find_verb(words[0]);
        _cleanup_arguments_ struct arguments arguments = { 0 };
        int r;

        if (!verb) {
                error_say(error, EINVAL, "unknown command \"%s\"", words[0]);
                error_hint(error, "machine-oci --help lists them");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (verb->any) {
                return verb->run(runtime, &arguments, error);
        }
        r = arguments_parse(words + 1, verb->options | ARGUMENT_BIT(ARGUMENT_HELP), verb->stop,
                            &arguments, error);
        if (r < 0) {
                return r;
        }
        if (arguments_has(&arguments, ARGUMENT_HELP)) {
                print_help(verb);
                return 0;
        }
        if (arguments.count < verb->minimum || arguments.count > verb->maximum) {
                error_say(error, EINVAL, "%s: expected %s", verb->name, verb->arguments);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = verb->stateless ? 0 : need_root(runtime, error);
        return r < 0 ? r : verb->run(runtime, &arguments, error);
}

static int run(char **words, struct runtime *runtime, struct machine_error *error)
{
        _cleanup_arguments_ struct arguments arguments = { 0 };
        int r = arguments_parse(words, ARGUMENTS_GLOBAL, true, &arguments, error);

        if (r == 0) {
                r = take_globals(&arguments, runtime, error);
        }
        if (r == 0) {
                r = find_root(runtime, error);
        }
        if (r < 0) {
                return r;
        }
        if (arguments_has(&arguments, ARGUMENT_VERSION)) {
                print_version(runtime);
                return 0;
        }
        if (arguments_has(&arguments, ARGUMENT_HELP) || arguments.count == 0) {
                print_help(NULL);
                return arguments_has(&arguments, ARGUMENT_HELP) ? 0 : 1;
        }
        return run_verb(runtime, arguments.rest, error);
}

int main(int argc, char **argv)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        /* Standard error of `create` is the container's: warnings are for --debug and --log,
         * runtime_warn(). */
        struct runtime runtime = {
                .log = { .fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR, .started = log_now() },
                .by_root = caller_is_root(),
        };
        int r;

        /* A container may join the pid namespace of another, whose processes then see its first one
         * before it has dropped its rights. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || file_hold_standard() < 0) {
                return 1;
        }
        (void)signal(SIGPIPE, SIG_IGN);
        r = run(argv + 1, &runtime, &error);
        if (r < 0) {
                runtime_report(&runtime, &error);
        }
        free(runtime.root);
        return r < 0 ? 1 : r;
}
