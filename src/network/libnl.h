/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_LIBNL_H
#define NETWORK_LIBNL_H

/** Loads libnl-route-3 and libnl-3, once. 0, or -ELIBACC where they are missing. */
int libnl_load(void);

#endif
