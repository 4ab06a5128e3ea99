/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_DEFINITION_H
#define CLI_MACHINES_DEFINITION_H

#include <machine/machine.h>

#include "cli/common/cli.h"
#include "config/config.h"
#include "state/record.h"

/** Settings from the command line, which override the definition. */
struct cli_settings {
        struct config_setting *items;
        size_t count;
        uid_t trusted_owner; /* the user of --trust-owner, or 0 */
        bool force;          /* --force */
};

/** Parses an option that is a setting; data points to a struct whose first member is a
 * struct cli_settings. */
int cli_take_setting(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error);

/** The options common to verbs that read a definition. */
#define CLI_SETTING_OPTIONS                                                           \
        { 0, "set", "KEY=VALUE", "set a key of the definition", cli_take_setting },   \
                { 0, "name", "NAME", "the machine's name", cli_take_setting },        \
                { 0, "rootfs", "DIR", "use a directory as root", cli_take_setting },  \
                { 0, "image", "REF", "use an image as root", cli_take_setting },      \
                { 0, "memory", "SIZE", "limit memory", cli_take_setting },            \
                { 0, "cpu", "SHARE", "limit CPU time: 50%, 2.5", cli_take_setting },  \
                { 'p', "port", "PORT", "publish a port: 8080:80", cli_take_setting }, \
                { 0, "mount", "SRC:DST", "mount a path of the host: SRC:DST[:ro,..]", \
                  cli_take_setting },                                                 \
        {                                                                             \
                'e', "env", "K=V", "set an environment variable", cli_take_setting    \
        }

/** Parses --trust-owner; data as above. */
int cli_take_trust(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error);

#define CLI_TRUST_OPTION                                                                          \
        {                                                                                         \
                0, "trust-owner", NULL, "trust files owned by the caller of sudo", cli_take_trust \
        }

/** The same for --force, which allows what concerns the whole host. */
int cli_take_force(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error);

#define CLI_FORCE_OPTION                                                                        \
        {                                                                                       \
                'f', "force", NULL, "even if a changed block restarts the host", cli_take_force \
        }

/** Returns whether the settings include a root, so that no definition is needed. */
bool cli_settings_have_root(const struct cli_settings *settings);

/** Prints the name of a machine if it was generated. Returns 0 or -errno. */
int cli_print_made_name(const struct cli *cli, const struct machine *machine,
                        struct machine_error *error);

/**
 * Loads a definition and prints the findings about it. name is NULL for a machine that consists of
 * settings only. Returns 0 or -errno with error set; the caller frees *ret.
 */
int cli_load_definition(struct cli *cli, const char *name, const struct cli_settings *settings,
                        struct machine **ret, struct machine_error *error);

/** Like cli_load_definition() for a machine that is about to be started: fails if other users could
 * change one of its files, see base/rights/trust.h. */
int cli_load_to_start(struct cli *cli, const char *name, const struct cli_settings *settings,
                      struct machine **ret, struct machine_error *error);

/** Like cli_load_to_start() for one of several machines: the findings are added to those of the
 * others, for cli_print_findings(). */
int cli_load_among(struct cli *cli, const char *name, const struct cli_settings *settings,
                   struct diagnostics *findings, struct machine **ret, struct machine_error *error);

/** Prints findings to the log, before the error that sums them up. */
void cli_print_findings(const struct cli *cli, struct diagnostics *findings);

/** Loads a definition without printing findings, for verbs that do not depend on it. Returns NULL
 * if it does not exist or is invalid; the caller frees it. */
struct machine *cli_load_silently(const struct cli *cli, const char *name_or_path);

/** Whether the definition of a machine has changed since the machine was started. */
enum cli_drift {
        CLI_DRIFT_NONE,
        CLI_DRIFT_CHANGED,
        CLI_DRIFT_UNKNOWN, /* no digest on record, or the definition cannot be read */
};

/** Compares the definition with the digest on record. Prints nothing. */
enum cli_drift cli_definition_drift(const struct cli *cli, const struct machine_record *record);

/** Fails if the machine has no command to run. */
int cli_check_startable(const struct machine *machine, struct machine_error *error);

/** Fails if a changed block of a machine's image would end the whole host, unless --force allows
 * it. */
int cli_check_corruption(const struct machine *machine, const struct cli_settings *settings,
                         struct machine_error *error);

/** Like cli_load_definition() for settings only, with config_load_settings(). */
int cli_load_settings(struct cli *cli, const struct cli_settings *settings, struct machine **ret,
                      struct machine_error *error);

#endif
