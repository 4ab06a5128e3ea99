/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "image/registry.h"

#define REDIRECTS_MAX      10
#define ATTEMPTS_MAX       5
#define AUTHORIZATIONS_MAX 3
#define ERROR_BODY_MAX     (1U << 20)
#define RETRY_FIRST        (2 * USEC_PER_SEC)
#define RETRY_LAST         (60 * USEC_PER_SEC)
#define RETRY_AFTER_MAX    (600 * USEC_PER_SEC)

static void forget_answer(struct transfer *transfer)
{
        free(transfer->body);
        free(transfer->content_type);
        free(transfer->digest);
        free(transfer->location);
        free(transfer->range);
        strv_free(transfer->challenges);
        transfer->body = transfer->content_type = transfer->digest = NULL;
        transfer->location = transfer->range = NULL;
        transfer->challenges = NULL;
        transfer->body_length = 0;
        transfer->status = 0;
        transfer->started = false;
}

static void stop(struct transfer *transfer)
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

void transfer_clear(struct transfer *transfer)
{
        stop(transfer);
        forget_answer(transfer);
        free(transfer->path);
        free(transfer->url);
        machine_error_clear(&transfer->error);
        *transfer = (struct transfer)TRANSFER_INIT;
}

static void finish(struct transfer *transfer, int result)
{
        transfer->finished = true;
        transfer->result = result;
}

