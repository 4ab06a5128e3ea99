/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/challenge.h"
#include "image/registry.h"

#define ANSWER_SIZE_MAX (1U << 20)

DEFINE_CLEANUP(CURL *, curl_easy_cleanup, cleanup_easy)

struct answer {
        char *text;
        size_t length;
};

static size_t write_answer(char *data, size_t size, size_t count, void *user)
{
        struct answer *answer = user;
        size_t length = size * count;
        char *grown;

        if (answer->length + length > ANSWER_SIZE_MAX) {
                return 0;
        }
        grown = realloc(answer->text, answer->length + length + 1);
        if (!grown) {
                return 0;
        }
        memcpy(grown + answer->length, data, length);
        answer->text = grown;
        answer->length += length;
        grown[answer->length] = '\0';
        return length;
}

static char *basic_header(const struct credentials *credentials)
{
        _cleanup_free_ char *pair =
                string_format("%s:%s", credentials->user, credentials->password);
        _cleanup_free_ char *text = NULL;
        size_t length;

        if (!pair) {
                return NULL;
        }
        length = strlen(pair);
        text = malloc(4 * ((length + 2) / 3) + 1);
        if (!text) {
                return NULL;
        }
        (void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pair, (int)length);
        explicit_bzero(pair, length);
        return string_format("Authorization: Basic %s", text);
}

/* Sends one request to the token server. */
static int ask(CURL *easy, const char *url, const char *registry, const char *header,
               const char *form, struct answer *answer, struct machine_error *error)
{
        struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
        CURLcode code = CURLE_OUT_OF_MEMORY;
        long status = 0;
        int r = connection_set_up(easy, url, registry, error);

        if (r == 0 && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_answer) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_TIMEOUT, 60L) == CURLE_OK &&
            (!form || curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form) == CURLE_OK)) {
                code = curl_easy_perform(easy);
        }
        curl_slist_free_all(headers);
        if (r < 0) {
                return r;
        }
        if (code != CURLE_OK) {
                return error_say(error, EIO, "cannot get a token from %s: %s", url,
                                 curl_easy_strerror(code));
        }
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (status != 200) {
                error_say(error, EACCES, "the token server %s refused with status %ld", url,
                          status);
                error_hint(error, "check the registry's entry in auth.json or config.json");
                return -EACCES;
        }
        return 0;
}

static char *scope_of(const struct registry *registry, const struct challenge *challenge)
{
        if (challenge->scope && *challenge->scope) {
                return strdup(challenge->scope);
        }
        return string_format("repository:%s:%s", registry->repository,
                             registry->push ? "pull,push" : "pull");
}

static int append_parameter(CURL *easy, char **text, const char *name, const char *value)
{
        char *escaped = curl_easy_escape(easy, value, 0);
        char *joined = escaped ? string_format("%s%s%s=%s", *text,
                                               !**text || string_ends_with(*text, "?") ? "" : "&",
                                               name, escaped)
                               : NULL;

        curl_free(escaped);
        if (!joined) {
                return -ENOMEM;
        }
        free(*text);
        *text = joined;
        return 0;
}

/* service and scope (several, between blanks) as a query or a form. */
static int append_scope(CURL *easy, char **text, const struct registry *registry,
                        const struct challenge *challenge, bool separately)
{
        _cleanup_free_ char *scope = scope_of(registry, challenge);
        _cleanup_strv_ char **scopes = NULL;
        int r = scope ? 0 : -ENOMEM;

        if (r == 0 && challenge->service) {
                r = append_parameter(easy, text, "service", challenge->service);
        }
        if (r == 0 && !separately) {
                return append_parameter(easy, text, "scope", scope);
        }
        if (r == 0) {
                r = strv_split(scope, ' ', &scopes);
        }
        STRV_FOREACH(one, scopes) {
                if (r == 0 && **one) {
                        r = append_parameter(easy, text, "scope", *one);
                }
        }
        return r;
}

static int request_token(CURL *easy, const struct registry *registry,
                         const struct endpoint *endpoint, const struct challenge *challenge,
                         const struct credentials *credentials, struct answer *answer,
                         struct machine_error *error)
{
        _cleanup_free_ char *header = NULL, *text = NULL;
        int r;

