/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "image/document/document.h"

int manifest_read_blobs(const json_t *document, struct manifest *ret, struct machine_error *error)
{
        _cleanup_manifest_ struct manifest manifest = MANIFEST_INIT;
        const json_t *layers = json_object_get(document, "layers"), *layer;
        int r = descriptor_read(json_object_get(document, "config"), "the config of the manifest",
                                &manifest.config, error);
        size_t i;

        if (r < 0) {
                return r;
        }
        if (json_array_size(layers) > DOCUMENT_LAYERS_MAX) {
                return error_say(error, EBADMSG, "the manifest has more than %d layers",
                                 DOCUMENT_LAYERS_MAX);
        }
        manifest.layers = calloc(json_array_size(layers) + 1, sizeof *manifest.layers);
        if (!manifest.layers) {
                return error_oom(error);
        }
        json_array_foreach(layers, i, layer)
        {
                r = descriptor_read(layer, "a layer of the manifest",
                                    &manifest.layers[manifest.layer_count], error);
                if (r < 0) {
                        return r;
                }
                manifest.layer_count++;
        }
        *ret = manifest;
        manifest = (struct manifest)MANIFEST_INIT;
        return 0;
}
