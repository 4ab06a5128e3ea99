/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_KEYS_APPLY_H
#define CONFIG_KEYS_APPLY_H

#include <stdbool.h>
#include <stdint.h>

/** What the timer of `apply` applies. */
#define CONFIG_APPLY_FILE "/etc/machinectl-lite/apply.conf"

enum config_verify {
        CONFIG_VERIFY_NO,
        CONFIG_VERIFY_COMMIT,
        CONFIG_VERIFY_TAG,
};

enum config_prune {
        CONFIG_PRUNE_NO,
        CONFIG_PRUNE_YES,
        CONFIG_PRUNE_DATA,
};

/** The keys of the file, see machinectl-lite-apply(7). It owns its strings. */
struct config_apply {
        char *source;
        char *revision;
        enum config_verify verify;
        char *signers;
        char *key;
        bool submodules;
        enum config_prune prune;
        bool atomic;
        uint64_t interval; /* microseconds */
        uint64_t jitter;
};

#endif
