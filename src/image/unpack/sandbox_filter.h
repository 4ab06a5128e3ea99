/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_SANDBOX_FILTER_H
#define IMAGE_UNPACK_SANDBOX_FILTER_H

/** Limits the calling process and its future threads to the system calls of unpacking. Any other
 * kills it. Returns 0 or -errno. */
int sandbox_filter(void);

#endif
