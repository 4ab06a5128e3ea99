/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/digest.h"
#include "image/reference.h"
#include "image/registry/challenge.h"
#include "image/registry/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* References, authentication headers and credential files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
        _cleanup_challenge_ struct challenge challenge = { 0 };
        _cleanup_credentials_ struct credentials credentials = { 0 };
        _cleanup_free_ char *text = strndup((const char *)data, size);

        if (!text) {
                return 0;
        }
        if (image_reference_parse(text, &reference, &error) == 0) {
                _cleanup_free_ char *full = image_reference_format(&reference);
                _cleanup_image_reference_ struct image_reference again = IMAGE_REFERENCE_INIT;
                _cleanup_free_ char *same = NULL;

                /* An accepted reference equals its full form, and is safe as a path. */
                if (!full || strstr(full, "/..") || strchr(full, '%') ||
                    image_reference_parse(full, &again, NULL) < 0) {
                        abort();
                }
                same = image_reference_format(&again);
                if (!same || strcmp(full, same) != 0) {
                        abort();
                }
        }
        (void)challenge_parse(text, &challenge);
        /* Credential helpers are programs and not run here. */
        if (!memmem(data, size, "cred", 4)) {
                (void)credentials_read(text, strlen(text), "docker.io", "library/nginx",
                                       "auth.json", NULL, &credentials, &error);
        }
        return 0;
}
