/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "image/document/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Manifests, indexes and configs as sent by a registry. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct platform platform = { (char *)"linux", (char *)"arm", (char *)"v7" };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_json_ json_t *document = NULL, *defaults = NULL;
        _cleanup_manifest_ struct manifest manifest = MANIFEST_INIT;
        _cleanup_descriptor_ struct descriptor descriptor = { .media_type = NULL };
        _cleanup_config_ struct config config = CONFIG_INIT;
        enum document_type type;

        if (document_parse((const char *)data, size, "the manifest", &document, &error) == 0 &&
            document_type(document, MEDIA_TYPE_OCI_INDEX "; charset=utf-8", &type, &error) == 0) {
                /* A document that was sent as an index is never read as a manifest. */
                if (type == DOCUMENT_MANIFEST) {
                        abort();
                }
        }
        if (document && document_type(document, NULL, &type, &error) == 0) {
                if (type == DOCUMENT_INDEX) {
                        (void)index_choose(document, &platform, &descriptor, &error);
                } else {
                        (void)manifest_read(document, &manifest, &error);
                }
        }
        if (config_read((const char *)data, size, &config, &error) == 0) {
                (void)config_defaults(&config, &defaults, &error);
        }
        return 0;
}
