/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/verbs/verbs.h"
#include "config/check/check.h"
#include "config/config.h"

#define DEFINITION_MAXIMUM (1024 * 1024)

/* One edit: a copy beside the definition, so that its relative paths mean the same, replaces it
 * once the definition is valid. */
struct edit {
        struct cli *cli;
        char *path; /* of the definition */
        char *copy;
};

static void edit_clear(struct edit *edit)
{
        free(edit->path);
        free(edit->copy);
}
#define _cleanup_edit_ _cleanup_(edit_clear)

static int read_whole(const char *path, char **ret, struct machine_error *error)
{
        int r = file_read(AT_FDCWD, path, DEFINITION_MAXIMUM, ret, NULL);

        return r < 0 ? error_set(error, r, "cannot read %s", path) : 0;
}

/* ".web.machine.edit", which no search for definitions takes. */
static int make_copy(struct edit *edit, const char *text, struct machine_error *error)
{
        const char *slash = strrchr(edit->path, '/');
        _cleanup_close_ int fd = -EBADF;
        int r;

        edit->copy =
                string_format("%.*s.%s.edit", (int)(slash + 1 - edit->path), edit->path, slash + 1);
        if (!edit->copy) {
                return error_oom(error);
        }
        fd = open(edit->copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) {
                r = error_set(error, errno, "cannot create %s", edit->copy);
                if (r == -EEXIST) {
                        error_hint(
                                error,
                                "it is being edited, or an edit was given up: compare it with %s, "
                                "and remove it",
                                edit->path);
                }
                return r;
        }
        r = file_write_all(fd, text, strlen(text));
        if (r < 0) {
                (void)unlink(edit->copy);
                return error_set(error, r, "cannot write %s", edit->copy);
        }
        return 0;
}

/* As systemctl edit(1) and git(1) choose it. The value may have arguments. */
static const char *editor(void)
{
        static const char *const variables[] = { "SYSTEMD_EDITOR", "VISUAL", "EDITOR" };

        for (size_t i = 0; i < ELEMENTS_OF(variables); i++) {
                const char *value = getenv(variables[i]);

                if (value && *value) {
                        return value;
                }
        }
        return "$(command -v editor || command -v nano || command -v vim || command -v vi)";
}

/* The editor has the terminal's signals to itself. */
static int run_editor(const struct edit *edit, struct machine_error *error)
{
        _cleanup_free_ char *command = string_format("%s \"$1\"", editor());
        const char *const arguments[] = { "sh", "-c", command, "sh", edit->copy, NULL };
        int status;
        pid_t pid;

        if (!command) {
                return error_oom(error);
        }
        fflush(stdout);
        pid = process_fork(0, NULL);
        if (pid == 0) {
                (void)execv("/bin/sh", (char *const *)arguments);
                _exit(127);
        }
        if (pid < 0) {
                return error_set(error, pid, "cannot start an editor");
        }
        (void)signal(SIGINT, SIG_IGN);
        (void)signal(SIGQUIT, SIG_IGN);
        status = process_wait(pid);
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGQUIT, SIG_DFL);
        if (status != 0) {
                error_say(error, EIO, "the editor exited with status %d", status);
                error_hint(error, "the variable EDITOR chooses another one");
                return -EIO;
        }
        return 0;
}

/* 1 if the edited definition is valid, 0 with findings printed, or -errno. */
static int check_copy(const struct edit *edit, struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *definition = NULL;
        _cleanup_diagnostics_ struct diagnostics findings = { 0 };
        const struct config_options options = { .edited = edit->copy, .instance = "instance" };
        _cleanup_free_ char *text = NULL;
        int r = config_definition_open(edit->path, &options, &findings, &definition, error);

        if (r < 0) {
                return r;
        }
        if (config_check_host(definition, "/etc") < 0 || config_check_images(definition) < 0) {
                return error_oom(error);
        }
        text = diagnostics_format(&findings, edit->cli->log.colour);
        if (!text) {
                return error_oom(error);
        }
        (void)file_write_all(edit->cli->log.fd, text, strlen(text));
        return findings.errors == 0;
}

/* Without a terminal nobody answers. */
static bool wants_another_try(void)
{
        char *line = NULL;
        size_t size = 0;
        bool again;

        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
                return false;
        }
        fputs("edit it again? [Y/n] ", stderr);
        again = getline(&line, &size, stdin) > 0 && !strchr("nN", line[0]);
        free(line);
        return again;
}

static int edit_until_valid(const struct edit *edit, struct machine_error *error)
{
        int r;

        do {
                r = run_editor(edit, error);
                r = r < 0 ? r : check_copy(edit, error);
        } while (r == 0 && wants_another_try());
        if (r == 0) {
                error_say(error, EINVAL, "the edited definition is invalid: %s is unchanged",
                          edit->path);
                error_hint(error, "your text is kept in %s", edit->copy);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return r;
}

/* A link stays a link: the file it leads to is replaced, with its mode and owner. */
static int replace(const struct edit *edit, const char *text, struct machine_error *error)
{
        _cleanup_free_ char *target = realpath(edit->path, NULL);
        struct stat status;
        int r = target && stat(target, &status) == 0 ? 0 : -errno;

        if (r == 0) {
                r = file_write_atomic(AT_FDCWD, target, text, strlen(text), status.st_mode & 07777);
        }
        if (r == 0 && chown(target, status.st_uid, status.st_gid) < 0) {
                r = -errno;
        }
        if (r < 0) {
                error_set(error, r, "cannot replace %s", edit->path);
                error_hint(error, "your text is kept in %s", edit->copy);
                return r;
        }
        return 0;
}

static void advise_restart(const struct edit *edit, const char *name)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };

        if (cli_open_store(edit->cli, &store, NULL) == 0 &&
            state_query(&store, name, &record, NULL) == 0 && machine_state_is_live(record.state)) {
                log_notice(&edit->cli->log,
                           "machine \"%s\" runs with its old definition until: machinectl-lite "
                           "restart %s",
                           name, name);
        }
}

static int edit_definition(struct edit *edit, const char *name, struct machine_error *error)
{
        _cleanup_free_ char *before = NULL, *after = NULL;
        int r = read_whole(edit->path, &before, error);

        r = r < 0 ? r : make_copy(edit, before, error);
        if (r < 0) {
                return r;
        }
        r = edit_until_valid(edit, error);
        if (read_whole(edit->copy, &after, r < 0 ? NULL : error) < 0) {
                return r < 0 ? r : -EIO;
        }
        if (strcmp(before, after) != 0) {
                r = r < 0 ? r : replace(edit, after, error);
                if (r < 0) {
                        return r;
                }
                advise_restart(edit, name);
        }
        (void)unlink(edit->copy);
        return r < 0 ? r : 0;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_edit_ struct edit edit = { .cli = cli };
        _cleanup_free_ char *name = NULL;
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        r = cli_machine_name(cli, verb, argv[0], &name, error);
        if (r < 0) {
                return r;
        }
        r = cli_find_definition(cli, argv[0], &edit.path);
        if (r < 0) {
                error_set(error, r, "cannot find the definition of \"%s\"", argv[0]);
                error_hint(error, "write it first, for example to /etc/machines/%s.machine", name);
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        return edit_definition(&edit, name, error);
}

const struct verb verb_edit = {
        .name = "edit",
        .arguments = "M",
        .summary = "edit a definition, and check it before it is kept",
        .run = run,
};
