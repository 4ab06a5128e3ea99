/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/cli.h"

#define HELP_COLUMN 28

static int parse_json(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        static const char *const modes[] = { "off", "short", "pretty" };
        struct cli *cli = data;

        for (size_t i = 0; i < ELEMENTS_OF(modes); i++) {
                if (strcmp(value, modes[i]) == 0) {
                        cli->json = (enum cli_json)i;
                        return 0;
                }
        }
        return error_say(error, EINVAL, "--json=%s: expected short, pretty or off", value);
}

static int parse_colour(const struct cli_option *option, const char *value, void *data,
                        struct machine_error *error)
{
        static const char *const modes[] = { "auto", "never", "always" };
        struct cli *cli = data;

        for (size_t i = 0; i < ELEMENTS_OF(modes); i++) {
                if (strcmp(value, modes[i]) == 0) {
                        cli->colour_mode = (enum cli_colour)i;
                        return 0;
                }
        }
        return error_say(error, EINVAL, "--color=%s: expected auto, never or always", value);
}

static int parse_config_path(const struct cli_option *option, const char *value, void *data,
                             struct machine_error *error)
{
        struct cli *cli = data;
        char **paths;

        if (strv_split(value, ':', &paths) < 0) {
                return error_oom(error);
        }
        cli->directories.usual = false;
        strv_free(cli->directories.config_path);
        cli->directories.config_path = paths;
        return 0;
}

static int set_directory(struct cli *cli, char **place, const char *value,
                         struct machine_error *error)
{
        cli->directories.usual = false;
        if (value[0] != '/') {
                return error_say(error, EINVAL, "directory \"%s\" is not an absolute path", value);
        }
        return string_replace(place, value) < 0 ? error_oom(error) : 0;
}

static int parse_runtime(const struct cli_option *option, const char *value, void *data,
                         struct machine_error *error)
{
        return set_directory(data, &((struct cli *)data)->directories.runtime, value, error);
}

static int parse_state(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        return set_directory(data, &((struct cli *)data)->directories.state, value, error);
}

static int parse_log(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        return set_directory(data, &((struct cli *)data)->directories.log, value, error);
}

static int parse_quiet(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        ((struct cli *)data)->log.level = LOG_LEVEL_ERROR;
        return 0;
}

static int parse_debug(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        ((struct cli *)data)->log.level = LOG_LEVEL_DEBUG;
        return 0;
}

static int parse_no_legend(const struct cli_option *option, const char *value, void *data,
                           struct machine_error *error)
{
        ((struct cli *)data)->legend = false;
        return 0;
}

static int parse_no_pager(const struct cli_option *option, const char *value, void *data,
                          struct machine_error *error)
{
        ((struct cli *)data)->pager = false;
        return 0;
}

static int parse_help(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        ((struct cli *)data)->help = true;
        return 0;
}

static int parse_version(const struct cli_option *option, const char *value, void *data,
                         struct machine_error *error)
{
        ((struct cli *)data)->version = true;
        return 0;
}

static const struct cli_option program_options[] = {
        { 'h', "help", NULL, "show this help, or that of a verb", parse_help },
        { 0, "version", NULL, "show the version of this program", parse_version },
        { 'q', "quiet", NULL, "say nothing but errors", parse_quiet },
        { 'v', "verbose", NULL, "say what is done", parse_debug },
        { 0, "debug", NULL, "tell each step with its time", parse_debug },
        { 0, "json", "MODE", "print data as JSON: short, pretty or off", parse_json },
        { 0, "no-legend", NULL, "leave out headings of tables", parse_no_legend },
        { 0, "no-pager", NULL, "never page long output", parse_no_pager },
        { 0, "color", "WHEN", "colour: auto, never or always", parse_colour },
        { 0, "config-path", "DIR:..", "where definitions are searched for", parse_config_path },
        { 0, "state-dir", "DIR", "persistent state", parse_state },
        { 0, "runtime-dir", "DIR", "state of this boot", parse_runtime },
        { 0, "log-dir", "DIR", "logs where there is no journal", parse_log },
        CLI_OPTIONS_END,
};

/* Where the parser is: one pass over argv, positional arguments gathered in place. */
struct parser {
        struct cli *cli;
        const struct verb *verb; /* or NULL: before the verb */
        void *data;
        int argc;
        char **argv;
        int next;
};

static const struct cli_option *find_long(const struct cli_option *options, const char *name,
                                          size_t length)
{
        for (; options && options->name; options++) {
                if (strlen(options->name) == length && memcmp(options->name, name, length) == 0) {
                        return options;
                }
        }
        return NULL;
}

static const struct cli_option *find_short(const struct cli_option *options, char name)
{
        for (; options && options->name; options++) {
                if (options->short_name == name) {
                        return options;
                }
        }
        return NULL;
}

/* A verb's own option goes before the program's of the same name. */
static const struct cli_option *verb_options(const struct parser *parser)
{
        return parser->verb ? parser->verb->options : NULL;
}

static int take(struct parser *parser, const struct cli_option *option, const char *shown,
                const char *value, struct machine_error *error)
{
        bool of_program = option >= program_options &&
                          option < program_options + ELEMENTS_OF(program_options);
        int r;

        if (option->value && !value) {
                if (parser->next >= parser->argc) {
                        return cli_usage_error(parser->verb, error, "option %s needs a value: %s",
                                               shown, option->value);
                }
                value = parser->argv[parser->next++];
        }
        r = option->parse(option, value, of_program ? parser->cli : parser->data, error);
        if (r < 0) {
                error_kind(error, MACHINE_ERROR_USAGE);
        }
        return r;
}

