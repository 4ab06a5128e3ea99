/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strings.h"
#include "convert/back/back.h"
#include "convert/model/settle.h"
#include "convert/program/program.h"

/* machinectl-lite-convert: the verb `convert`. It is an executable of its own, because it needs
 * libyaml, and because starts have no use for it. */

enum {
        STATUS_FAILED = 1, /* also: something was lost */
        STATUS_USAGE = 64,
        STATUS_DEFINITION = 65,
        STATUS_NO_INPUT = 66,
};

static int usage(struct machine_error *error, const char *text)
{
        error_say(error, EINVAL, "convert: %s", text);
        error_hint(error, "see machinectl-lite convert --help");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* The verb has checked the options: an unknown one is an error between the two programs. */
static int parse(int argc, char **argv, struct arguments *arguments, struct machine_error *error)
{
        static const struct option options[] = {
                { "from", required_argument, NULL, 'f' },
                { "to", required_argument, NULL, 't' },
                { "out", required_argument, NULL, 'o' },
                { "name", required_argument, NULL, 'n' },
                { "profile", required_argument, NULL, 'p' },
                { "env-file", required_argument, NULL, 'e' },
                { "search-path", required_argument, NULL, 's' },
                { "force", no_argument, NULL, 'F' },
                { "json", no_argument, NULL, 'j' },
                { "quiet", no_argument, NULL, 'q' },
                { "colour", no_argument, NULL, 'c' },
                { 0 },
        };
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
                switch (c) {
                case 'f':
                        arguments->from = optarg;
                        break;
                case 't':
                        arguments->to = optarg;
                        break;
                case 'o':
                        arguments->out = optarg;
                        break;
                case 'n':
                        arguments->name = optarg;
                        break;
                case 'p':
                        r = strv_append(&arguments->profiles, optarg);
                        break;
                case 'e':
                        r = strv_append(&arguments->env_files, optarg);
                        break;
                case 's':
                        arguments->search_path = optarg;
                        break;
                case 'F':
                        arguments->force = true;
                        break;
                case 'j':
                        arguments->json = true;
                        break;
                case 'q':
                        arguments->quiet = true;
                        break;
                case 'c':
                        arguments->colour = true;
                        break;
                default:
                        return usage(error, "unknown option");
                }
        }
        for (int i = optind; r == 0 && i < argc; i++) {
                r = strv_append(&arguments->sources, argv[i]);
        }
        if (r == 0 && !arguments->sources) {
                return usage(error, "a source is missing");
        }
        return r < 0 ? error_oom(error) : 0;
}

static int explain_failure(const struct conversion *conversion, struct machine_error *error)
{
        if (conversion->failed == -E2BIG) {
                error_say(error, E2BIG, "the source has too many settings");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return error_oom(error);
}

static int convert_to_definitions(const struct arguments *arguments, struct conversion *conversion,
                                  struct machine_error *error)
{
        int r = program_convert(arguments, conversion, error);

        if (r == 0 && !conversion->failed) {
                r = convert_settle(conversion, error);
        }
        if (conversion->failed) {
                return explain_failure(conversion, error);
        }
        return r < 0 ? r : program_write(arguments, conversion, error);
}

static int run(int argc, char **argv, struct machine_error *error, bool *ret_colour)
{
        struct arguments arguments = { 0 };
        _cleanup_conversion_ struct conversion conversion = { 0 };
        int r = parse(argc, argv, &arguments, error);

        *ret_colour = arguments.colour;
        if (r == 0 && arguments.to) {
                r = back_convert(&arguments, &conversion, error);
        } else if (r == 0) {
                r = convert_to_definitions(&arguments, &conversion, error);
        }
        /* What was lost may be why nothing could be made. */
        if ((r == 0 || (error->kind == MACHINE_ERROR_DEFINITION && !arguments.json)) &&
            program_report(&arguments, &conversion) < 0) {
                r = error_oom(error);
        }
        if (r == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
                r = error_set(error, errno, "cannot write to standard output");
        }
        strv_free(arguments.sources);
        strv_free(arguments.profiles);
        strv_free(arguments.env_files);
        return r < 0 ? r : convert_count_lost(&conversion) > 0 ? STATUS_FAILED : 0;
}

static int exit_status(const struct machine_error *error)
{
        switch (error->kind) {
        case MACHINE_ERROR_USAGE:
                return STATUS_USAGE;
        case MACHINE_ERROR_DEFINITION:
                return STATUS_DEFINITION;
        case MACHINE_ERROR_NO_INPUT:
                return STATUS_NO_INPUT;
        default:
                return STATUS_FAILED;
        }
}

int main(int argc, char **argv)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct log log = { .fd = STDERR_FILENO, .level = LOG_LEVEL_NOTICE, .started = log_now() };
        int status = run(argc, argv, &error, &log.colour);

        if (status >= 0) {
                return status;
        }
        log_error(&log, &error);
        return exit_status(&error);
}
