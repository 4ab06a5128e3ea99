/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "image/registry/request.h"

#define REDIRECTS_MAX      10
#define ATTEMPTS_MAX       5
#define AUTHORIZATIONS_MAX 3
#define RENEWALS_MAX       2
#define RETRY_FIRST        (2 * USEC_PER_SEC)
#define RETRY_LAST         (60 * USEC_PER_SEC)
#define RETRY_AFTER_MAX    (600 * USEC_PER_SEC)

void transfer_clear(struct transfer *transfer)
{
        request_stop(transfer);
        request_forget_answer(transfer);
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

bool transfer_is_encoded(const struct transfer *transfer)
{
        return !transfer->decode && transfer->encoding && *transfer->encoding &&
               strcasecmp(transfer->encoding, "identity") != 0;
}

/* An encrypted server must not redirect to an unencrypted one. */
static int check_encryption(struct transfer *transfer, const char *from, const char *to)
{
        return string_after(from, "https://") && !string_after(to, "https://")
                       ? error_say(&transfer->error, EPROTO,
                                   "%s redirects to an unencrypted server",
                                   request_endpoint(transfer)->base)
                       : 0;
}

static char *first_address(const struct transfer *transfer)
{
        const struct endpoint *endpoint = request_endpoint(transfer);

        return strstr(transfer->path, "://")
                       ? strdup(transfer->path)
                       : string_format("%s%s/%s%s/%s", endpoint->base, endpoint->api,
                                       endpoint->prefix, transfer->registry->repository,
                                       transfer->path);
}

/* Starts again at the endpoint itself, even after a redirection: a signed address is valid for
 * minutes, and a blob may take longer. */
static int start_over(struct transfer *transfer)
{
        int r;

        free(transfer->url);
        transfer->url = first_address(transfer);
        transfer->redirects = 0;
        if (!transfer->url) {
                return error_oom(&transfer->error);
        }
        r = check_encryption(transfer, request_endpoint(transfer)->base, transfer->url);
        return r < 0 ? r : request_send(transfer);
}

static int begin_at_endpoint(struct transfer *transfer)
{
        transfer->attempts = transfer->authorizations = transfer->renewals = 0;
        return start_over(transfer);
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

/* ---- The next step ---- */

/* Leaves a mirror that failed for the next one, in the end for the registry itself. */
static int next_endpoint(struct transfer *transfer, int r)
{
        while (transfer->endpoint + 1 < transfer->registry->endpoint_count) {
                request_endpoint(transfer)->failed = true;
                log_debug(transfer->registry->log, "mirror %s: %s",
                          request_endpoint(transfer)->host,
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
        request_stop(transfer);
        transfer->not_before = log_now() + wait;
        return 0;
}

static uint64_t backoff(const struct transfer *transfer)
{
        uint64_t wait = RETRY_FIRST << transfer->attempts;

        return wait < RETRY_LAST ? wait : RETRY_LAST;
}

/* The reason from a registry's error document, made printable. */
static void describe_refusal(struct transfer *transfer)
{
        json_error_t problem;
        json_t *document = transfer->body
                                   ? json_loadb(transfer->body, transfer->body_length, 0, &problem)
                                   : NULL;
        const char *text = json_string_value(
                json_object_get(json_array_get(json_object_get(document, "errors"), 0), "message"));
        const struct endpoint *endpoint = request_endpoint(transfer);
        /* Not the redirection's address, which may contain a signature. */
        _cleanup_free_ char *url = strstr(transfer->path, "://") ? NULL : first_address(transfer);
        _cleanup_free_ char *printable = text ? string_printable(text) : NULL;
        int number = transfer->status == 404                              ? ENOENT
                     : transfer->status == 401 || transfer->status == 403 ? EACCES
                                                                          : EIO;

        error_say(&transfer->error, number, "%s answered with status %ld%s%.300s",
                  url ? url : endpoint->base, transfer->status, printable ? ": " : "",
                  printable ? printable : "");
        if (number == EACCES) {
                error_hint(&transfer->error,
                           "the image may not exist or may require a login: \"podman login %s\" or "
                           "\"docker login %s\"",
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
                return next_endpoint(transfer,
                                     error_say(&transfer->error, EPROTO,
                                               "%s redirects without an address or in a circle",
                                               transfer->url));
        }
        r = check_encryption(transfer, transfer->url, target);
        if (r < 0) {
                return next_endpoint(transfer, r);
        }
        free(transfer->url);
        transfer->url = TAKE_PTR(target);
        return request_send(transfer);
}

/* Whether a redirection's target refused: its address may have expired, and the endpoint gives a
 * new one. */
static bool may_have_expired(struct transfer *transfer)
{
        static const long refusals[] = { 400, 401, 403, 404, 410 };

        for (size_t i = 0; transfer->redirects > 0 && i < ELEMENTS_OF(refusals); i++) {
                if (transfer->status == refusals[i]) {
                        return ++transfer->renewals <= RENEWALS_MAX;
                }
        }
        return false;
}

static int authorize(struct transfer *transfer)
{
        struct endpoint *endpoint = request_endpoint(transfer);
        int r = 0;

        if (++transfer->authorizations > AUTHORIZATIONS_MAX ||
            !connection_same_origin(transfer->url, endpoint->base)) {
                describe_refusal(transfer);
                return next_endpoint(transfer, -EACCES);
        }
        /* Another transfer may have obtained a token in the meantime. */
        if (transfer->tokens == endpoint->tokens) {
                if (transfer->authorizations > 2) {
                        describe_refusal(transfer);
                        return next_endpoint(transfer, -EACCES);
                }
                r = registry_authorize(transfer->registry, endpoint, transfer->challenges,
                                       &transfer->error);
        }
        return r < 0 ? next_endpoint(transfer, r) : request_send(transfer);
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
        if (may_have_expired(transfer)) {
                return start_over(transfer);
        }
        if (status == 401) {
                return authorize(transfer);
        }
        describe_refusal(transfer);
        if (status == 416 && transfer->range_from > 0 && transfer->restart &&
            transfer->restart(transfer) == 0) {
                return request_send(transfer);
        }
        /* Waiting does not change "Not Implemented". */
        if (status == 429 || (status / 100 == 5 && status != 501)) {
                (void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &after);
                return try_later(transfer,
                                 after > 0 ? (uint64_t)after * USEC_PER_SEC : backoff(transfer));
        }
        return next_endpoint(transfer, -transfer->error.number);
}

/* The connection failed, or a callback aborted the transfer. */
static int broken(struct transfer *transfer, CURLcode code)
{
        int r = transfer->result;

        if (r == -ERANGE) {
                /* Not the requested bytes: once more from the start. */
                error_say(&transfer->error, EPROTO, "%s sent a range that was not requested",
                          request_endpoint(transfer)->base);
                if (transfer->range_from > 0 && transfer->restart &&
                    transfer->restart(transfer) == 0) {
                        return try_later(transfer, 0);
                }
                return next_endpoint(transfer, -EPROTO);
        }
        if (r < 0) {
                if (!error_is_set(&transfer->error)) {
                        error_set(&transfer->error, r, "cannot store what %s sends",
                                  request_endpoint(transfer)->base);
                }
                finish(transfer, r);
                return 0;
        }
        error_say(&transfer->error, EIO, "cannot fetch from %s: %s",
                  request_endpoint(transfer)->base, curl_easy_strerror(code));
        if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
                error_hint(&transfer->error,
                           "the registry's certificate is not trusted; add its authority to "
                           "/etc/containers/certs.d/%s/ca.crt",
                           request_endpoint(transfer)->host);
                return next_endpoint(transfer, -EIO);
        }
        if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
            code == CURLE_SSL_CONNECT_ERROR || code == CURLE_UNSUPPORTED_PROTOCOL) {
                /* Without a server waiting seldom helps, and with a mirror the next server waits.
                 */
                if (request_endpoint(transfer)->mirror || transfer->attempts > 0 ||
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
                        r = start_over(transfer);
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
                return error_say(error, EIO, "cannot continue the transfer");
        }
        message = curl_multi_info_read(registry->multi, &left);
        if (!message) {
                if (curl_multi_poll(registry->multi, waiting, waiting_count,
                                    (int)((wait + USEC_PER_MSEC - 1) / USEC_PER_MSEC),
                                    NULL) != CURLM_OK ||
                    curl_multi_perform(registry->multi, &left) != CURLM_OK) {
                        return error_say(error, EIO, "cannot continue the transfer");
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
