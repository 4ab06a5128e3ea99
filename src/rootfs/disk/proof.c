/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/disk/proof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rootfs/disk/mapper.h"

void disk_proof_clear(struct disk_proof *proof)
{
        free(proof->path);
        free(proof->root_hash);
        free(proof->signer);
        free(proof->device);
        *proof = (struct disk_proof){ 0 };
}

bool disk_is_corrupt(const struct disk_proof *proof)
{
        char status[64];

        return proof->device && mapper_status(proof->device, status, sizeof status) == 0 &&
               status[0] == 'C';
}

/* The kernel's admin-guide/device-mapper/verity.rst: "VERSION DATA-DEVICE HASH-DEVICE ..". */
int disk_proof_device(const struct disk_proof *proof, char *ret, size_t size)
{
        char parameters[64], data[16];
        int r = proof->device ? mapper_parameters(proof->device, parameters, sizeof parameters)
                              : -ENOENT;

        if (r < 0) {
                return r;
        }
        if (sscanf(parameters, "%*s %15s", data) != 1) {
                return -EBADMSG;
        }
        snprintf(ret, size, "%s", data);
        return 0;
}
