/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys/schema.h"

#include <errno.h>
#include <stdlib.h>

/* The format of .pod files: the keys of machines that have a meaning for a pod. */

int config_pod_table(struct config_table *ret)
{
        const struct config_table *machine = &config_machine_table;
        struct config_key *keys = calloc(machine->count, sizeof *keys);
        size_t count = 0;

        if (!keys) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < machine->count; i++) {
                if (machine->keys[i].flags & CONFIG_OF_POD) {
                        keys[count++] = machine->keys[i];
                }
        }
        *ret = (struct config_table){
                .name = "pod", .keys = keys, .count = count, .size = machine->size
        };
        return 0;
}

void config_pod_table_clear(struct config_table *table)
{
        free((struct config_key *)table->keys);
        *table = (struct config_table){ 0 };
}
