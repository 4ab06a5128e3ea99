/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/payload.h"

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/trust/identity.h"
#include "image/trust/strict.h"

static int not_a_signature(const char *reason, struct machine_error *error)
{
        return error_say(error, EKEYREJECTED, "what was signed is no signature of an image: %s",
                         reason);
}

/* The member must be an object that has exactly these keys. */
static int take_object(const json_t *parent, const char *name, const char *const *keys,
                       const json_t **ret, struct machine_error *error)
{
        const json_t *object = name ? json_object_get(parent, name) : parent;
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;

        if (strict_check_keys(object, keys, &reason) < 0) {
                return not_a_signature(reason.message, error);
        }
        for (size_t i = 0; keys[i]; i++) {
                if (!json_object_get(object, keys[i])) {
                        return not_a_signature("a member is missing", error);
                }
        }
        *ret = object;
        return 0;
}

static int check_digest(const char *digest, const struct trust_subject *subject,
                        struct machine_error *error)
{
        digest_text found;

        if (!digest_is_valid(digest)) {
                return not_a_signature("its digest is not valid", error);
        }
        if (!subject->manifest || hash_memory(subject->manifest, subject->manifest_length,
                                              digest_algorithm_of(digest), found) < 0) {
                return error_set(error, ENOMEM, "cannot compute the digest of the manifest");
        }
        return strcmp(found, digest) == 0
                       ? 0
                       : error_say(error, EKEYREJECTED, "a signature is for %s and not for %s",
                                   digest, found);
}

static int check_name(const char *name, const json_t *identity, const struct trust_subject *subject,
                      struct machine_error *error)
{
        _cleanup_free_ char *printable = string_printable(name ? name : "");

        return name && identity_matches(identity, subject, name)
                       ? 0
                       : error_say(error, EKEYREJECTED,
                                   "a signature is for the name \"%s\", which is not accepted",
                                   printable ? printable : "");
}

static int check_critical(const json_t *critical, const char *type, const json_t *identity,
                          const struct trust_subject *subject, struct machine_error *error)
{
        static const char *const image_keys[] = { "docker-manifest-digest", NULL };
        static const char *const identity_keys[] = { "docker-reference", NULL };
        const json_t *image, *name;
        int r;

        if (!string_equal(json_get_string(critical, "type"), type)) {
                return not_a_signature("it has another type", error);
        }
        r = take_object(critical, "image", image_keys, &image, error);
        if (r == 0) {
                r = take_object(critical, "identity", identity_keys, &name, error);
        }
        if (r == 0) {
                r = check_digest(json_get_string(image, image_keys[0]), subject, error);
        }
        return r < 0 ? r
                     : check_name(json_get_string(name, identity_keys[0]), identity, subject,
                                  error);
}

int payload_check(const char *text, size_t length, const char *type, const json_t *identity,
                  const struct trust_subject *subject, struct machine_error *error)
{
        static const char *const keys[] = { "critical", "optional", NULL };
        static const char *const critical_keys[] = { "type", "image", "identity", NULL };
        _cleanup_json_ json_t *payload = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        const json_t *whole, *critical = NULL;
        int r = take_object(payload, NULL, keys, &whole, error);

        if (r == 0) {
                r = take_object(whole, "critical", critical_keys, &critical, error);
        }
        return r < 0 ? r : check_critical(critical, type, identity, subject, error);
}
