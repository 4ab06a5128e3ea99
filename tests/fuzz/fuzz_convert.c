/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "convert/compose/compose.h"
#include "convert/container/run.h"
#include "convert/lxc/lxc.h"
#include "convert/model/write.h"
#include "convert/oci/oci.h"
#include "convert/units/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sources of `convert`: the first byte says of which kind. What comes out is written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int (*const readers[])(struct conversion * conversion,
                                      const struct convert_source *source,
                                      struct machine_error *error) = {
                run_convert_script, compose_convert, lxc_convert, oci_convert, nspawn_convert,
        };
        _cleanup_conversion_ struct conversion conversion = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_close_ int fd = memfd_create("source", MFD_CLOEXEC);
        char path[64];
        const struct convert_source source = { .path = path,
                                               .shown = "source",
                                               .directory = "/nonexistent/source" };

        if (size == 0 || fd < 0 || file_write_all(fd, data + 1, size - 1) < 0) {
                return 0;
        }
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        (void)readers[data[0] % ELEMENTS_OF(readers)](&conversion, &source, &error);
        for (size_t i = 0; i < conversion.count; i++) {
                free(convert_write(conversion.files[i], NULL));
        }
        return 0;
}
