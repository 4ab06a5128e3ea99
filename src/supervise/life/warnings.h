/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_WARNINGS_H
#define SUPERVISE_LIFE_WARNINGS_H

struct supervisor;

/* The warnings of a start in the background. They go to the log of the machine, and those of the
 * first start to the person who asked for it as well. */

/** Collects what a start warns of from here on. */
void warnings_begin(struct supervisor *supervisor);

/** Passes it on. Later warnings go to the log of the machine alone. */
void warnings_end(struct supervisor *supervisor);

#endif
