/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/disk.h"

#include <string.h>

#include "base/strings.h"

/* As in systemd: only the suffix ".raw" is replaced. */
char *disk_beside(const char *path, const char *suffix)
{
        size_t length = strlen(path);

        if (string_ends_with(path, ".raw")) {
                length -= strlen(".raw");
        }
        return string_format("%.*s%s", (int)length, path, suffix);
}
