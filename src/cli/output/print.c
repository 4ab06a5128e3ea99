/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"

/* JSON does not require escapes of DEL and the C1 control characters, which terminals obey. They
 * occur only in strings, where an escape means the same. */
static void print_json_text(const char *text)
{
        for (; *text; text++) {
                const unsigned char *s = (const unsigned char *)text;

                if (*s == 0x7f) {
                        fputs("\\u007f", stdout);
                } else if (*s == 0xc2 && s[1] < 0xa0) {
                        printf("\\u%04x", s[1]);
                        text++;
                } else {
                        putchar(*s);
                }
        }
}

int cli_print_json(const struct cli *cli, json_t *value, struct machine_error *error)
{
        _cleanup_json_ json_t *owned = value;
        _cleanup_free_ char *text = NULL;
        size_t flags = cli->json == CLI_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;

        if (!owned) {
                return error_oom(error);
        }
        text = json_dumps(owned, flags | JSON_ENCODE_ANY);
        if (!text) {
                return error_oom(error);
        }
        errno = 0;
        print_json_text(text);
        if (putchar('\n') == EOF) {
                return error_set(error, errno ? errno : EIO, "cannot write to standard output");
        }
        return 0;
}

char *cli_format_timestamp(uint64_t usec)
{
        time_t seconds = (time_t)(usec / USEC_PER_SEC);
        char text[64];
        struct tm parts;

        if (usec == 0 || !localtime_r(&seconds, &parts) ||
            strftime(text, sizeof text, "%a %Y-%m-%d %H:%M:%S %Z", &parts) == 0) {
                return NULL;
        }
        return strdup(text);
}
