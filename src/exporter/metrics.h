/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_METRICS_H
#define EXPORTER_METRICS_H

#include <stdio.h>

#include "exporter/figures.h"

enum metrics_format {
        METRICS_PROMETHEUS, /* the text format 0.0.4, which the textfile collector reads as well */
        METRICS_OPENMETRICS,
};

/** The media type of a format. */
extern const char *const metrics_media_types[];

/** Writes the figures. Errors of the stream are left to the caller; -ENOMEM otherwise. */
int metrics_write(FILE *out, const struct figures *figures, enum metrics_format format);

#endif
