/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/reference.h"
#include "image/trust/keys.h"
#include "image/trust/openpgp.h"
#include "image/trust/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MANIFEST "{}"
#define DIGEST   "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* What was signed, and the armor and base64 around keys and signatures. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
        const struct trust_subject subject = { .transport = "docker",
                                               .reference = &reference,
                                               .manifest = MANIFEST,
                                               .manifest_length = strlen(MANIFEST) };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *key = NULL, *bytes = NULL;
        /* Files are read with a NUL at their end. */
        _cleanup_free_ char *text = strndup((const char *)data, size);
        size_t length;

        if (!text) {
                return 0;
        }
        size = strlen(text);
        if (image_reference_parse("registry.example.org/app:1", &reference, NULL) < 0) {
                abort();
        }
        /* Nothing is accepted that does not name the manifest and the image. */
        if (payload_check(text, size, PAYLOAD_TYPE_SIMPLE, NULL, &subject, &error) == 0 &&
            (!memmem(text, size, DIGEST + 8, strlen(DIGEST) - 8) ||
             !memmem(text, size, "app", 3))) {
                abort();
        }
        (void)openpgp_dearmor(text, size, &key, &length);
        if (base64_decode(text, size, &bytes, &length) == 0 && (!bytes || length > size)) {
                abort();
        }
        return 0;
}
