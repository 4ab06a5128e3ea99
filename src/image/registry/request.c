/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/registry/request.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/strings.h"

#define ERROR_BODY_MAX (1U << 20)

struct endpoint *request_endpoint(const struct transfer *transfer)
{
        return &transfer->registry->endpoints[transfer->endpoint];
}

void request_forget_answer(struct transfer *transfer)
{
        free(transfer->body);
        free(transfer->content_type);
        free(transfer->digest);
        free(transfer->location);
        free(transfer->link);
        free(transfer->range);
        free(transfer->encoding);
        strv_free(transfer->challenges);
        transfer->body = transfer->content_type = transfer->digest = NULL;
        transfer->location = transfer->link = transfer->range = transfer->encoding = NULL;
        transfer->challenges = NULL;
        transfer->body_length = 0;
        transfer->status = 0;
        transfer->started = false;
}

void request_stop(struct transfer *transfer)
{
        if (transfer->easy) {
                if (transfer->running) {
                        (void)curl_multi_remove_handle(transfer->registry->multi, transfer->easy);
                }
                curl_easy_cleanup(transfer->easy);
        }
        curl_slist_free_all(transfer->headers);
        transfer->easy = NULL;
        transfer->headers = NULL;
        transfer->running = false;
}

/* ---- The server's answer ---- */

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
        struct transfer *transfer = user;
        const struct {
                const char *name;
                char **place;
        } places[] = {
                { "content-type", &transfer->content_type },
                { "docker-content-digest", &transfer->digest },
                { "location", &transfer->location },
                { "link", &transfer->link },
                { "content-range", &transfer->range },
                { "content-encoding", &transfer->encoding },
        };
        size_t length = size * count;
        _cleanup_free_ char *line = strndup(data, length);
        char *value;

        if (!line) {
                return 0;
        }
        if (string_after(line, "HTTP/")) {
                request_forget_answer(transfer);
                return length;
        }
        value = strchr(line, ':');
        if (!value) {
                return length;
        }
        *value++ = '\0';
        value += strspn(value, " \t");
        for (size_t end = strlen(value); end > 0 && strchr(" \t\r\n", value[end - 1]); end--) {
                value[end - 1] = '\0';
        }
        if (strcasecmp(line, "www-authenticate") == 0 && strv_length(transfer->challenges) < 8 &&
            strv_append(&transfer->challenges, value) < 0) {
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
                if (strcasecmp(line, places[i].name) == 0 &&
                    string_replace(places[i].place, value) < 0) {
                        return 0;
                }
        }
        return length;
}

static int keep_body(struct transfer *transfer, const char *data, size_t length, size_t maximum)
{
        char *grown;

        if (length > maximum - transfer->body_length) {
                return error_say(&transfer->error, EFBIG, "the answer is longer than %zu bytes",
                                 maximum);
        }
        grown = realloc(transfer->body, transfer->body_length + length + 1);
        if (!grown) {
                return error_oom(&transfer->error);
        }
        memcpy(grown + transfer->body_length, data, length);
        transfer->body = grown;
        transfer->body_length += length;
        grown[transfer->body_length] = '\0';
        return 0;
}

/* Checks from the first bytes of a wanted body that it is the requested range. */
static int begin_body(struct transfer *transfer)
{
        char expected[64];

        transfer->started = true;
        if (transfer->range_from == 0) {
                return transfer->status == 206 &&
                                       !string_after(transfer->range ? transfer->range : "",
                                                     "bytes 0-")
                               ? -ERANGE
                               : 0;
        }
        if (transfer->status == 200) {
                return transfer->restart ? transfer->restart(transfer) : -ERANGE;
        }
        (void)snprintf(expected, sizeof expected, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       transfer->range_from, transfer->total - 1, transfer->total);
        return string_equal(transfer->range, expected) ? 0 : -ERANGE;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
        struct transfer *transfer = user;
        size_t length = size * count;
        int r = 0;

        if (!transfer->status) {
                (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->status);
        }
        if (transfer->status / 100 != 2 || !transfer->write) {
                bool wanted = transfer->status / 100 == 2;

                r = keep_body(transfer, data, length, wanted ? transfer->body_max : ERROR_BODY_MAX);
        } else {
                if (!transfer->started) {
                        r = begin_body(transfer);
                }
                if (r == 0) {
                        r = transfer->write(transfer, data, length);
                }
        }
        if (r < 0) {
                transfer->result = r;
                return 0;
        }
        return length;
}

