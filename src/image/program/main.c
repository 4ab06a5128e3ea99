/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/program/program.h"

enum {
        STATUS_FAILED = 1,
        STATUS_USAGE = 64,
        STATUS_NO_INPUT = 66,
};

static const struct program_verb verbs[] = {
        { "pull", "REFERENCE", " platform registries insecure keep-blobs all-platforms ", 1, 1,
          program_pull },
        { "load", "FILE|DIRECTORY|-", " name reference platform owner ", 1, 1, program_load },
        { "save", "IMAGE FILE|DIRECTORY|-", " format all-platforms ", 2, 2, program_save },
        { "commit", "MACHINE NAME", " change ", 2, 2, program_commit },
        { "push", "IMAGE [REFERENCE]", " registries insecure all-platforms ", 1, 2, program_push },
        { "tag", "IMAGE REFERENCE..", "", 2, 1000, program_tag },
        { "inspect", "docker://REFERENCE", " platform registries insecure raw config ", 1, 1,
          program_inspect },
        { "list-tags", "REPOSITORY", " registries insecure ", 1, 1, program_list_tags },
        { "list-images", "[PATTERN]", " directory ", 0, 1, program_list },
        { "image-status", "IMAGE", " verify ", 1, 1, program_status },
        { "remove-image", "IMAGE..", " force ", 1, 1000, program_remove },
        { "make-disk", "FILE", " format verity architecture ", 1, 1, program_make_disk },
        { "export-volume", "DIRECTORY FILE|-", "", 2, 2, program_export_volume },
        { "export-layer", "DIRECTORY FILE|-", "", 2, 2, program_export_layer },
        { "import-layer", "DIRECTORY FILE|-", "", 2, 2, program_import_layer },
        { "export-files", "DIRECTORY FILE|-", "", 2, 2, program_export_files },
        { "import-volume", "DIRECTORY FILE|-", "", 2, 2, program_import_volume },
        { "prune", "", " all ", 0, 0, program_prune },
};

/* One option: the place of its value, flag or values. */
struct option_place {
        const char *name;
        const char **value;
        bool *flag;
        char ***list; /* for an option that may be repeated */
};

static const struct program_verb *find_verb(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(verbs); i++) {
                if (strcmp(verbs[i].name, name) == 0) {
                        return &verbs[i];
                }
        }
        return NULL;
}

static int usage(struct machine_error *error, const struct program_verb *verb, const char *text)
{
        error_say(error, EINVAL, "%s: %s", verb ? verb->name : "machinectl-lite-image", text);
        if (verb) {
                error_hint(error, "machinectl-lite %s %s", verb->name, verb->operands);
        }
        return error_kind(error, MACHINE_ERROR_USAGE);
}

static bool takes(const struct program_verb *verb, const char *option)
{
        _cleanup_free_ char *wanted = string_format(" %s ", option);

        return wanted && strstr(verb->options, wanted);
}

/* "--NAME=VALUE", "--NAME VALUE" or "--NAME". */
static int take_option(struct program *program, const struct program_verb *verb,
                       const struct option_place *places, size_t count, int *at, char **argv,
                       struct machine_error *error)
{
        const char *text = argv[*at] + 2;
        size_t length = strcspn(text, "=");
        const char *value;

        for (size_t i = 0; i < count; i++) {
                if (strlen(places[i].name) != length ||
                    strncmp(places[i].name, text, length) != 0 || !takes(verb, places[i].name)) {
                        continue;
                }
                if (places[i].flag) {
                        *places[i].flag = true;
                        return text[length] ? usage(error, verb, "the option takes no value") : 0;
                }
                value = text[length] ? text + length + 1 : argv[++*at];
                if (!value) {
                        return usage(error, verb, "an option requires a value");
                }
                if (places[i].list) {
                        return strv_append(places[i].list, value) < 0 ? error_oom(error) : 0;
                }
                *places[i].value = value;
                return 0;
        }
        {
                _cleanup_free_ char *message = string_format("unknown option \"--%s\"", text);

                return usage(error, verb, message ? message : "unknown option");
        }
}

static int parse_verb(struct program *program, const struct program_verb *verb, char **argv,
                      struct machine_error *error)
{
        const struct option_place places[] = {
                { "name", &program->name, NULL, NULL },
                { "reference", &program->reference, NULL, NULL },
                { "owner", &program->owner, NULL, NULL },
                { "platform", &program->platform, NULL, NULL },
                { "registries", &program->registries, NULL, NULL },
                { "format", &program->format, NULL, NULL },
                { "architecture", &program->architecture, NULL, NULL },
                { "verity", NULL, &program->verity, NULL },
                { "verify", NULL, &program->verify, NULL },
                { "force", NULL, &program->force, NULL },
                { "all", NULL, &program->all, NULL },
                { "insecure", NULL, &program->insecure, NULL },
                { "keep-blobs", NULL, &program->keep_blobs, NULL },
                { "all-platforms", NULL, &program->all_platforms, NULL },
                { "raw", NULL, &program->raw, NULL },
                { "config", NULL, &program->config, NULL },
                { "change", NULL, NULL, &program->changes },
                { "directory", NULL, NULL, &program->directories },
        };
        bool options = true;