        if (credentials->identity_token) {
                text = strdup("grant_type=refresh_token&client_id=machinectl-lite");
                r = text ? append_scope(easy, &text, registry, challenge, false) : -ENOMEM;
                if (r == 0) {
                        r = append_parameter(easy, &text, "refresh_token",
                                             credentials->identity_token);
                }
                return r < 0 ? error_oom(error)
                             : ask(easy, challenge->realm, endpoint->host, NULL, text, answer,
                                   error);
        }
        text = string_format("%s%s", challenge->realm, strchr(challenge->realm, '?') ? "" : "?");
        r = text ? append_scope(easy, &text, registry, challenge, true) : -ENOMEM;
        if (r == 0 && credentials->user) {
                header = basic_header(credentials);
                r = header ? 0 : -ENOMEM;
        }
        return r < 0 ? error_oom(error)
                     : ask(easy, text, endpoint->host, header, NULL, answer, error);
}

static int fetch_token(const struct registry *registry, const struct endpoint *endpoint,
                       const struct challenge *challenge, const struct credentials *credentials,
                       char **ret, struct machine_error *error)
{
        _cleanup_(cleanup_easy) CURL *easy = curl_easy_init();
        _cleanup_json_ json_t *object = NULL;
        struct answer answer = { 0 };
        const char *token;
        int r;

        if (!easy) {
                return error_oom(error);
        }
        /* What is kept secret from the network on the way to the registry is so to its server. */
        if (string_after(endpoint->base, "https://") &&
            !string_after(challenge->realm, "https://")) {
                return error_say(error, EPROTO,
                                 "the registry asks to send credentials without "
                                 "encryption, to %s",
                                 challenge->realm);
        }
        r = request_token(easy, registry, endpoint, challenge, credentials, &answer, error);
        if (r == 0) {
                object = json_loadb(answer.text ? answer.text : "", answer.length,
                                    JSON_REJECT_DUPLICATES, NULL);
                token = json_get_string(object, "token");
                token = token && *token ? token : json_get_string(object, "access_token");
                if (!token || !*token || strpbrk(token, "\r\n")) {
                        r = error_say(error, EPROTO, "the token server %s gave no token",
                                      challenge->realm);
                } else {
                        *ret = string_format("Authorization: Bearer %s", token);
                        r = *ret ? 0 : error_oom(error);
                }
        }
        free(answer.text);
        return r;
}

static int choose_challenge(char *const *headers, struct challenge *ret)
{
        STRV_FOREACH(header, headers) {
                int r = challenge_parse(*header, ret);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int registry_authorize(struct registry *registry, struct endpoint *endpoint,
                       char *const *challenges, struct machine_error *error)
{
        _cleanup_challenge_ struct challenge challenge = { 0 };
        _cleanup_credentials_ struct credentials credentials = { 0 };
        const char *domain = endpoint->mirror ? endpoint->host : registry->domain;
        _cleanup_free_ char *header = NULL;
        int r = choose_challenge(challenges, &challenge);

        if (r < 0) {
                return error_oom(error);
        }
        r = credentials_find(domain, registry->repository, &credentials, error);
        if (r < 0) {
                return r;
        }
        if (challenge.scheme == CHALLENGE_BEARER) {
                r = fetch_token(registry, endpoint, &challenge, &credentials, &header, error);
        } else if (challenge.scheme == CHALLENGE_BASIC && credentials.user) {
                header = basic_header(&credentials);
                r = header ? 0 : error_oom(error);
        } else if (challenge.scheme == CHALLENGE_BASIC) {
                error_say(error, EACCES, "the registry %s wants a password, and there is none",
                          domain);
                error_hint(error,
                           "\"podman login %s\" or \"docker login %s\" keeps one where this "
                           "program finds it",
                           domain, domain);
                r = -EACCES;
        } else {
                r = error_say(error, EPROTO,
                              "the registry %s wants an authorization of a kind that "
                              "is not known",
                              domain);
        }
        if (r < 0) {
                return r;
        }
        free(endpoint->authorization);
        endpoint->authorization = TAKE_PTR(header);
        endpoint->tokens++;
        return 0;
}
