/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "criu/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/tool/tool.h"
#include "criu/criu.h"

char *criu_path(void)
{
        static const struct tool tool = { "criu", "criu" };
        const char *given = secure_getenv("MACHINECTL_LITE_CRIU");

        if (given && given[0] == '/') {
                return access(given, X_OK) == 0 ? strdup(given) : NULL;
        }
        return tool_find(&tool);
}

int criu_missing(struct machine_error *error)
{
        error_say(error, ENOENT, "CRIU is not installed");
        error_hint(error, "install the package criu, version " CRIU_LEAST
                          " or later: it is in Debian 13 and in Ubuntu 25.04");
        return -ENOENT;
}
