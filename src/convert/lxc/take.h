/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_LXC_TAKE_H
#define CONVERT_LXC_TAKE_H

#include "convert/source.h"

#define LXC_LINKS_MAXIMUM 16

/** A link after the first. */
struct lxc_link {
        json_t *settings; /* an element of `networks`, or NULL: none of it was read */
        struct convert_place place;
        char *address; /* with its prefix */
        bool lost;     /* not on a bridge */
};

struct lxc {
        struct conversion *conversion;
        const struct convert_source *source;
        const char *file;                         /* for messages */
        size_t link;                              /* of the current setting, from 0 */
        size_t old_links;                         /* begun with lxc.network.type */
        struct lxc_link links[LXC_LINKS_MAXIMUM]; /* by number; the first is unused */
        bool networked;
        bool mapped;
        bool execute; /* lxc.execute.cmd: for lxc-execute, with an init of its own */
        bool profile_off;
        char **command;
        char *address; /* with its prefix */
        char *gateway;
        char *uid;
        char *gid;
};

struct lxc_row {
        const char *name;
        void (*take)(struct lxc *lxc, const struct lxc_row *row, const char *rest,
                     const char *value);
        const char *key;
        const char *text; /* why it is lost */
};

/* lxc.mount.entry, and rules of devices. */
void lxc_take_mount(struct lxc *lxc, const struct lxc_row *row, const char *rest,
                    const char *value);
void lxc_take_device_rule(struct lxc *lxc, const struct lxc_row *row, const char *rest,
                          const char *value);

/** The current link, which is not the first; and sets a key of it. Takes the value. */
struct lxc_link *lxc_link(struct lxc *lxc);
void lxc_set_link(struct lxc *lxc, const char *key, json_t *value);

/** Terminated by a row without a name. */
extern const struct lxc_row lxc_rows[];

#endif