/* ---- What the server says ---- */

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
                { "content-range", &transfer->range },
        };
        size_t length = size * count;
        _cleanup_free_ char *line = strndup(data, length);
        char *value;

        if (!line) {
                return 0;
        }
        if (string_after(line, "HTTP/")) {
                forget_answer(transfer);
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

/* The first bytes of a wanted body: whether they are those that were asked for. */
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

/* ---- Asking ---- */

static struct endpoint *endpoint_of(const struct transfer *transfer)
{
        return &transfer->registry->endpoints[transfer->endpoint];
}

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
        const struct endpoint *endpoint = endpoint_of(transfer);
        _cleanup_free_ char *accept = NULL, *range = NULL, *type = NULL;
        int r = 0;

        if (transfer->accept) {
                accept = string_format("Accept: %s", transfer->accept);
                r = append_header(transfer, accept);
        }
        if (r == 0 && transfer->range_from > 0) {
                range = string_format("Range: bytes=%" PRIu64 "-", transfer->range_from);
                r = append_header(transfer, range);
        }
        if (r == 0 && transfer->upload_type) {
                type = string_format("Content-Type: %s", transfer->upload_type);
                r = append_header(transfer, type);
        }
        /* Only the server that asked for it gets to see it (CVE-2020-15157). */
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

static int send_request(struct transfer *transfer)
{
        int r;

        stop(transfer);
        forget_answer(transfer);
        transfer->result = 0;
        transfer->not_before = 0;
        transfer->tokens = endpoint_of(transfer)->tokens;
        transfer->easy = curl_easy_init();
        if (!transfer->easy) {
                return error_oom(&transfer->error);
        }
        r = connection_set_up(transfer->easy, transfer->url, endpoint_of(transfer)->host,
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
            curl_multi_add_handle(transfer->registry->multi, transfer->easy) != CURLM_OK) {
                return error_oom(&transfer->error);
        }
        transfer->running = true;
        return 0;
}

/* Once a server was asked with encryption, it does not lead to one that is asked without. */
static int check_encryption(struct transfer *transfer, const char *from, const char *to)
{
        return string_after(from, "https://") && !string_after(to, "https://")
                       ? error_say(&transfer->error, EPROTO,
                                   "%s leads to a server without encryption",
                                   endpoint_of(transfer)->base)
                       : 0;
}

/* The first address at an endpoint. */
static int begin_at_endpoint(struct transfer *transfer)
{
        const struct endpoint *endpoint = endpoint_of(transfer);
        int r;

        free(transfer->url);
        transfer->url = strstr(transfer->path, "://")
                                ? strdup(transfer->path)
                                : string_format("%s%s", endpoint->base, transfer->path);
        transfer->redirects = transfer->attempts = transfer->authorizations = 0;
        if (!transfer->url) {
                return error_oom(&transfer->error);
        }
        r = check_encryption(transfer, endpoint->base, transfer->url);
        return r < 0 ? r : send_request(transfer);
}

int transfer_start(struct transfer *transfer, struct registry *registry)
{
        int r;

        transfer->registry = registry;
        transfer->endpoint = 0;
        while (transfer->endpoint + 1 < registry->endpoint_count &&
               registry->endpoints[transfer->endpoint].failed) {
                transfer->endpoint++;
        }
        r = begin_at_endpoint(transfer);
        if (r < 0) {
                finish(transfer, r);
        }
        return r;
}

/* ---- What to do next ---- */

/* A mirror that cannot help is left for the next, in the end for the registry itself. */
static int next_endpoint(struct transfer *transfer, int r)
{
        while (transfer->endpoint + 1 < transfer->registry->endpoint_count) {
                endpoint_of(transfer)->failed = true;
                log_debug(transfer->registry->log, "mirror %s: %s", endpoint_of(transfer)->host,
                          transfer->error.message ? transfer->error.message : "no answer");
                machine_error_clear(&transfer->error);
                transfer->endpoint++;
                r = begin_at_endpoint(transfer);
                if (r == 0) {
                        return 0;
                }
        }
        finish(transfer, r);
        return 0;
}

static int try_later(struct transfer *transfer, uint64_t wait)
{
        if (++transfer->attempts >= ATTEMPTS_MAX || wait > RETRY_AFTER_MAX) {
                return next_endpoint(
                        transfer, error_is_set(&transfer->error) ? -transfer->error.number : -EIO);
        }
        log_debug(transfer->registry->log, "%s: %s; again in %" PRIu64 " ms", transfer->url,
                  transfer->error.message, wait / USEC_PER_MSEC);
        stop(transfer);
        transfer->not_before = log_now() + wait;
        return 0;
}

static uint64_t backoff(const struct transfer *transfer)
{
        uint64_t wait = RETRY_FIRST << transfer->attempts;

        return wait < RETRY_LAST ? wait : RETRY_LAST;
}

/* The reason that a registry's error document gives, fit for a terminal. */
static void describe_refusal(struct transfer *transfer)
{
        json_error_t problem;
        json_t *document = transfer->body
                                   ? json_loadb(transfer->body, transfer->body_length, 0, &problem)
                                   : NULL;
        const char *text = json_string_value(
                json_object_get(json_array_get(json_object_get(document, "errors"), 0), "message"));
        _cleanup_free_ char *printable = text ? string_printable(text) : NULL;
        int number = transfer->status == 404                              ? ENOENT
                     : transfer->status == 401 || transfer->status == 403 ? EACCES
                                                                          : EIO;

        error_say(&transfer->error, number, "%s%s answers %ld%s%.300s", endpoint_of(transfer)->base,
                  strstr(transfer->path, "://") ? "" : transfer->path, transfer->status,
                  printable ? ": " : "", printable ? printable : "");
        if (number == EACCES) {
                error_hint(&transfer->error,
                           "the image may not exist or may need a login: \"podman login %s\" or "
                           "\"docker login %s\" keeps one where this program finds it",
                           transfer->registry->domain, transfer->registry->domain);
        }
        if (number == ENOENT) {
                transfer->error.kind = MACHINE_ERROR_NO_INPUT;
        }
        json_decref(document);
}

static int redirect(struct transfer *transfer)
{
        _cleanup_free_ char *target =
                transfer->location ? connection_resolve(transfer->url, transfer->location) : NULL;
        int r;

        if (!target || ++transfer->redirects > REDIRECTS_MAX) {
                return next_endpoint(transfer, error_say(&transfer->error, EPROTO,
                                                         "%s redirects to nowhere, or in a circle",
                                                         transfer->url));
        }
        r = check_encryption(transfer, transfer->url, target);
        if (r < 0) {
                return next_endpoint(transfer, r);
        }
        free(transfer->url);
        transfer->url = TAKE_PTR(target);
        return send_request(transfer);
}

static int authorize(struct transfer *transfer)
{
        struct endpoint *endpoint = endpoint_of(transfer);
        int r = 0;

        if (++transfer->authorizations > AUTHORIZATIONS_MAX ||
            !connection_same_origin(transfer->url, endpoint->base)) {
                describe_refusal(transfer);
                return next_endpoint(transfer, -EACCES);
        }
        /* Another transfer may have got a token meanwhile. */
        if (transfer->tokens == endpoint->tokens) {
                if (transfer->authorizations > 2) {
                        describe_refusal(transfer);
                        return next_endpoint(transfer, -EACCES);
                }
                r = registry_authorize(transfer->registry, endpoint, transfer->challenges,
                                       &transfer->error);
        }
        return r < 0 ? next_endpoint(transfer, r) : send_request(transfer);
}

/* The server answered. */
static int answered(struct transfer *transfer)
{
        curl_off_t after = 0;
        long status = transfer->status;

        if (status / 100 == 2) {
                finish(transfer, 0);
                return 0;
        }
        if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) {
                return redirect(transfer);
        }
        if (status == 401) {
                return authorize(transfer);
        }
        describe_refusal(transfer);
        if (status == 416 && transfer->range_from > 0 && transfer->restart &&
            transfer->restart(transfer) == 0) {
                return send_request(transfer);
        }
        if (status == 429 || status / 100 == 5) {
                (void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &after);
                return try_later(transfer,
                                 after > 0 ? (uint64_t)after * USEC_PER_SEC : backoff(transfer));
        }
        return next_endpoint(transfer, -transfer->error.number);
}