        program->argv = argv;
        for (int at = 0; argv[at]; at++) {
                int r;

                if (!options || argv[at][0] != '-' || strcmp(argv[at], "-") == 0) {
                        program->argv[program->argc++] = argv[at];
                        continue;
                }
                if (strcmp(argv[at], "--") == 0) {
                        options = false;
                        continue;
                }
                if (argv[at][1] != '-') {
                        return usage(error, verb, "unknown option");
                }
                r = take_option(program, verb, places, ELEMENTS_OF(places), &at, argv, error);
                if (r < 0) {
                        return r;
                }
        }
        if (program->argc < verb->minimum || program->argc > verb->maximum) {
                return usage(error, verb, "wrong number of arguments");
        }
        return 0;
}

static int parse_json(const char *text, enum program_json *ret)
{
        static const char *const names[] = { "off", "short", "pretty" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if (strcmp(text, names[i]) == 0) {
                        *ret = (enum program_json)i;
                        return 0;
                }
        }
        return -EINVAL;
}

/* Options before the verb are passed by machinectl-lite, not by the user. */
static int parse_program(struct program *program, int argc, char **argv,
                         struct machine_error *error)
{
        static const struct option options[] = {
                { "state-dir", required_argument, NULL, 's' },
                { "json", required_argument, NULL, 'j' },
                { "quiet", no_argument, NULL, 'q' },
                { "debug", no_argument, NULL, 'd' },
                { "no-legend", no_argument, NULL, 'l' },
                { "colour", no_argument, NULL, 'c' },
                { 0 },
        };
        int c;

        while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
                switch (c) {
                case 's':
                        program->state_directory = optarg;
                        break;
                case 'j':
                        if (parse_json(optarg, &program->json) < 0) {
                                return usage(error, NULL, "--json must be off, short or pretty");
                        }
                        break;
                case 'q':
                        program->quiet = true;
                        program->log.level = LOG_LEVEL_ERROR;
                        break;
                case 'd':
                        program->log.level = LOG_LEVEL_DEBUG;
                        break;
                case 'l':
                        program->legend = false;
                        break;
                case 'c':
                        program->log.colour = true;
                        break;
                default:
                        return usage(error, NULL, "unknown option");
                }
        }
        if (!argv[optind] || program->state_directory[0] != '/') {
                return usage(error, NULL, "a verb and an absolute state directory are required");
        }
        return 0;
}

static enum progress_mode progress_of(const struct program *program)
{
        if (program->json != PROGRAM_JSON_OFF) {
                return PROGRESS_JSON;
        }
        return program->quiet          ? PROGRESS_NONE
               : isatty(STDERR_FILENO) ? PROGRESS_BARS
                                       : PROGRESS_LINES;
}

int program_open_session(struct program *program, struct session *session,
                         struct machine_error *error)
{
        return session_open(session, program->state_directory, program->platform,
                            progress_of(program), &program->log, error);
}

int program_print_json(const struct program *program, json_t *value)
{
        int r = value ? json_dumpf(value, stdout,
                                   program->json == PROGRAM_JSON_PRETTY ? JSON_INDENT(8)
                                                                        : JSON_COMPACT)
                      : -1;

        json_decref(value);
        return r < 0 || putchar('\n') == EOF ? -ENOMEM : 0;
}

static int run(struct program *program, int argc, char **argv, struct machine_error *error)
{
        const struct program_verb *verb;
        int r = parse_program(program, argc, argv, error);

        if (r < 0) {
                return r;
        }
        verb = find_verb(argv[optind]);
        if (!verb) {
                return usage(error, NULL, "unknown verb");
        }
        r = parse_verb(program, verb, argv + optind + 1, error);
        if (r == 0) {
                r = verb->run(program, error);
        }
        if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout))) {
                return error_set(error, errno, "cannot write to standard output");
        }
        return r;
}

static int run_and_report(int argc, char **argv)
{
        struct program program = {
                .log = { .fd = STDERR_FILENO, .level = LOG_LEVEL_NOTICE, .started = log_now() },
                .state_directory = "/var/lib/machinectl-lite",
                .legend = true,
        };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int status = run(&program, argc, argv, &error);

        if (status >= 0) {
                return status;
        }
        log_error(&program.log, &error);
        return error.kind == MACHINE_ERROR_USAGE      ? STATUS_USAGE
               : error.kind == MACHINE_ERROR_NO_INPUT ? STATUS_NO_INPUT
                                                      : STATUS_FAILED;
}

int main(int argc, char **argv)
{
        int status;

        /* A connection closed by the registry is reported as an error; it must not kill the
         * process. */
        (void)signal(SIGPIPE, SIG_IGN);
        status = run_and_report(argc, argv);
        (void)fflush(NULL);
        /* The kernel frees faster what TLS libraries would clean up at exit. */
        _exit(status);
}
