/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/requirement.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/trust/identity.h"
#include "image/trust/keys.h"
#include "image/trust/openpgp.h"
#include "image/trust/payload.h"
#include "image/trust/sigstore.h"
#include "image/trust/strict.h"

/* ---- Accepting and rejecting all ---- */

static int check_nothing(const json_t *requirement, struct machine_error *error)
{
        return 0;
}

static int accept_anything(const json_t *requirement, const struct trust_subject *subject,
                           struct signatures *signatures, struct machine_error *error)
{
        return 0;
}

static int reject(const json_t *requirement, const struct trust_subject *subject,
                  struct signatures *signatures, struct machine_error *error)
{
        return error_say(error, EKEYREJECTED, "it rejects all images from here");
}

/* c/image has never documented it and can only be given the base of an image by its configuration.
 */
static int refuse_base_layer(const json_t *requirement, const struct trust_subject *subject,
                             struct signatures *signatures, struct machine_error *error)
{
        return error_say(error, ENOTSUP,
                         "the signature policy requires \"signedBaseLayer\", which is not "
                         "supported");
}

/* ---- Signatures ---- */

typedef int (*verify_one)(const json_t *requirement, const struct keys *keys,
                          const struct signature *signature, const struct trust_subject *subject,
                          struct machine_error *error);

/* One accepted signature is enough; of the others, the first reason is told. */
static int judge_any(const json_t *requirement, const struct keys *keys, bool attachments,
                     const struct signatures *signatures, const struct trust_subject *subject,
                     verify_one verify, struct machine_error *error)
{
        _cleanup_error_ struct machine_error first = MACHINE_ERROR_INIT;

        for (size_t i = 0; i < signatures->count; i++) {
                const struct signature *signature = &signatures->items[i];
                _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
                int r;

                if (!!signature->base64 != attachments) {
                        continue;
                }
                r = verify(requirement, keys, signature, subject, &reason);
                if (r != -EKEYREJECTED) {
                        error_move(error, &reason);
                        return r;
                }
                if (!error_is_set(&first)) {
                        error_move(&first, &reason);
                }
        }
        if (error_is_set(&first)) {
                error_move(error, &first);
                return -EKEYREJECTED;
        }
        return error_say(error, EKEYREJECTED, "a signature is required, and there is none");
}

static int verify_simple(const json_t *requirement, const struct keys *keys,
                         const struct signature *signature, const struct trust_subject *subject,
                         struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = openpgp_verify(keys, signature->data, signature->length, &text, &length, error);

        return r < 0 ? r
                     : payload_check(text, length, PAYLOAD_TYPE_SIMPLE,
                                     json_object_get(requirement, "signedIdentity"), subject,
                                     error);
}

static int verify_sigstore(const json_t *requirement, const struct keys *keys,
                           const struct signature *signature, const struct trust_subject *subject,
                           struct machine_error *error)
{
        int r = sigstore_verify(keys, signature, error);

        return r < 0 ? r
                     : payload_check(signature->data, signature->length, PAYLOAD_TYPE_SIGSTORE,
                                     json_object_get(requirement, "signedIdentity"), subject,
                                     error);
}

static int check_signed_by(const json_t *requirement, struct machine_error *error)
{
        static const char *const types[] = { "GPGKeys", "signedByGPGKeys", "X509Certificates",
                                             "signedByX509CAs", NULL };
        const char *type = json_get_string(requirement, "keyType");
        int r;

        if (!type || !strv_contains((char *const *)types, type)) {
                return error_say(error, EINVAL, "\"keyType\" must be GPGKeys");
        }
        r = keys_check(requirement, false, error);
        return r < 0 ? r : identity_check(json_object_get(requirement, "signedIdentity"), error);
}

static int judge_signed_by(const json_t *requirement, const struct trust_subject *subject,
                           struct signatures *signatures, struct machine_error *error)
{
        _cleanup_keys_ struct keys keys = { 0 };
        const char *type = json_get_string(requirement, "keyType");
        int r;

