/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/accept.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Media types, and what they ask for. */
static const struct {
        const char *type;
        enum metrics_format format;
} types[] = {
        { "application/openmetrics-text", METRICS_OPENMETRICS },
        { "text/plain", METRICS_PROMETHEUS },
        { "text/*", METRICS_PROMETHEUS },
        { "*/*", METRICS_PROMETHEUS },
};

/* "0.75" in thousandths; 1000 if there is none. */
static int weight_of(const char *range, size_t length)
{
        for (size_t i = 0; i + 2 < length; i++) {
                const char *at = range + i;
                int weight = 0, unit = 1000;

                if (*at != ';') {
                        continue;
                }
                do {
                        at++;
                } while (*at == ' ' || *at == '\t');
                if (strncasecmp(at, "q=", 2) != 0) {
                        continue;
                }
                for (at += 2; at < range + length && unit > 0; at++) {
                        if (isdigit((unsigned char)*at)) {
                                weight += (*at - '0') * unit;
                                unit /= 10;
                        } else if (*at != '.') {
                                break;
                        }
                }
                return weight < 1000 ? weight : 1000;
        }
        return 1000;
}

static void consider(const char *range, size_t length, int best[static 2])
{
        size_t type = strcspn(range, ";, \t");

        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
                if (type == strlen(types[i].type) && strncasecmp(range, types[i].type, type) == 0) {
                        int weight = weight_of(range, length);

                        best[types[i].format] =
                                weight > best[types[i].format] ? weight : best[types[i].format];
                }
        }
}

enum metrics_format accept_format(const char *field)
{
        int best[] = { [METRICS_PROMETHEUS] = 0, [METRICS_OPENMETRICS] = 0 };

        while (field && *field) {
                size_t length;

                field += strspn(field, ", \t");
                length = strcspn(field, ",");
                consider(field, length, best);
                field += length;
        }
        return best[METRICS_OPENMETRICS] > 0 &&
                               best[METRICS_OPENMETRICS] >= best[METRICS_PROMETHEUS]
                       ? METRICS_OPENMETRICS
                       : METRICS_PROMETHEUS;
}
