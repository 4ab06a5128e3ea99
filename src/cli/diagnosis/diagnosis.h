/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_DIAGNOSIS_DIAGNOSIS_H
#define CLI_DIAGNOSIS_DIAGNOSIS_H

#include "cli/common/cli.h"

/** The result of a check, from best to worst. */
enum diagnosis_result {
        DIAGNOSIS_GOOD,
        DIAGNOSIS_WARNING, /* only some machines are affected */
        DIAGNOSIS_BAD,     /* machines with default settings do not work */
};

/** The finding of one check. */
struct diagnosis {
        enum diagnosis_result result;
        char *found;   /* a sentence without a full stop */
        char *way_out; /* the remedy, or NULL for DIAGNOSIS_GOOD */
};

/** Sets the result and the finding. Returns 0 or -ENOMEM. */
int diagnosis_say(struct diagnosis *diagnosis, enum diagnosis_result result, const char *format,
                  ...) _printf_(3, 4);

/** Sets the remedy. Returns 0 or -ENOMEM. */
int diagnosis_way_out(struct diagnosis *diagnosis, const char *format, ...) _printf_(2, 3);

/** Takes the finding and the remedy from an error, which must be set. Returns 0 or -ENOMEM. */
int diagnosis_of_error(struct diagnosis *diagnosis, enum diagnosis_result result,
                       const struct machine_error *error);

/** Frees and empties a diagnosis. */
void diagnosis_clear(struct diagnosis *diagnosis);

#define _cleanup_diagnosis_ _cleanup_(diagnosis_clear)

/** A check of the host, which it must not change. Returns 0 or -ENOMEM. */
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
int examine_disk_images(const struct cli *cli, struct diagnosis *ret);
int examine_verified_images(const struct cli *cli, struct diagnosis *ret);
int examine_checkpoints(const struct cli *cli, struct diagnosis *ret);
int examine_nftables(const struct cli *cli, struct diagnosis *ret);
int examine_forwarding(const struct cli *cli, struct diagnosis *ret);
int examine_forwarding_ipv6(const struct cli *cli, struct diagnosis *ret);
int examine_firewall(const struct cli *cli, struct diagnosis *ret);
int examine_systemd(const struct cli *cli, struct diagnosis *ret);
int examine_id_ranges(const struct cli *cli, struct diagnosis *ret);
int examine_mapped_mounts(const struct cli *cli, struct diagnosis *ret);
int examine_space(const struct cli *cli, struct diagnosis *ret);
int examine_signatures(const struct cli *cli, struct diagnosis *ret);

/* The same for a user who is not root. */
int examine_own_user_namespace(const struct cli *cli, struct diagnosis *ret);
int examine_subordinate_ids(const struct cli *cli, struct diagnosis *ret);
int examine_own_machines(const struct cli *cli, struct diagnosis *ret);
int examine_own_overlay(const struct cli *cli, struct diagnosis *ret);
int examine_own_directories(const struct cli *cli, struct diagnosis *ret);
int examine_own_network(const struct cli *cli, struct diagnosis *ret);
int examine_own_ports(const struct cli *cli, struct diagnosis *ret);
int examine_network_program(const struct cli *cli, struct diagnosis *ret);
int examine_ping(const struct cli *cli, struct diagnosis *ret);
int examine_low_ports(const struct cli *cli, struct diagnosis *ret);
int examine_own_manager(const struct cli *cli, struct diagnosis *ret);
int examine_linger(const struct cli *cli, struct diagnosis *ret);
int examine_delegation(const struct cli *cli, struct diagnosis *ret);

/** The closest existing parent of a directory that may not exist yet. The caller frees it; NULL if
 * out of memory. */
char *diagnosis_existing_part(const char *directory);

int examine_definitions(const struct cli *cli, struct diagnosis *ret);

#endif
