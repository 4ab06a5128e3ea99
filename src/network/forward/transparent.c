/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/forward/transparent.h"

#include <errno.h>
#include <netinet/in.h>

int transparent_open(sa_family_t family, int type)
{
        _cleanup_close_ int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1;

        return fd < 0 || setsockopt(fd, family == AF_INET ? SOL_IP : SOL_IPV6,
                                    family == AF_INET ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on,
                                    sizeof(on)) < 0
                       ? -errno
                       : TAKE_FD(fd);
}

int transparent_check(struct machine_error *error)
{
        static const sa_family_t families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < ELEMENTS_OF(families); i++) {
                _cleanup_close_ int fd = transparent_open(families[i], SOCK_STREAM);

                if (fd < 0 && fd != -EAFNOSUPPORT) {
                        error_set(error, fd,
                                  "cannot open a socket with the address of a caller "
                                  "(IP_TRANSPARENT), which published ports need");
                        error_hint(error, "a seccomp filter or security module of the host or of "
                                          "its container denies it; or use network mode \"host\"");
                        return fd;
                }
        }
        return 0;
}
