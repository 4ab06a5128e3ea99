/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include <machine/error.h>

#include "base/log.h"

/* What the command line says for every verb, and the verbs themselves. */

enum cli_json {
        CLI_JSON_OFF,
        CLI_JSON_SHORT,
        CLI_JSON_PRETTY,
};

enum cli_colour {
        CLI_COLOUR_AUTO,
        CLI_COLOUR_NEVER,
        CLI_COLOUR_ALWAYS,
};

/** The directories of this program, each moved by an option or an environment variable. */
struct cli_directories {
        char **config_path; /* where definitions are searched for, in order */
        char *runtime;
        char *state;
        char *log;
        bool usual; /* none of them has been moved */
};

struct cli {
        struct log log;
        struct cli_directories directories;
        enum cli_json json;
        enum cli_colour colour_mode;
        bool colour; /* on standard output */
        bool legend;
        bool pager;
        bool help;
        bool version;
};

/** One option of the program or of a verb. */
struct cli_option {
        char short_name;   /* or 0 */
        const char *name;  /* without "--" */
        const char *value; /* the value's name in the help text, or NULL: takes none */
        const char *help;
        /** Takes the value (NULL without one); data is what cli_parse() was given. */
        int (*parse)(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error);
};

/** Ends a table of options. */
#define CLI_OPTIONS_END \
        {               \
                0       \
        }

struct verb {
        const char *name;
        const char *arguments; /* "M [-- COMMAND..]" */
        const char *summary;   /* one line */
        const struct cli_option *options;
        /** What follows the first argument that is no option belongs to it, options and all. */
        bool stop_at_argument;
        /**
         * Returns the exit status, or a negative errno with the error filled. argv[0] is the verb.
         */
        int (*run)(struct cli *cli, const struct verb *verb, int argc, char **argv,
                   struct machine_error *error);
        /** Exit status of this program's own failures, or 0: by the kind of the error. */
        int failure_status;
};

/** All verbs, in the order of the help text, ending with one without a name. */
extern const struct verb *const cli_verbs[];

/**
 * Parses the options of a verb, wherever they stand, and the program's own options among them.
 * *argc and *argv become the positional arguments, without the verb's name; a "--" ends the options
 * and is left out. Returns 0, 1 when help or the version was asked for and has been printed, or
 * -EINVAL.
 */
int cli_parse(struct cli *cli, const struct verb *verb, void *data, int *argc, char ***argv,
              struct machine_error *error);

/** The same for options before the verb; stops at the verb. */
int cli_parse_program(struct cli *cli, int *argc, char ***argv, struct machine_error *error);

/** A usage error: the message and where to find help. Returns -EINVAL. */
int cli_usage_error(const struct verb *verb, struct machine_error *error, const char *format, ...)
        _printf_(3, 4);

/** Prints the version of the program. */
void cli_print_version(void);

/** Prints the help of the program, or of one verb. */
void cli_print_help(void);
void cli_print_verb_help(const struct verb *verb);

#endif
