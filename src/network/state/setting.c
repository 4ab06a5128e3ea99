/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"

static void make_path(sa_family_t family, const char *interface, const char *key,
                      char path[static PATH_MAX])
{
        (void)snprintf(path, PATH_MAX, "/proc/sys/net/%s/conf/%s/%s",
                       family == AF_INET ? "ipv4" : "ipv6", interface, key);
}

int setting_read(sa_family_t family, const char *interface, const char *key, int *ret)
{
        char path[PATH_MAX];
        _cleanup_free_ char *text = NULL;
        int r;

        make_path(family, interface, key, path);
        r = file_read(AT_FDCWD, path, 32, &text, NULL);
        if (r < 0) {
                return r;
        }
        *ret = atoi(text);
        return 0;
}

int setting_write(sa_family_t family, const char *interface, const char *key, int value)
{
        char path[PATH_MAX];
        char text[16];
        int present;
        int r = setting_read(family, interface, key, &present);

        /* A write without a change can have side effects: ip_forward resets every interface. */
        if (r < 0 || present == value) {
                return r;
        }
        make_path(family, interface, key, path);
        (void)snprintf(text, sizeof(text), "%d", value);
        return file_write_value(AT_FDCWD, path, text);
}

bool setting_has_ipv6(void)
{
        int all;
        int fresh;

        return setting_read(AF_INET6, "all", "disable_ipv6", &all) == 0 && all == 0 &&
               setting_read(AF_INET6, "default", "disable_ipv6", &fresh) == 0 && fresh == 0;
}
