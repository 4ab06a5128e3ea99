/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/image_program.h"

#include "base/strings.h"

int cli_image_arguments(const struct cli *cli, char ***ret)
{
        static const char *const json[] = {
                [CLI_JSON_OFF] = "off", [CLI_JSON_SHORT] = "short", [CLI_JSON_PRETTY] = "pretty"
        };
        int r = strv_take(ret, string_format("--state-dir=%s", cli->directories.state));

        if (r == 0) {
                r = strv_take(ret, string_format("--json=%s", json[cli->json]));
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_ERROR) {
                r = strv_append(ret, "--quiet");
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_DEBUG) {
                r = strv_append(ret, "--debug");
        }
        if (r == 0 && !cli->legend) {
                r = strv_append(ret, "--no-legend");
        }
        if (r == 0 && cli->log.colour) {
                r = strv_append(ret, "--colour");
        }
        return r;
}
