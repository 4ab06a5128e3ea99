/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_ANSWER_H
#define EXPORTER_ANSWER_H

#include <microhttpd.h>

#include "base/log.h"
#include "exporter/figures.h"

/** What requests are answered from. */
struct answers {
        const char *runtime; /* directory */
        const struct log *log;
        struct figures figures; /* kept for a moment, so that many requests cost little */
};

/** Answers a request. MHD_NO only if out of memory: then the connection is closed. */
enum MHD_Result answer(struct answers *answers, struct MHD_Connection *connection, const char *path,
                       const char *method);

#endif
