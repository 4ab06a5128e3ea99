/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_INSIDE_NAMES_H
#define ROOTFS_INSIDE_NAMES_H

#include <stdbool.h>

#include <machine/machine.h>

#include "rootfs/rootfs.h"

/* The contents of the files for name resolution in a machine. */

/** The inputs of a machine's /etc/resolv.conf. All are borrowed. */
struct names_source {
        char *const *servers; /* the definition's, or NULL: those of the host */
        char *const *search;  /* likewise */
        const char *host;     /* the text of the host's own file, or NULL */
        struct rootfs_reach reach;
};

/** The text, and the host's servers that are not in it. */
struct names_resolver {
        char *text;
        unsigned int servers; /* how many it names */
        char **left_out;      /* servers of the host's that the machine cannot reach */
};

/**
 * Makes the text of /etc/resolv.conf. Servers of the host that the machine cannot reach are left
 * out: those at a loopback address or at an address with a link name ("fe80::1%eth0"), which are
 * only valid in the host's network namespace, and those of a family in which the machine has no
 * address. The host's search domains are used unless the definition has some; its options are kept.
 * 0 or -ENOMEM; the caller clears *ret.
 */
int names_resolver(const struct names_source *source, struct names_resolver *ret);

/** Adds a server. 0 or -ENOMEM. */
int names_add(struct names_resolver *resolver, const char *server);

/** Adds public servers that the machine can reach, as Podman and Docker do. 0 or -ENOMEM. */
int names_add_public(const struct names_source *source, struct names_resolver *resolver);

void names_resolver_clear(struct names_resolver *resolver);

#define _cleanup_names_resolver_ _cleanup_(names_resolver_clear)

#endif
