/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_COMMON_CLI_H
#define CLI_COMMON_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <machine/error.h>

#include "base/log.h"
#include "base/process/process.h"

/* Options and output settings common to all verbs, and the verbs themselves. */

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

/** The directories of this program, set by options or environment variables. */
struct cli_directories {
        char **config_path; /* directories searched for definitions, in order */
        char *stored;       /* the last of them, where apply keeps its trees, or NULL */
        char *runtime;
        char *state;
        char *log;
        bool usual; /* all are the defaults */
};

struct cli {
        struct log log;
        struct cli_directories directories;
        struct process_title title;
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
        const char *value; /* the value's name in the help text; NULL if it takes none. "[MODE]" may
                            * be omitted, and is only accepted after "=" */
        const char *help;
        /** Parses the value (NULL if it has none); data is the argument of cli_parse(). */
        int (*parse)(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error);
        size_t flag; /* for CLI_FLAG() */
};

/** Sets the bool at option->flag of data. */
int cli_take_flag(const struct cli_option *option, const char *value, void *data,
                  struct machine_error *error);

/** The last members of an option that sets a bool of the verb's options. */
#define CLI_FLAG(type, member) cli_take_flag, offsetof(type, member)

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
        /** Everything after the first positional argument is passed through, including options. */
        bool stop_at_argument;
        /**
         * Returns the exit status, or a negative errno with the error filled. argv[0] is the verb.
         */
        int (*run)(struct cli *cli, const struct verb *verb, int argc, char **argv,
                   struct machine_error *error);
        /** Exit status for failures of this program, or 0 to derive it from the kind of error. */
        int failure_status;
};

/** Verbs that serve one purpose, in the order of the help text, terminated by NULL. */
struct verb_group {
        const char *title;
        const struct verb *const *verbs;
};

/** All verbs, terminated by a group without a title. */
extern const struct verb_group cli_verb_groups[];

/** The verbs of everyday use, which --help shows, terminated by NULL. */
extern const struct verb *const cli_everyday_verbs[];

/** Another name that a verb can be called by, as in machinectl, podman or the shell. */
struct verb_alias {
        const char *name;
        const struct verb *verb;
};

/** Terminated by an element without a name. */
extern const struct verb_alias cli_verb_aliases[];

/** Finds a verb by its name or alias. Returns NULL with a usage error that names the verb which was
 * probably meant. */
const struct verb *cli_find_verb(const char *name, struct machine_error *error);

/**
 * Parses the options of a verb, in any position, including the options of the program. *argc and
 * *argv become the positional arguments, without the verb's name; a "--" ends the options and is
 * dropped. Returns 0, 1 if help or the version was requested and has been printed, or -EINVAL.
 */
int cli_parse(struct cli *cli, const struct verb *verb, void *data, int *argc, char ***argv,
              struct machine_error *error);

/** Like cli_parse() for the options before the verb; stops at the verb. */
int cli_parse_program(struct cli *cli, int *argc, char ***argv, struct machine_error *error);

/** Sets a usage error with a hint at --help. Returns -EINVAL. */
int cli_usage_error(const struct verb *verb, struct machine_error *error, const char *format, ...)
        _printf_(3, 4);

/** Prints the version of the program. */
void cli_print_version(void);

/** Prints the help of the program: the everyday verbs, or all verbs and options; or that of one
 * verb. */
void cli_print_help(void);
void cli_print_all_help(void);
void cli_print_verb_help(const struct verb *verb);

#endif
