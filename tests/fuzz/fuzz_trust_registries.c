/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "image/trust/registries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where signatures are: a file of registries.d. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_error_ struct machine_error repeated = MACHINE_ERROR_INIT;
        _cleanup_json_ json_t *scopes = json_object();

        if (!scopes) {
                return 0;
        }
        if (registries_parse((const char *)data, size, "file.yaml", scopes, &error) < 0) {
                if (!error_is_set(&error)) {
                        abort();
                }
                return 0;
        }
        /* A scope is that of one file. */
        if (json_object_size(scopes) > 0 &&
            registries_parse((const char *)data, size, "again.yaml", scopes, &repeated) >= 0) {
                abort();
        }
        return 0;
}
