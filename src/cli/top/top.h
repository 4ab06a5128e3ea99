/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TOP_TOP_H
#define CLI_TOP_TOP_H

#include "cli/common/cli.h"
#include "cli/top/rows.h"

struct top_settings {
        struct arrangement arrangement;
        uint64_t interval; /* microseconds */
};

/** Shows the machines on the terminal until the user has had enough. Returns 0, or -errno with
 * error set; a signal that ends programs ends this one, when the terminal is as it was. */
int top_run(const struct cli *cli, const struct top_settings *settings,
            struct machine_error *error);

#endif
