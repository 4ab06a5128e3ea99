/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_PAGE_H
#define EXPORTER_PAGE_H

#include <stdio.h>

#include "exporter/figures.h"

/** Writes the figures as a page of HTML, for people. Errors of the stream are left to the caller;
 * -ENOMEM otherwise. */
int page_write(FILE *out, const struct figures *figures);

#endif