static size_t on_upload(char *data, size_t size, size_t count, void *user)
{
        struct transfer *transfer = user;
        ssize_t n;

        do {
                n = read(transfer->upload_fd, data, size * count);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

/* ---- The request ---- */

static int append_header(struct transfer *transfer, const char *line)
{
        struct curl_slist *grown = line ? curl_slist_append(transfer->headers, line) : NULL;

        if (!grown) {
                return -ENOMEM;
        }
        transfer->headers = grown;
        return 0;
}

static int set_headers(struct transfer *transfer)
{
        const struct endpoint *endpoint = request_endpoint(transfer);
        _cleanup_free_ char *accept = NULL, *range = NULL, *type = NULL;
        int r = 0;

        if (transfer->accept) {
                accept = string_format("Accept: %s", transfer->accept);
                r = append_header(transfer, accept);
        }
        /* libcurl would decode an encoding that it requests itself, but blobs must arrive
         * unchanged. */
        if (r == 0 && !transfer->decode) {
                r = append_header(transfer, "Accept-Encoding: identity");
        }
        if (r == 0 && transfer->range_from > 0 && !transfer->decode) {
                range = string_format("Range: bytes=%" PRIu64 "-", transfer->range_from);
                r = append_header(transfer, range);
        }
        if (r == 0 && transfer->upload_type) {
                type = string_format("Content-Type: %s", transfer->upload_type);
                r = append_header(transfer, type);
        }
        /* Only the server that asked for it may see it (CVE-2020-15157). */
        if (r == 0 && endpoint->authorization &&
            connection_same_origin(transfer->url, endpoint->base)) {
                r = append_header(transfer, endpoint->authorization);
        }
        return r;
}

static int set_upload(struct transfer *transfer)
{
        CURL *easy = transfer->easy;

        if (transfer->method && strcmp(transfer->method, "HEAD") == 0) {
                return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK ? 0 : -ENOMEM;
        }
        if (transfer->method &&
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->method) != CURLE_OK) {
                return -ENOMEM;
        }
        if (transfer->upload_fd >= 0) {
                if (lseek(transfer->upload_fd, 0, SEEK_SET) < 0) {
                        return -errno;
                }
                return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
                                       curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload) ==
                                               CURLE_OK &&
                                       curl_easy_setopt(easy, CURLOPT_READDATA, transfer) ==
                                               CURLE_OK &&
                                       curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                                                        (curl_off_t)transfer->upload_length) ==
                                               CURLE_OK
                               ? 0
                               : -ENOMEM;
        }
        if (transfer->upload_text) {
                return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                        (curl_off_t)strlen(transfer->upload_text)) == CURLE_OK &&
                                       curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                                                        transfer->upload_text) == CURLE_OK
                               ? 0
                               : -ENOMEM;
        }
        return 0;
}

int request_send(struct transfer *transfer)
{
        int r;

        request_stop(transfer);
        request_forget_answer(transfer);
        transfer->result = 0;
        transfer->not_before = 0;
        transfer->tokens = request_endpoint(transfer)->tokens;
        transfer->easy = curl_easy_init();
        if (!transfer->easy) {
                return error_oom(&transfer->error);
        }
        r = connection_set_up(transfer->easy, transfer->url, request_endpoint(transfer)->host,
                              &transfer->error);
        if (r < 0) {
                return r;
        }
        if (set_headers(transfer) < 0 || set_upload(transfer) < 0 ||
            curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) != CURLE_OK ||
            curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
            curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer) != CURLE_OK ||
            curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
            curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer) != CURLE_OK ||
            curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
            (transfer->decode &&
             curl_easy_setopt(transfer->easy, CURLOPT_ACCEPT_ENCODING, "identity") != CURLE_OK) ||
            curl_multi_add_handle(transfer->registry->multi, transfer->easy) != CURLM_OK) {
                return error_oom(&transfer->error);
        }
        transfer->running = true;
        return 0;
}
