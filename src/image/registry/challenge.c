/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/registry/challenge.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/strings.h"

#define HEADER_LENGTH_MAX 16384

void challenge_clear(struct challenge *challenge)
{
        free(challenge->realm);
        free(challenge->service);
        free(challenge->scope);
        free(challenge->error);
        *challenge = (struct challenge){ 0 };
}

static size_t token_length(const char *text)
{
        return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "!#$%&'*+-.^_`|~/:@?");
}

/* Reads a token or a quoted string and advances *text past it. NULL if out of memory. */
static char *take_value(const char **text)
{
        const char *at = *text;
        char *value = malloc(strlen(at) + 1), *out = value;

        if (!value) {
                return NULL;
        }
        if (*at != '"') {
                size_t length = token_length(at);

                memcpy(value, at, length);
                value[length] = '\0';
                *text = at + length;
                return value;
        }
        for (at++; *at && *at != '"'; at++) {
                if (*at == '\\' && at[1]) {
                        at++;
                }
                *out++ = *at;
        }
        *out = '\0';
        *text = *at ? at + 1 : at;
        return value;
}

static void set_parameter(struct challenge *challenge, const char *name, size_t length, char *value)
{
        const struct {
                const char *name;
                char **place;
        } places[] = {
                { "realm", &challenge->realm },
                { "service", &challenge->service },
                { "scope", &challenge->scope },
                { "error", &challenge->error },
        };

        for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
                if (strlen(places[i].name) == length &&
                    strncasecmp(places[i].name, name, length) == 0) {
                        free(*places[i].place);
                        *places[i].place = value;
                        return;
                }
        }
        free(value);
}

/* Keeps the better of two challenges and clears the other. */
static void keep(struct challenge *ret, struct challenge *found)
{
        bool usable = found->scheme == CHALLENGE_BASIC ||
                      (found->scheme == CHALLENGE_BEARER && found->realm);

        if (usable && found->scheme > ret->scheme) {
                challenge_clear(ret);
                *ret = *found;
                *found = (struct challenge){ 0 };
        }
        challenge_clear(found);
}

static enum challenge_scheme scheme_of(const char *text, size_t length)
{
        return length == 6 && strncasecmp(text, "bearer", 6) == 0  ? CHALLENGE_BEARER
               : length == 5 && strncasecmp(text, "basic", 5) == 0 ? CHALLENGE_BASIC
                                                                   : CHALLENGE_NONE;
}

int challenge_parse(const char *header, struct challenge *ret)
{
        struct challenge current = { 0 };

        if (strlen(header) > HEADER_LENGTH_MAX) {
                return 0;
        }
        while (*header) {
                size_t length = token_length(header);
                const char *after = header + length;

                if (length == 0) {
                        header++;
                        continue;
                }
                after += strspn(after, " \t");
                if (*after == '=') {
                        char *value;

                        after++;
                        after += strspn(after, " \t");
                        value = take_value(&after);
                        if (!value) {
                                challenge_clear(&current);
                                return -ENOMEM;
                        }
                        set_parameter(&current, header, length, value);
                } else {
                        keep(ret, &current);
                        current.scheme = scheme_of(header, length);
                }
                header = after;
        }
        keep(ret, &current);
        return 0;
}
