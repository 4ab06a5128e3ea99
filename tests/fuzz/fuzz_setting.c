/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* Arbitrary settings of the command line: "OPTION VALUE" on each line. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SETTINGS 8

static size_t split(char *text, struct config_setting *settings)
{
        size_t n = 0;
        char *rest = text;

        for (char *line; n < SETTINGS && (line = strsep(&rest, "\n"));) {
                char *blank = strchr(line, ' ');

                if (!blank) {
                        continue;
                }
                *blank = '\0';
                settings[n++] = (struct config_setting){ line, blank + 1 };
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct config_setting settings[SETTINGS];
        struct config_options options = { .settings = settings };
        struct diagnostics diagnostics = { 0 };
        struct machine_error error = MACHINE_ERROR_INIT;
        struct machine *machine = NULL;
        char *text = malloc(size + 1), *findings;

        if (!text) {
                return 0;
        }
        memcpy(text, data, size);
        text[size] = '\0';
        options.setting_count = split(text, settings);
        if (config_load(NULL, &options, &diagnostics, &machine, &error) < 0 && !error.message) {
                abort();
        }
        findings = diagnostics_format(&diagnostics, false);
        free(findings);
        free(text);
        diagnostics_clear(&diagnostics);
        machine_error_clear(&error);
        machine_free(machine);
        return 0;
}
