/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oci/bundle/bundle.h"

#include <stdlib.h>

#include "base/strings.h"

static void clear_hooks(struct oci_hooks *hooks)
{
        for (size_t kind = 0; kind < OCI_HOOK_KINDS; kind++) {
                for (size_t i = 0; i < hooks->lists[kind].count; i++) {
                        free(hooks->lists[kind].items[i].path);
                        strv_free(hooks->lists[kind].items[i].args);
                        strv_free(hooks->lists[kind].items[i].env);
                }
                free(hooks->lists[kind].items);
        }
}

void oci_bundle_clear(struct oci_bundle *bundle)
{
        clear_hooks(&bundle->hooks);
        machine_free(bundle->machine);
        strv_free(bundle->annotations);
        strv_free(bundle->warnings);
        strv_free(bundle->unknown);
        free(bundle->cgroups_path);
        free(bundle->version);
        free(bundle->json);
        free(bundle->directory);
        *bundle = (struct oci_bundle){ 0 };
}
