/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_NAMES_H
#define ROOTFS_NAMES_H

#include <stdbool.h>

#include <machine/machine.h>

/* The texts of the files by which a machine resolves names. */

/**
 * /etc/resolv.conf. The servers are those given, or where none are those of `host`, the text of
 * the host's own file; without keep_local, servers at addresses of the loopback are left out: in
 * another network namespace nothing answers there. Search domains are those given, or the host's;
 * the host's options stay. *ret_servers tells how many servers it names. NULL when memory is
 * short. The caller frees it.
 */
char *names_resolver(char *const *servers, char *const *search, const char *host, bool keep_local,
                     unsigned int *ret_servers);

#endif
