/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_OPTIONS_H
#define SUPERVISE_LIFE_OPTIONS_H

#include "launch/launch.h"

/** Options of the supervisor of a machine in the background. Borrowed while it runs. */
struct supervisor_options {
        struct launch_directories directories;
        const char *log_directory;
        const struct log *log;
        struct process_title title; /* see struct launch_options */
        const char *unit;           /* the unit whose main process this is, or NULL */
        const struct launch_restore
                *restore; /* processes that its first run makes again, or NULL */
        int report;       /* socket for reporting readiness or failure (launch/init/message.h), or
                           * -EBADF */
};

#endif
