/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/common/cli.h"
#include "machinectl-lite-settings.h"

#define HELP_COLUMN 28

int cli_take_flag(const struct cli_option *option, const char *value, void *data,
                  struct machine_error *error)
{
        *(bool *)((char *)data + option->flag) = true;
        return 0;
}

int cli_usage_error(const struct verb *verb, struct machine_error *error, const char *format, ...)
{
        _cleanup_free_ char *text = STRING_OF_ARGUMENTS(format);

        if (!text) {
                return error_oom(error);
        }
        error_say(error, EINVAL, "%s%s%s", verb ? verb->name : "", verb ? ": " : "", text);
        error_hint(error, "machinectl-lite %s%s--help shows the usage", verb ? verb->name : "",
                   verb ? " " : "");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

static int parse_json(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        static const char *const modes[] = { "off", "short", "pretty" };
        struct cli *cli = data;

        if (!value) {
                cli->json = isatty(STDOUT_FILENO) ? CLI_JSON_PRETTY : CLI_JSON_SHORT;
                return 0;
        }
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

static const struct cli_option program_options[] = {
        { 'h', "help", NULL, "show this help, or the help of a verb", CLI_FLAG(struct cli, help) },
        { 0, "version", NULL, "show the version", CLI_FLAG(struct cli, version) },
        { 'q', "quiet", NULL, "print only errors", parse_quiet },
        { 'v', "verbose", NULL, "same as --debug", parse_debug },
        { 0, "debug", NULL, "print each step with its time", parse_debug },
        { 0, "json", "[MODE]", "print data as JSON: short, pretty or off", parse_json },
        { 0, "no-legend", NULL, "omit the headings of tables", parse_no_legend },
        { 0, "no-pager", NULL, "do not use a pager", parse_no_pager },
        { 0, "color", "WHEN", "colour output: auto, never or always", parse_colour },
        { 0, "config-path", "DIR:..", "directories to search for definitions", parse_config_path },
        { 0, "state-dir", "DIR", "directory of persistent state", parse_state },
        { 0, "runtime-dir", "DIR", "directory of runtime state", parse_runtime },
        { 0, "log-dir", "DIR", "directory of logs, if there is no journal", parse_log },
        CLI_OPTIONS_END,
};

/* The parser makes one pass over argv and moves positional arguments to its start. */
struct parser {
        struct cli *cli;
        const struct verb *verb; /* NULL before the verb */
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

/* A verb's option takes precedence over the program's option of the same name. */
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

        if (option->value && !value && option->value[0] != '[') {
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

/* Parses all arguments or, with stop, up to the first positional one. Moves positional arguments to
 * argv[first] and following, and returns their number. */
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

/* Stored trees are searched last, wherever the state directory is. */
static int settle_search(struct cli_directories *directories, struct machine_error *error)
{
        _cleanup_free_ char *stored = path_join(directories->state, "sources");
        _cleanup_strv_ char **paths = NULL;

        STRV_FOREACH(path, directories->config_path) {
                if (*path[0] && !string_equal(*path, directories->stored) &&
                    strv_append(&paths, *path) < 0) {
                        return error_oom(error);
                }
        }
        if (!stored || strv_append(&paths, stored) < 0) {
                return error_oom(error);
        }
        free(directories->stored);
        directories->stored = TAKE_PTR(stored);
        strv_free(directories->config_path);
        directories->config_path = TAKE_PTR(paths);
        return 0;
}

static void settle_colour(struct cli *cli)
{
        /* https://no-color.org: any non-empty value. */
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
        return settle_search(&cli->directories, error);
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
        return settle_search(&cli->directories, error);
}

/* Text wider than its column gets its own line. */
static void print_row(const char *left, const char *right)
{
        if (strlen(left) > HELP_COLUMN) {
                printf("  %s\n", left);
                left = "";
        }
        printf("  %-*s %s\n", HELP_COLUMN, left, right);
}

/* "=MODE", or "[=MODE]" for "[MODE]". */
static void describe_value(const char *value, char text[static 32])
{
        text[0] = '\0';
        if (value) {
                bool optional = value[0] == '[';

                snprintf(text, 32, "%s=%s", optional ? "[" : "", value + optional);
        }
}

static void print_options(const struct cli_option *options)
{
        for (; options && options->name; options++) {
                char left[64], value[32];

                describe_value(options->value, value);
                snprintf(left, sizeof left, "%s%c%s --%s%s", options->short_name ? "-" : " ",
                         options->short_name ? options->short_name : ' ',
                         options->short_name ? "," : " ", options->name, value);
                print_row(left, options->help);
        }
}

void cli_print_version(void)
{
        printf("machinectl-lite %s\n", MACHINECTL_LITE_VERSION);
}

static void print_verbs(const struct verb *const *verbs)
{
        for (; *verbs; verbs++) {
                char left[64];

                snprintf(left, sizeof left, "%s %s", (*verbs)->name,
                         (*verbs)->arguments ? (*verbs)->arguments : "");
                print_row(left, (*verbs)->summary);
        }
}

static void print_introduction(void)
{
        printf("machinectl-lite [OPTIONS] VERB [ARGUMENTS]\n\n"
               "Runs machines described by .machine files. A machine is given by name or by\n"
               "the path of its definition.\n");
}

void cli_print_help(void)
{
        print_introduction();
        printf("\nEveryday verbs:\n");
        print_verbs(cli_everyday_verbs);
        printf("\nmachinectl-lite --help all    all verbs and options\n"
               "machinectl-lite VERB --help   the options of a verb\n");
}

void cli_print_all_help(void)
{
        print_introduction();
        for (const struct verb_group *group = cli_verb_groups; group->title; group++) {
                printf("\n%s:\n", group->title);
                print_verbs(group->verbs);
        }
        printf("\nOther names:\n");
        for (const struct verb_alias *alias = cli_verb_aliases; alias->name; alias++) {
                print_row(alias->name, alias->verb->name);
        }
        printf("\nOptions:\n");
        print_options(program_options);
}

void cli_print_verb_help(const struct verb *verb)
{
        printf("machinectl-lite %s [OPTIONS] %s\n%s\n", verb->name,
               verb->arguments ? verb->arguments : "", verb->summary);
        if (verb->options) {
                printf("\nOptions:\n");
                print_options(verb->options);
        }
        printf("\nSee machinectl-lite --help all for options common to all verbs.\n");
}
