/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/answer.h"

#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "exporter/accept.h"
#include "exporter/metrics.h"
#include "exporter/page.h"

/* How old figures may be that a request is answered with. */
#define KEPT (200 * USEC_PER_MSEC)

#define PLAIN "text/plain; charset=utf-8"

/* Sends a text, which is freed in any case. The connection is closed afterwards: none stays open
 * for longer than a request takes. */
static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status,
                                 const char *type, char *text, size_t length)
{
        struct MHD_Response *response =
                MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
        const char *const fields[][2] = {
                { "Content-Type", type },
                { "Cache-Control", "no-store" },
                { "Connection", "close" },
                { "X-Content-Type-Options", "nosniff" },
                { "Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'" },
                { status == MHD_HTTP_METHOD_NOT_ALLOWED ? "Allow" : NULL, "GET, HEAD" },
        };
        enum MHD_Result done = MHD_YES;

        if (!response) {
                free(text);
                return MHD_NO;
        }
        for (size_t i = 0; i < ELEMENTS_OF(fields) && done == MHD_YES; i++) {
                done = fields[i][0] ? MHD_add_response_header(response, fields[i][0], fields[i][1])
                                    : MHD_YES;
        }
        if (done == MHD_YES) {
                done = MHD_queue_response(connection, status, response);
        }
        MHD_destroy_response(response);
        return done;
}

static enum MHD_Result send_words(struct MHD_Connection *connection, unsigned int status,
                                  const char *words)
{
        char *text = strdup(words);

        return text ? send_text(connection, status, PLAIN, text, strlen(text)) : MHD_NO;
}

/* Why there are no figures concerns the administrator, who has the log. */
static enum MHD_Result send_failure(struct answers *answers, struct MHD_Connection *connection,
                                    const struct machine_error *error)
{
        log_error(answers->log, error);
        return send_words(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                          "The figures cannot be read. The log of machinectl-lite-exporter has the "
                          "reason.\n");
}

static int write_metrics(FILE *out, const struct figures *figures, const char *accept)
{
        return metrics_write(out, figures, accept_format(accept));
}

static int write_page(FILE *out, const struct figures *figures, const char *accept)
{
        return page_write(out, figures);
}

static const char *metrics_type(const char *accept)
{
        return metrics_media_types[accept_format(accept)];
}

static const char *page_type(const char *accept)
{
        return "text/html; charset=utf-8";
}

static const struct route {
        const char *path;
        const char *(*type)(const char *accept);
        int (*write)(FILE *out, const struct figures *figures, const char *accept);
} routes[] = {
        { "/", page_type, write_page },
        { "/metrics", metrics_type, write_metrics },
};

static enum MHD_Result send_figures(struct answers *answers, struct MHD_Connection *connection,
                                    const struct route *route)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
        char *text = NULL;
        size_t length = 0;
        FILE *out;
        int r;

        if (figures_refresh(answers->runtime, KEPT, &answers->figures, &error) < 0) {
                return send_failure(answers, connection, &error);
        }
        out = open_memstream(&text, &length);
        if (!out) {
                return MHD_NO;
        }
        r = route->write(out, &answers->figures, accept);
        if (fclose(out) != 0 || r < 0) {
                free(text);
                return MHD_NO;
        }
        return send_text(connection, MHD_HTTP_OK, route->type(accept), text, length);
}

enum MHD_Result answer(struct answers *answers, struct MHD_Connection *connection, const char *path,
                       const char *method)
{
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
                return send_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                                  "Only GET and HEAD are answered.\n");
        }
        for (size_t i = 0; i < ELEMENTS_OF(routes); i++) {
                if (strcmp(path, routes[i].path) == 0) {
                        return send_figures(answers, connection, &routes[i]);
                }
        }
        return send_words(connection, MHD_HTTP_NOT_FOUND, "There are / and /metrics.\n");
}
