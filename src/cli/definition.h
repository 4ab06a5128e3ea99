/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_DEFINITION_H
#define CLI_DEFINITION_H

#include <machine/machine.h>

#include "cli/cli.h"
#include "config/config.h"
#include "state/record.h"

/** What verbs that read a definition take from the command line: settings that go over the file. */
struct cli_settings {
        struct config_setting *items;
        size_t count;
};

/** Takes the value of an option that is a setting; data points to a struct that begins with a
 * struct cli_settings. */
int cli_take_setting(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error);

/** The options of every verb that reads a definition; for the tables of verbs. */
#define CLI_SETTING_OPTIONS                                                              \
        { 0, "set", "KEY=VALUE", "set any key of the definition", cli_take_setting },    \
                { 0, "name", "NAME", "the machine's name", cli_take_setting },           \
                { 0, "rootfs", "DIR", "a directory as root", cli_take_setting },         \
                { 0, "image", "REF", "an image as root", cli_take_setting },             \
                { 0, "memory", "SIZE", "limit of memory", cli_take_setting },            \
                { 0, "cpu", "SHARE", "limit of CPU time: 50%, 2.5", cli_take_setting },  \
                { 'p', "port", "PORT", "publish a port: 8080:80", cli_take_setting },    \
                { 0, "mount", "SRC:DST", "mount a path of the host: SRC:DST[:ro]",       \
                  cli_take_setting },                                                    \
        {                                                                                \
                'e', "env", "K=V", "set a variable of the environment", cli_take_setting \
        }

/** Whether the settings give the root of a machine, which then needs no definition. */
bool cli_settings_have_root(const struct cli_settings *settings);

/** Prints the name of a machine whose name was made up: later verbs take it. */
void cli_print_made_name(const struct machine *machine);

/**
 * Loads the definition that a verb names, prints what was found wrong with it, and says the error.
 * name is NULL for a machine that is made of settings alone. 0 or -errno; the caller frees *ret.
 */
int cli_load_definition(struct cli *cli, const char *name, const struct cli_settings *settings,
                        struct machine **ret, struct machine_error *error);

/** How the definition of a machine compares with what the machine was started with. */
enum cli_drift {
        CLI_DRIFT_NONE,
        CLI_DRIFT_CHANGED,
        CLI_DRIFT_UNKNOWN, /* the start is not known, or there is no definition that could be read
                            */
};

/** Compares them by the digest on record, without a word. */
enum cli_drift cli_definition_drift(const struct cli *cli, const struct machine_record *record);

/** Refuses a machine that has nothing to run. */
int cli_check_startable(const struct machine *machine, struct machine_error *error);

/** The same for settings alone, config_load_settings(). */
int cli_load_settings(struct cli *cli, const struct cli_settings *settings, struct machine **ret,
                      struct machine_error *error);

#endif
