/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_ACCEPT_H
#define EXPORTER_ACCEPT_H

#include "exporter/metrics.h"

/** The format that a client prefers, from its field Accept (RFC 9110), which may be NULL. What is
 * not understood is passed over. */
enum metrics_format accept_format(const char *field);

#endif
