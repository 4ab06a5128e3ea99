/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_LXC_TAKE_H
#define CONVERT_LXC_TAKE_H

#include "convert/source.h"

struct lxc {
        struct conversion *conversion;
        const struct convert_source *source;
        const char *file; /* for messages */
        size_t link;      /* of the current setting, from 0 */
        size_t old_links; /* begun with lxc.network.type */
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

/** Terminated by a row without a name. */
extern const struct lxc_row lxc_rows[];

#endif
