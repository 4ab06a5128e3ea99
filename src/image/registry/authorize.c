/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/registry/challenge.h"
#include "image/registry/registry.h"

#define ANSWER_SIZE_MAX (1U << 20)
#define REDIRECTS_MAX   10

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

/* Sends one request to the token server. Returns the status or -errno. */
static long ask_once(CURL *easy, const char *url, const char *registry, const char *header,
                     const char *form, struct answer *answer, struct machine_error *error)
{
        struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
        CURLcode code = CURLE_OUT_OF_MEMORY;
        long status = 0;
        int r;

        curl_easy_reset(easy);
        answer->length = 0;
        r = connection_set_up(easy, url, registry, error);
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
        return status;
}

/* The target of a redirection. A password is sent only to the same server. A form, which contains
 * an identity token, is not sent to any other server. */
static int follow(CURL *easy, char **url, const char **header, const char *form,
                  struct machine_error *error)
{
        char *location = NULL;
        _cleanup_free_ char *target = NULL;

        /* Resolve relative redirections as curl does. */
        (void)curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &location);
        target = location ? connection_resolve(*url, location) : NULL;
        if (!target) {
                return error_say(error, EPROTO, "the token server %s redirects without an address",
                                 *url);
        }
        if (string_after(*url, "https://") && !string_after(target, "https://")) {
                return error_say(error, EPROTO,
                                 "the token server %s redirects to an unencrypted address", *url);
        }
        if (!connection_same_origin(*url, target)) {
                if (form) {
                        return error_say(
                                error, EACCES,
                                "the token server %s redirects to %s, which must not get the "
                                "login's identity token",
                                *url, target);
                }
                *header = NULL;
        }
        free(*url);
        *url = TAKE_PTR(target);
        return 0;
}

/* Asks the token server and follows its redirections. */
static int ask(CURL *easy, const char *first, const char *registry, const char *header,
               const char *form, struct answer *answer, struct machine_error *error)
{
        _cleanup_free_ char *url = strdup(first);
        long status = url ? 0 : error_oom(error);

        for (unsigned int redirects = 0; status >= 0; redirects++) {
                int r;

                status = ask_once(easy, url, registry, header, form, answer, error);
                if (status / 100 != 3 || status == 304) {
                        break;
                }
                r = redirects < REDIRECTS_MAX
                            ? follow(easy, &url, &header, form, error)
                            : error_say(error, EPROTO, "the token server %s redirects in a circle",
                                        first);
                if (r < 0) {
                        return r;
                }
        }
        if (status < 0) {
                return (int)status;
        }
        if (status != 200) {
                /* An overloaded server has not refused the request. */
                int number = status / 100 == 4 ? EACCES : EIO;

                error_say(error, number, "the token server %s refused with status %ld", url,
                          status);
                error_hint(error, "check the registry's entry in auth.json or config.json");
                return -number;
        }
        return 0;
}

/* ---- Scopes ---- */

/* The scope that the operation needs, whatever the registry's challenge says. */
static char *own_scope(const struct registry *registry, const struct endpoint *endpoint)
{
        return string_format("repository:%s%s:%s", endpoint->prefix, registry->repository,
                             registry->push ? "pull,push" : "pull");
}

/* Whether both have the same resource and the second adds no action: "TYPE:NAME:ACTION,ACTION". */
static bool covers_scope(const char *own, const char *other)
{
        const char *own_actions = strrchr(own, ':'), *actions = strrchr(other, ':');
        size_t length = (size_t)(own_actions - own);

        if (!actions || (size_t)(actions - other) != length || strncmp(own, other, length) != 0) {
                return false;
        }
        for (const char *at = actions + 1; *at;) {
                size_t part = strcspn(at, ",");
                const char *found = memmem(own_actions, strlen(own_actions), at, part);

                if (part > 0 && (!found || (found[part] != ',' && found[part] != '\0'))) {
                        return false;
                }
                at += part + (at[part] == ',');
        }
        return true;
}