/* The connection failed, or a callback ended it. */
static int broken(struct transfer *transfer, CURLcode code)
{
        int r = transfer->result;

        if (r == -ERANGE) {
                /* Not the bytes that were asked for: from the start, once more. */
                error_say(&transfer->error, EPROTO, "%s sent another range than it was asked for",
                          endpoint_of(transfer)->base);
                if (transfer->range_from > 0 && transfer->restart &&
                    transfer->restart(transfer) == 0) {
                        return try_later(transfer, 0);
                }
                return next_endpoint(transfer, -EPROTO);
        }
        if (r < 0) {
                if (!error_is_set(&transfer->error)) {
                        error_set(&transfer->error, r, "cannot keep what comes from %s",
                                  endpoint_of(transfer)->base);
                }
                finish(transfer, r);
                return 0;
        }
        error_say(&transfer->error, EIO, "cannot fetch from %s: %s", endpoint_of(transfer)->base,
                  curl_easy_strerror(code));
        if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
                error_hint(&transfer->error,
                           "the registry's certificate is not trusted; its authority belongs into "
                           "/etc/containers/certs.d/%s/ca.crt",
                           endpoint_of(transfer)->host);
                return next_endpoint(transfer, -EIO);
        }
        if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
            code == CURLE_SSL_CONNECT_ERROR || code == CURLE_UNSUPPORTED_PROTOCOL) {
                /* There is no server: waiting seldom helps, and a mirror's stand-in waits. */
                if (endpoint_of(transfer)->mirror || transfer->attempts > 0 ||
                    code != CURLE_COULDNT_CONNECT) {
                        return next_endpoint(transfer, -EIO);
                }
        }
        return try_later(transfer, backoff(transfer));
}

static void completed(struct transfer *transfer, CURLcode code)
{
        int r;

        (void)curl_multi_remove_handle(transfer->registry->multi, transfer->easy);
        transfer->running = false;
        if (!transfer->status) {
                (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->status);
        }
        r = code == CURLE_OK ? answered(transfer) : broken(transfer, code);
        if (r < 0) {
                finish(transfer, r);
        }
}

static void resume_waiting(struct transfer *const *transfers, size_t count, uint64_t *wait)
{
        uint64_t now = log_now();

        for (size_t i = 0; i < count; i++) {
                struct transfer *transfer = transfers[i];

                if (!transfer || transfer->finished || !transfer->not_before) {
                        continue;
                }
                if (transfer->not_before <= now) {
                        int r;

                        machine_error_clear(&transfer->error);
                        r = send_request(transfer);
                        if (r < 0) {
                                finish(transfer, r);
                        }
                } else if (transfer->not_before - now < *wait) {
                        *wait = transfer->not_before - now;
                }
        }
}

int registry_drive(struct registry *registry, struct transfer *const *transfers, size_t count,
                   struct curl_waitfd *waiting, unsigned int waiting_count, unsigned int usec_max,
                   struct machine_error *error)
{
        uint64_t wait = usec_max;
        const CURLMsg *message;
        int left;

        resume_waiting(transfers, count, &wait);
        if (curl_multi_perform(registry->multi, &left) != CURLM_OK) {
                return error_say(error, EIO, "cannot go on fetching");
        }
        message = curl_multi_info_read(registry->multi, &left);
        if (!message) {
                if (curl_multi_poll(registry->multi, waiting, waiting_count,
                                    (int)((wait + USEC_PER_MSEC - 1) / USEC_PER_MSEC),
                                    NULL) != CURLM_OK ||
                    curl_multi_perform(registry->multi, &left) != CURLM_OK) {
                        return error_say(error, EIO, "cannot go on fetching");
                }
                message = curl_multi_info_read(registry->multi, &left);
        }
        for (; message; message = curl_multi_info_read(registry->multi, &left)) {
                struct transfer *transfer = NULL;

                if (message->msg == CURLMSG_DONE &&
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) ==
                            CURLE_OK) {
                        completed(transfer, message->data.result);
                }
        }
        return 0;
}

int registry_run(struct registry *registry, struct transfer *transfer, struct machine_error *error)
{
        int r = transfer_start(transfer, registry);

        while (r == 0 && !transfer->finished) {
                r = registry_drive(registry, &transfer, 1, NULL, 0, USEC_PER_SEC, error);
        }
        if (r == 0 || transfer->finished) {
                r = transfer->result;
        }
        if (r < 0 && error_is_set(&transfer->error)) {
                error_move(error, &transfer->error);
        }
        return r;
}