static int take_long(struct parser *parser, const char *argument, struct machine_error *error)
{
        const char *name = argument + 2;
        const char *equals = strchr(name, '=');
        size_t length = equals ? (size_t)(equals - name) : strlen(name);
        const struct cli_option *option = find_long(verb_options(parser), name, length);
        _cleanup_free_ char *shown = strndup(argument, length + 2);

        if (!shown) {
                return error_oom(error);
        }
        if (!option) {
                option = find_long(program_options, name, length);
        }
        if (!option) {
                return cli_usage_error(parser->verb, error, "unknown option %s", shown);
        }
        if (equals && !option->value) {
                return cli_usage_error(parser->verb, error, "option %s takes no value", shown);
        }
        return take(parser, option, shown, equals ? equals + 1 : NULL, error);
}

static int take_short(struct parser *parser, const char *argument, struct machine_error *error)
{
        for (const char *letter = argument + 1; *letter; letter++) {
                const char shown[] = { '-', *letter, '\0' };
                const struct cli_option *option = find_short(verb_options(parser), *letter);
                int r;

                if (!option) {
                        option = find_short(program_options, *letter);
                }
                if (!option) {
                        return cli_usage_error(parser->verb, error, "unknown option %s", shown);
                }
                if (option->value && letter[1]) {
                        return take(parser, option, shown, letter + 1, error);
                }
                r = take(parser, option, shown, NULL, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Parses up to the end, or to the first argument that is no option. Positional arguments gather
 * behind `first`; the number of them is returned. */
static int parse_all(struct parser *parser, int first, bool stop, struct machine_error *error)
{
        int kept = 0;

        while (parser->next < parser->argc) {
                char *argument = parser->argv[parser->next];
                int r;

                if (argument[0] != '-' || argument[1] == '\0') {
                        if (stop) {
                                break;
                        }
                        parser->argv[first + kept++] = argument;
                        parser->next++;
                        continue;
                }
                parser->next++;
                if (strcmp(argument, "--") == 0) {
                        break;
                }
                r = argument[1] == '-' ? take_long(parser, argument, error)
                                       : take_short(parser, argument, error);
                if (r < 0) {
                        return r;
                }
        }
        while (parser->next < parser->argc) {
                parser->argv[first + kept++] = parser->argv[parser->next++];
        }
        return kept;
}

static void settle_colour(struct cli *cli)
{
        /* https://no-color.org: any value that is not empty. */
        const char *no_colour = getenv("NO_COLOR");
        bool never = cli->colour_mode == CLI_COLOUR_NEVER ||
                     (cli->colour_mode == CLI_COLOUR_AUTO && no_colour && *no_colour);
        bool always = cli->colour_mode == CLI_COLOUR_ALWAYS;

        cli->colour = !never && (always || isatty(STDOUT_FILENO));
        cli->log.colour = !never && (always || isatty(STDERR_FILENO));
}

int cli_parse(struct cli *cli, const struct verb *verb, void *data, int *argc, char ***argv,
              struct machine_error *error)
{
        struct parser parser = { cli, verb, data, *argc, *argv, 1 };
        int kept = parse_all(&parser, 1, verb->stop_at_argument, error);

        if (kept < 0) {
                return kept;
        }
        settle_colour(cli);
        if (cli->version) {
                cli_print_version();
                return 1;
        }
        if (cli->help) {
                cli_print_verb_help(verb);
                return 1;
        }
        *argv += 1;
        *argc = kept;
        (*argv)[kept] = NULL;
        return 0;
}

int cli_parse_program(struct cli *cli, int *argc, char ***argv, struct machine_error *error)
{
        struct parser parser = { cli, NULL, NULL, *argc, *argv, 1 };
        int kept = parse_all(&parser, 1, true, error);

        if (kept < 0) {
                return kept;
        }
        settle_colour(cli);
        *argv += 1;
        *argc = kept;
        (*argv)[kept] = NULL;
        return 0;
}

/* What is too wide for its column has a line of its own. */
static void print_row(const char *left, const char *right)
{
        if (strlen(left) > HELP_COLUMN) {
                printf("  %s\n", left);
                left = "";
        }
        printf("  %-*s %s\n", HELP_COLUMN, left, right);
}

static void print_options(const struct cli_option *options)
{
        for (; options && options->name; options++) {
                char left[64];

                snprintf(left, sizeof left, "%s%c%s --%s%s%s", options->short_name ? "-" : " ",
                         options->short_name ? options->short_name : ' ',
                         options->short_name ? "," : " ", options->name, options->value ? "=" : "",
                         options->value ? options->value : "");
                print_row(left, options->help);
        }
}

void cli_print_version(void)
{
        printf("machinectl-lite %s\n", MACHINECTL_LITE_VERSION);
}

void cli_print_help(void)
{
        printf("machinectl-lite [OPTIONS] VERB [ARGUMENTS]\n\n"
               "Runs machines described by .machine files. A machine is given as a name or as\n"
               "the path of its file.\n\nVerbs:\n");
        for (const struct verb *const *verb = cli_verbs; *verb; verb++) {
                char left[64];

                snprintf(left, sizeof left, "%s %s", (*verb)->name,
                         (*verb)->arguments ? (*verb)->arguments : "");
                print_row(left, (*verb)->summary);
        }
        printf("\nOptions:\n");
        print_options(program_options);
}

void cli_print_verb_help(const struct verb *verb)
{
        printf("machinectl-lite %s [OPTIONS] %s\n\n%s\n", verb->name,
               verb->arguments ? verb->arguments : "", verb->summary);
        if (verb->options) {
                printf("\nOptions:\n");
                print_options(verb->options);
        }
        printf("\nThe options of every verb: machinectl-lite --help\n");
}
