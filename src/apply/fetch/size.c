/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/fetch/size.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/quantity.h"

/* What is fetched lies in memory until it is stored: its file system is that of the whole host's
 * runtime state. */
#define SIZE_MAXIMUM (UINT64_C(512) << 20)

uint64_t fetched_size_maximum(const struct fetched *fetched)
{
        struct statvfs status;
        uint64_t room;

        if (statvfs(fetched->temporary, &status) < 0) {
                return SIZE_MAXIMUM;
        }
        /* The archive is there beside its files. */
        room = (uint64_t)status.f_bavail * status.f_frsize / 3;
        return room < SIZE_MAXIMUM ? room + 1 : SIZE_MAXIMUM;
}

int fetched_explain(int r, uint64_t maximum, struct machine_error *error)
{
        char text[16];

        if (!error || !error->message ||
            (!strstr(error->message, "File too large") && !strstr(error->message, "No space"))) {
                return r;
        }
        quantity_format_size(maximum, text);
        error_hint(error,
                   "at most %s is fetched, a third of the room in the runtime directory or 512M: "
                   "keep large files out of the tree, or make room",
                   text);
        return r;
}
