/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/volume.h>

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

struct volume_definition *volume_definition_new(const char *name)
{
        struct volume_definition *volume = calloc(1, sizeof *volume);

        if (!volume) {
                return NULL;
        }
        volume->size = MACHINE_UNSET;
        volume->name = strdup(name);
        if (!volume->name) {
                free(volume);
                return NULL;
        }
        return volume;
}

void volume_definition_free(struct volume_definition *volume)
{
        if (!volume) {
                return;
        }
        free(volume->name);
        free(volume->definition);
        strv_free(volume->labels);
        for (size_t i = 0; i < volume->origin_count; i++) {
                free(volume->origins[i].key);
                free(volume->origins[i].file);
        }
        free(volume->origins);
        free(volume);
}
