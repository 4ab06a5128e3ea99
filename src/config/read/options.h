/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_OPTIONS_H
#define CONFIG_READ_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** One setting of the command line: option "set" with "KEY=VALUE", or a shorthand with its value.
 */
struct config_setting {
        const char *option; /* without dashes: "set", "memory", .. */
        const char *value;
};

/** The owners whose files a definition may consist of, see base/rights/trust.h. */
struct config_trust {
        bool required; /* a machine is started from it: a file that others could change is an error
                        */
        uid_t owner;   /* whose files are trusted in addition to root's, 0 for none */
};

struct config_options {
        /* Directories of definitions, separated by colons. NULL: $MACHINECTL_LITE_CONFIG_PATH, or
         * the built-in ones. */
        const char *search_path;
        const struct config_setting
                *settings; /* the last layer, in the order of the command line */
        size_t setting_count;
        bool standard_input; /* the name "-" may read the definition from standard input */
        struct config_trust trust;
        const char *edited;   /* an edited copy of the definition's file, beside it, that is read
                               * instead;   NULL: none */
        const char *instance; /* stands for the instance if a template itself is read, to check it;
                               * NULL: that is an error */
        bool unlocked;        /* images as the definition names them, whatever machines.lock says */
};

#endif
