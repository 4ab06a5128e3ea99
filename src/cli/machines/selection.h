/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_SELECTION_H
#define CLI_MACHINES_SELECTION_H

#include "cli/common/cli.h"
#include "state/store.h"

#define CLI_LABELS_MAXIMUM 16

/** The machines that --all, patterns and labels choose from. */
enum cli_candidates {
        CLI_LIVE,  /* those that are starting, running, paused or stopping */
        CLI_KNOWN, /* those that have a record, including stopped ones */
};

/** The machines that a verb acts on, besides those named on the command line. */
struct cli_selection {
        enum cli_candidates candidates;
        bool all;
        /* "NAME=VALUE", "NAME=PATTERN" or "NAME", from the command line: a machine must have all of
         * them. Ends with NULL. */
        const char *labels[CLI_LABELS_MAXIMUM + 1];
};

/** Adds to the labels at option->flag of data. */
int cli_take_label(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error);

/** The option --label of a verb, with the place of the labels in its options. */
#define CLI_LABEL_OPTION(type, member)                                                         \
        {                                                                                      \
                'l', "label", "NAME[=VALUE]", "only machines with this label", cli_take_label, \
                        offsetof(type, member)                                                 \
        }

/** Whether a machine with these labels has all of the wanted ones. */
bool cli_labels_match(char *const *labels, const char *const *wanted);

/** Whether a name has characters of a pattern, see glob(7). */
bool cli_is_pattern(const char *name);

/** Adds each candidate that matches a pattern and is not among the names yet. `what` they are is
 * for the error of a pattern that nothing matches. 0, or -errno with error set; -ENOENT for that.
 */
int cli_add_matches(char *const *candidates, const char *pattern, const char *what, char ***names,
                    struct machine_error *error);

/** Fails with a usage error if a command line names no machine in any way, or --all and others. */
int cli_check_selection(const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, struct machine_error *error);

/**
 * Lists the names of the chosen machines: those named, those that match a pattern among the
 * arguments, or with --all or only --label all candidates; --label leaves out the others. Returns 0
 * or -errno; -ENOENT, of kind NO_INPUT, for a pattern that nothing matches. The caller frees *ret,
 * which is NULL if there are none.
 */
int cli_select_machines(const struct cli *cli, const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, const struct state_store *store,
                        char ***ret, struct machine_error *error);

/** Opens the store, which the caller closes in any case, and does the same. */
int cli_choose_machines(const struct cli *cli, const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, struct state_store *store,
                        char ***ret, struct machine_error *error);

/**
 * Calls act for each chosen machine. Failures are printed and do not stop the loop; returns 0, or
 * -errno with the last error set.
 */
int cli_for_each_machine(struct cli *cli, const struct verb *verb, char *const *arguments,
                         const struct cli_selection *selection,
                         int (*act)(struct cli *cli, const struct state_store *store,
                                    const char *name, void *data, struct machine_error *error),
                         void *data, struct machine_error *error);

#endif
