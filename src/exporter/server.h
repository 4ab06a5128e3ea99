/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_SERVER_H
#define EXPORTER_SERVER_H

#include <stdint.h>

#include "base/log.h"
#include "exporter/listen.h"

struct server_settings {
        const char *runtime; /* directory */
        uint64_t idle;       /* microseconds without a request after which it ends, or
                              * USEC_INFINITY */
        const struct log *log;
};

/** Answers requests until SIGTERM or SIGINT, or until it was idle for long enough. Returns 0 or
 * -errno with error set. */
int server_run(const struct server_settings *settings, const struct listeners *listeners,
               struct machine_error *error);

#endif
