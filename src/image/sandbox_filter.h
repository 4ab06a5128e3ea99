/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_SANDBOX_FILTER_H
#define IMAGE_SANDBOX_FILTER_H

/** Allows the system calls of unpacking, for the calling process and the threads that it makes from
 *  now on. Any other kills it. 0 or -errno. */
int sandbox_filter(void);

#endif
