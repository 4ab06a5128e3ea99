/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/reference.h"

#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "image/digest.h"

#define NAME_LENGTH_MAX 255
#define TAG_LENGTH_MAX  128
#define TEXT_LENGTH_MAX 1024

void image_reference_clear(struct image_reference *reference)
{
        free(reference->domain);
        free(reference->repository);
        free(reference->tag);
        free(reference->digest);
        *reference = (struct image_reference)IMAGE_REFERENCE_INIT;
}

static bool is_lower_alphanumeric(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The length of the separator that starts here: ".", "_", "__" or any number of "-"; 0 if none. */
static size_t separator_length(const char *text)
{
        if (*text == '.') {
                return 1;
        }
        if (*text == '_') {
                return text[1] == '_' ? 2 : 1;
        }
        return strspn(text, "-");
}

/* One component of a repository: letters and digits, with separators between them. */
static bool component_is_valid(const char *text, size_t length)
{
        size_t at = 0;

        while (at < length) {
                size_t start = at;

                while (at < length && is_lower_alphanumeric(text[at])) {
                        at++;
                }
                if (at == start) {
                        return false;
                }
                if (at == length) {
                        return true;
                }
                at += separator_length(text + at);
                if (at >= length || !is_lower_alphanumeric(text[at])) {
                        return false;
                }
        }
        return false;
}

static bool repository_is_valid(const char *text)
{
        for (;;) {
                size_t length = strcspn(text, "/");

                if (!component_is_valid(text, length)) {
                        return false;
                }
                if (text[length] == '\0') {
                        return true;
                }
                text += length + 1;
        }
}

static bool tag_is_valid(const char *text)
{
        size_t length = strlen(text);

        return length >= 1 && length <= TAG_LENGTH_MAX && *text != '.' && *text != '-' &&
               strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
                       length;
}

static bool port_is_valid(const char *text)
{
        uint64_t port;

        return quantity_parse_number(text, &port) == 0 && port >= 1 && port <= 65535;
}

/* A host name or an IPv6 address in brackets, with an optional port. */
static bool domain_is_valid(const char *text)
{
        size_t length;

        if (*text == '[') {
                length = strspn(text + 1, "0123456789abcdefABCDEF:.");
                if (length < 2 || text[1 + length] != ']') {
                        return false;
                }
                text += length + 2;
        } else {
                length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-");
                if (length == 0 || *text == '-' || *text == '.' || text[length - 1] == '-' ||
                    memmem(text, length, "..", 2)) {
                        return false;
                }
                text += length;
        }
        return *text == '\0' || (*text == ':' && port_is_valid(text + 1));
}

static bool is_domain(const char *text, size_t length)
{
        return memchr(text, '.', length) || memchr(text, ':', length) || *text == '[' ||
               (length == strlen("localhost") && memcmp(text, "localhost", length) == 0);
}

static int refuse(struct machine_error *error, const char *text, const char *reason)
{
        _cleanup_free_ char *printable = string_printable(text);

        error_say(error, EINVAL, "\"%s\" is not an image reference: %s", printable ? printable : "",
                  reason);
        error_kind(error, MACHINE_ERROR_USAGE);
        return -EINVAL;
}

/* Cuts "@DIGEST" and ":TAG" off the end of the text. Returns the reason if one is not valid. */
static const char *split_end(char *text, const char **ret_tag, const char **ret_digest)
{
        char *at = strchr(text, '@');
        char *slash, *colon;

        if (at) {
                *at = '\0';
                *ret_digest = at + 1;
                if (!digest_is_valid(at + 1)) {
                        return "the digest is not \"sha256:\" and 64 lower-case hexadecimal "
                               "digits, nor "
                               "\"sha512:\" and 128";
                }
        }
        slash = strrchr(text, '/');
        colon = strchr(slash ? slash : text, ':');
        if (colon) {
                *colon = '\0';
                *ret_tag = colon + 1;
                if (!tag_is_valid(colon + 1)) {
                        return "a tag is at most 128 letters, digits, \"_\", \".\" and \"-\", and "
                               "does not begin with \".\" or \"-\"";
                }
        }
        return NULL;
}

static const char *check_name(const char *domain, const char *repository)
{
        for (const char *c = repository; *c; c++) {
                if (*c >= 'A' && *c <= 'Z') {
                        return "the name must be lower case";
                }
        }
        if (!domain_is_valid(domain)) {
                return "the registry is not a host name with an optional port";
        }
        if (!repository_is_valid(repository)) {
                return "the name must consist of lower-case letters and digits, with \".\", \"_\", "
                       "\"__\" or \"-\" between them and \"/\" between components";
        }
        if (strlen(domain) + 1 + strlen(repository) > NAME_LENGTH_MAX) {
                return "the name is longer than 255 characters";
        }
        return NULL;
}

/* Splits the name into domain and repository, with the defaults of Docker's registry. */
static int split_name(const char *name, struct image_reference *reference)
{
        size_t first = strcspn(name, "/");
        const char *rest = name;

        if (name[first] == '/' && is_domain(name, first)) {
                reference->domain = strndup(name, first);
                rest = name + first + 1;
        } else {
                reference->domain = strdup("docker.io");
        }
        if (reference->domain && strcmp(reference->domain, "index.docker.io") == 0) {
                strcpy(reference->domain, "docker.io");
        }
        if (reference->domain && strcmp(reference->domain, "docker.io") == 0 &&
            !strchr(rest, '/')) {
                reference->repository = string_format("library/%s", rest);
        } else {
                reference->repository = strdup(rest);
        }
        return reference->domain && reference->repository ? 0 : -ENOMEM;
}

static int parse(const char *text, char *name, struct image_reference *reference,
                 struct machine_error *error)
{
        const char *tag = NULL, *digest = NULL;
        const char *reason = split_end(name, &tag, &digest);

        if (!reason && *name == '\0') {
                reason = "it has no name";
        }
        if (!reason && !tag && !digest && strlen(name) == DIGEST_HEX_LENGTH &&
            strspn(name, "0123456789abcdef") == DIGEST_HEX_LENGTH) {
                reason = "64 hexadecimal digits are an image id, not a name";
        }
        if (reason) {
                return refuse(error, text, reason);
        }
        if (split_name(name, reference) < 0) {
                return error_oom(error);
        }
        reason = check_name(reference->domain, reference->repository);
        if (reason) {
                return refuse(error, text, reason);
        }
        if (digest) {
                reference->digest = strdup(digest);
        } else {
                reference->tag = strdup(tag ? tag : "latest");
        }
        return reference->digest || reference->tag ? 0 : error_oom(error);
}

int image_reference_parse(const char *text, struct image_reference *ret,
                          struct machine_error *error)
{
        _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
        _cleanup_free_ char *name = NULL;
        int r;

        if (strlen(text) > TEXT_LENGTH_MAX) {
                return error_say(error, EINVAL, "the image reference is too long");
        }
        name = strdup(text);
        if (!name) {
                return error_oom(error);
        }
        r = parse(text, name, &reference, error);
        if (r < 0) {
                return r;
        }
        *ret = reference;
        reference = (struct image_reference)IMAGE_REFERENCE_INIT;
        return 0;
}

char *image_reference_format(const struct image_reference *reference)
{
        return string_format("%s/%s%s%s", reference->domain, reference->repository,
                             reference->digest ? "@" : ":",
                             reference->digest ? reference->digest : reference->tag);
}
