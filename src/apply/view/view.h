/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_VIEW_VIEW_H
#define APPLY_VIEW_VIEW_H

#include <machine/network.h>

#include "config/check/definition.h"
#include "config/config.h"
#include "config/host.h"

/** A tree as one host sees it: the machines that belong on it, checked, and the networks. */
struct view {
        char *tree;         /* absolute path */
        char *search_path;  /* the usual directories, then those of the tree */
        char **directories; /* the same, separated */
        struct config_host host;
        struct config_definition **definitions; /* sorted by name */
        size_t count;
        struct network_definition **networks;
        size_t network_count;
        struct diagnostics diagnostics;
        char **elsewhere; /* names of machines that belong on other hosts */
};

struct view_options {
        const char *tree;
        char *const *config_path; /* directories of definitions; that of stored trees is left out */
        const char *host;         /* NULL: this one */
        bool trust_required;
        bool strict; /* warnings are errors */
};

/**
 * Reads and checks everything in the tree that belongs on a host. Errors in definitions go to
 * view->diagnostics and are no failure. Returns 0 or -errno with error set; the caller frees *ret
 * with view_free().
 */
int view_load(const struct view_options *options, struct view **ret, struct machine_error *error);

void view_free(struct view *view);

DEFINE_CLEANUP(struct view *, view_free, cleanup_view)
#define _cleanup_view_ _cleanup_(cleanup_view)

/** Checks one machine against this host: users, ids, and who can change files that it names. Only
 * machines that are to start need it. Findings go to view->diagnostics. 0 or -ENOMEM. */
int view_check_on_host(struct view *view, const char *name);

/** Lets findings name files of the tree as the user knows them: below `shown`, or with NULL
 * relative to the tree. Returns 0 or -ENOMEM. */
int view_name_files(struct view *view, const char *shown);

/** The definition of a machine, or NULL. */
struct config_definition *view_find(const struct view *view, const char *name);

/** The network of that name in the tree, or NULL. */
const struct network_definition *view_find_network(const struct view *view, const char *name);

/** Loads the machine of a name again, for a start. Returns 0 or -errno with error set; the caller
 * frees *ret. */
int view_load_machine(const struct view *view, const char *name, struct machine **ret,
                      struct machine_error *error);

/** The names of the hosts that have a directory in a tree, sorted. The caller frees *ret. */
int view_hosts(const char *tree, char ***ret, struct machine_error *error);

#endif