/* The operation's scope, and those of the challenge that add to it. */
static int collect_scopes(const struct registry *registry, const struct endpoint *endpoint,
                          const struct challenge *challenge, char ***ret)
{
        _cleanup_strv_ char **scopes = NULL, **asked = NULL;
        int r = strv_take(&scopes, own_scope(registry, endpoint));

        if (r == 0) {
                r = strv_split(challenge->scope ? challenge->scope : "", ' ', &asked);
        }
        STRV_FOREACH(scope, asked) {
                if (r == 0 && **scope && !covers_scope(scopes[0], *scope)) {
                        r = strv_append(&scopes, *scope);
                }
        }
        if (r == 0) {
                *ret = TAKE_PTR(scopes);
        }
        return r;
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

/* service and scopes as a query, with one parameter for each scope, or as a form, with blanks
 * between scopes. */
static int append_scope(CURL *easy, char **text, const struct challenge *challenge, char **scopes,
                        bool separately)
{
        _cleanup_free_ char *joined = separately ? NULL : strv_join(scopes, " ");
        int r = separately || joined ? 0 : -ENOMEM;

        if (r == 0 && challenge->service) {
                r = append_parameter(easy, text, "service", challenge->service);
        }
        if (r == 0 && !separately) {
                return append_parameter(easy, text, "scope", joined);
        }
        STRV_FOREACH(one, scopes) {
                if (r == 0) {
                        r = append_parameter(easy, text, "scope", *one);
                }
        }
        return r;
}

static int request_token(CURL *easy, const struct endpoint *endpoint,
                         const struct challenge *challenge, char **scopes,
                         const struct credentials *credentials, struct answer *answer,
                         struct machine_error *error)
{
        _cleanup_free_ char *header = NULL, *text = NULL;
        int r;

        if (credentials->identity_token) {
                text = strdup("grant_type=refresh_token&client_id=machinectl-lite");
                r = text ? append_scope(easy, &text, challenge, scopes, false) : -ENOMEM;
                if (r == 0) {
                        r = append_parameter(easy, &text, "refresh_token",
                                             credentials->identity_token);
                }
                return r < 0 ? error_oom(error)
                             : ask(easy, challenge->realm, endpoint->host, NULL, text, answer,
                                   error);
        }
        text = string_format("%s%s", challenge->realm, strchr(challenge->realm, '?') ? "" : "?");
        r = text ? append_scope(easy, &text, challenge, scopes, true) : -ENOMEM;
        if (r == 0 && credentials->user) {
                header = basic_header(credentials);
                r = header ? 0 : -ENOMEM;
        }
        return r < 0 ? error_oom(error)
                     : ask(easy, text, endpoint->host, header, NULL, answer, error);
}

/* Some registries use a placeholder in their challenge ("repository:user/image:pull"), which their
 * token server refuses. In that case only the scope that the operation needs is requested. */
static int request_with_scopes(const struct registry *registry, const struct endpoint *endpoint,
                               const struct challenge *challenge,
                               const struct credentials *credentials, struct answer *answer,
                               struct machine_error *error)
{
        _cleanup_strv_ char **scopes = NULL;
        int r = collect_scopes(registry, endpoint, challenge, &scopes);

        if (r < 0) {
                return error_oom(error);
        }
        for (;;) {
                _cleanup_(cleanup_easy) CURL *easy = curl_easy_init();

                if (!easy) {
                        return error_oom(error);
                }
                r = request_token(easy, endpoint, challenge, scopes, credentials, answer, error);
                if (r != -EACCES || strv_length(scopes) == 1) {
                        return r;
                }
                machine_error_clear(error);
                for (size_t i = 1; scopes[i]; i++) {
                        free(scopes[i]);
                        scopes[i] = NULL;
                }
        }
}

static int fetch_token(const struct registry *registry, const struct endpoint *endpoint,
                       const struct challenge *challenge, const struct credentials *credentials,
                       char **ret, struct machine_error *error)
{
        _cleanup_json_ json_t *object = NULL;
        struct answer answer = { 0 };
        const char *token;
        int r;

        /* If the connection to the registry is encrypted, that to the token server must be, too. */
        if (string_after(endpoint->base, "https://") &&
            !string_after(challenge->realm, "https://")) {
                return error_say(error, EPROTO,
                                 "the registry demands credentials without "
                                 "encryption, to %s",
                                 challenge->realm);
        }
        r = request_with_scopes(registry, endpoint, challenge, credentials, &answer, error);
        if (r == 0) {
                object = json_loadb(answer.text ? answer.text : "", answer.length,
                                    JSON_REJECT_DUPLICATES, NULL);
                token = json_get_string(object, "token");
                token = token && *token ? token : json_get_string(object, "access_token");
                if (!token || !*token || strpbrk(token, "\r\n")) {
                        r = error_say(error, EPROTO, "the token server %s did not return a token",
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
        r = credentials_find(domain, registry->repository, registry->log, &credentials, error);
        if (r < 0) {
                return r;
        }
        if (challenge.scheme == CHALLENGE_BEARER) {
                r = fetch_token(registry, endpoint, &challenge, &credentials, &header, error);
        } else if (challenge.scheme == CHALLENGE_BASIC && credentials.user) {
                header = basic_header(&credentials);
                r = header ? 0 : error_oom(error);
        } else if (challenge.scheme == CHALLENGE_BASIC) {
                error_say(error, EACCES,
                          "the registry %s requires a login, but there are no credentials for it",
                          domain);
                error_hint(error,
                           "log in with \"podman login %s\" or \"docker login %s\"; this "
                           "program uses their files",
                           domain, domain);
                r = -EACCES;
        } else {
                r = error_say(error, EPROTO,
                              "the registry %s requires an authorization method that "
                              "is not supported",
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