        if (!string_equal(type, "GPGKeys")) {
                return error_say(error, ENOTSUP,
                                 "the signature policy has the key type \"%s\", which is not "
                                 "supported",
                                 type);
        }
        r = keys_read(requirement, &keys, error);
        if (r == 0) {
                r = signatures_read_simple(signatures, subject, error);
        }
        return r < 0 ? r
                     : judge_any(requirement, &keys, false, signatures, subject, verify_simple,
                                 error);
}

/* What is checked beside a key, or instead of one. */
static const char *const sigstore_unsupported[] = {
        "fulcio",
        "pki",
        "rekorPublicKeyPath",
        "rekorPublicKeyPaths",
        "rekorPublicKeyData",
        "rekorPublicKeyDatas",
};

static const char *find_unsupported(const json_t *requirement)
{
        for (size_t i = 0; i < ELEMENTS_OF(sigstore_unsupported); i++) {
                if (json_object_get(requirement, sigstore_unsupported[i])) {
                        return sigstore_unsupported[i];
                }
        }
        return NULL;
}

static int check_sigstore(const json_t *requirement, struct machine_error *error)
{
        bool other = json_object_get(requirement, "fulcio") || json_object_get(requirement, "pki");
        int r = other ? 0 : keys_check(requirement, true, error);

        return r < 0 ? r : identity_check(json_object_get(requirement, "signedIdentity"), error);
}

static int judge_sigstore(const json_t *requirement, const struct trust_subject *subject,
                          struct signatures *signatures, struct machine_error *error)
{
        _cleanup_keys_ struct keys keys = { 0 };
        const char *unsupported = find_unsupported(requirement);
        int r;

        if (unsupported) {
                return error_say(error, ENOTSUP,
                                 "the signature policy requires \"%s\", which is not supported",
                                 unsupported);
        }
        r = keys_read(requirement, &keys, error);
        if (r == 0) {
                r = signatures_read_attachments(signatures, subject, error);
        }
        return r < 0 ? r
                     : judge_any(requirement, &keys, true, signatures, subject, verify_sigstore,
                                 error);
}

/* ---- All types ---- */

struct requirement_type {
        const char *name;
        const char *keys[16];
        int (*check)(const json_t *requirement, struct machine_error *error);
        int (*judge)(const json_t *requirement, const struct trust_subject *subject,
                     struct signatures *signatures, struct machine_error *error);
};

static const struct requirement_type types[] = {
        { "insecureAcceptAnything", { "type" }, check_nothing, accept_anything },
        { "reject", { "type" }, check_nothing, reject },
        { "signedBy",
          { "type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity" },
          check_signed_by,
          judge_signed_by },
        { "signedBaseLayer", { "type", "baseLayerIdentity" }, check_nothing, refuse_base_layer },
        { "sigstoreSigned",
          { "type", "keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki",
            "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData",
            "rekorPublicKeyDatas", "signedIdentity" },
          check_sigstore,
          judge_sigstore },
};

static const struct requirement_type *find_type(const json_t *requirement)
{
        const char *name = json_get_string(requirement, "type");

        for (size_t i = 0; i < ELEMENTS_OF(types); i++) {
                if (string_equal(types[i].name, name)) {
                        return &types[i];
                }
        }
        return NULL;
}

int requirement_check(const json_t *requirement, struct machine_error *error)
{
        const struct requirement_type *type = find_type(requirement);
        const char *name = json_get_string(requirement, "type");
        int r;

        if (!type) {
                return error_say(error, EINVAL, "unknown type of requirement \"%s\"",
                                 name ? name : "");
        }
        r = strict_check_keys(requirement, type->keys, error);
        return r < 0 ? r : type->check(requirement, error);
}

int requirement_judge(const json_t *requirement, const struct trust_subject *subject,
                      struct signatures *signatures, struct machine_error *error)
{
        const struct requirement_type *type = find_type(requirement);

        return type ? type->judge(requirement, subject, signatures, error)
                    : error_say(error, EINVAL, "unknown type of requirement");
}
