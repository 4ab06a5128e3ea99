/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_DIAGNOSIS_H
#define CLI_DIAGNOSIS_H

#include "cli/cli.h"

/** How one thing of the host is, worse ones higher. */
enum diagnosis_result {
        DIAGNOSIS_GOOD,
        DIAGNOSIS_WARNING, /* something is missing that only some machines need */
        DIAGNOSIS_BAD,     /* machines cannot run, or not as they do without being told */
};

/** What was found about one thing. */
struct diagnosis {
        enum diagnosis_result result;
        char *found;   /* a sentence without a full stop */
        char *way_out; /* what to do about it, or NULL where all is good */
};

/** Fills the result and what was found. 0 or -ENOMEM. */
int diagnosis_say(struct diagnosis *diagnosis, enum diagnosis_result result, const char *format,
                  ...) _printf_(3, 4);

/** Adds the way out. 0 or -ENOMEM. */
int diagnosis_way_out(struct diagnosis *diagnosis, const char *format, ...) _printf_(2, 3);

/** Takes both from an error, which has to be filled. 0 or -ENOMEM. */
int diagnosis_of_error(struct diagnosis *diagnosis, enum diagnosis_result result,
                       const struct machine_error *error);

/** Frees what a diagnosis owns and makes it empty. */
void diagnosis_clear(struct diagnosis *diagnosis);

#define _cleanup_diagnosis_ _cleanup_(diagnosis_clear)

/** One thing that is looked at. Changes nothing on the host. Returns 0 or -ENOMEM. */
struct examination {
        const char *name; /* for scripts too */
        int (*examine)(const struct cli *cli, struct diagnosis *ret);
};

int examine_kernel(const struct cli *cli, struct diagnosis *ret);
int examine_cgroups(const struct cli *cli, struct diagnosis *ret);
int examine_controllers(const struct cli *cli, struct diagnosis *ret);
int examine_namespaces(const struct cli *cli, struct diagnosis *ret);
int examine_user_namespaces(const struct cli *cli, struct diagnosis *ret);
int examine_apparmor(const struct cli *cli, struct diagnosis *ret);
int examine_nftables(const struct cli *cli, struct diagnosis *ret);
int examine_forwarding(const struct cli *cli, struct diagnosis *ret);
int examine_forwarding_ipv6(const struct cli *cli, struct diagnosis *ret);
int examine_firewall(const struct cli *cli, struct diagnosis *ret);
int examine_systemd(const struct cli *cli, struct diagnosis *ret);
int examine_id_ranges(const struct cli *cli, struct diagnosis *ret);
int examine_mapped_mounts(const struct cli *cli, struct diagnosis *ret);
int examine_space(const struct cli *cli, struct diagnosis *ret);

#endif
