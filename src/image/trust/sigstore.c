/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/sigstore.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/strings.h"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free, cleanup_public_key)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free, cleanup_context)
DEFINE_CLEANUP(BIO *, BIO_free_all, cleanup_bio)

static EVP_PKEY *load_key(const struct key *key)
{
        _cleanup_(cleanup_bio) BIO *bio =
                key->length <= INT_MAX ? BIO_new_mem_buf(key->data, (int)key->length) : NULL;
        EVP_PKEY *loaded = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

        if (loaded && EVP_PKEY_get_base_id(loaded) != EVP_PKEY_EC) {
                EVP_PKEY_free(loaded);
                return NULL;
        }
        return loaded;
}

/* Returns whether the signature is one of the key. */
static bool verify(EVP_PKEY *key, const struct signature *signature, const char *raw,
                   size_t raw_length)
{
        _cleanup_(cleanup_context) EVP_MD_CTX *context = EVP_MD_CTX_new();

        return context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
               EVP_DigestVerify(context, (const unsigned char *)raw, raw_length,
                                (const unsigned char *)signature->data, signature->length) == 1;
}

int sigstore_verify(const struct keys *keys, const struct signature *signature,
                    struct machine_error *error)
{
        _cleanup_free_ char *raw = NULL;
        size_t length;
        bool accepted = false;
        int r = base64_decode(signature->base64, strlen(signature->base64), &raw, &length);

        /* A key that cannot be used is an error even if another one fits: it would be found out
         * when it is needed. */
        for (size_t i = 0; i < keys->count; i++) {
                _cleanup_(cleanup_public_key) EVP_PKEY *key = load_key(&keys->items[i]);

                if (!key) {
                        return error_say(error, EINVAL, "%s is not a public ECDSA key in PEM",
                                         keys->items[i].what);
                }
                accepted = accepted || (r == 0 && verify(key, signature, raw, length));
        }
        ERR_clear_error();
        return accepted ? 0
               : r == -ENOMEM
                       ? error_oom(error)
                       : error_say(error, EKEYREJECTED, "%s",
                                   r < 0 ? "a signature is not base64"
                                         : "a signature was not made with a key that is accepted");
}
