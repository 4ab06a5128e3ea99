/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "config/config.h"
#include "config/show.h"

/* An arbitrary definition is refused with a finding or an error, or accepted; the definition shown
 * for it must then mean the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

static struct machine *load(const void *data, size_t size)
{
        int fd = memfd_create("definition", MFD_CLOEXEC);
        char path[64];
        struct diagnostics diagnostics = { 0 };
        struct machine_error error = MACHINE_ERROR_INIT;
        struct machine *machine = NULL;
        char *findings;
        int r;

        require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        r = config_load(path, NULL, &diagnostics, &machine, &error);
        close(fd);
        findings = diagnostics_format(&diagnostics, false);
        require(findings != NULL);
        require(r == 0 ? diagnostics.errors == 0 : error.message != NULL);
        require((r < 0) == (machine == NULL));
        free(findings);
        diagnostics_clear(&diagnostics);
        machine_error_clear(&error);
        return machine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct machine *machine = load(data, size), *again;
        json_t *first, *second;
        char *text;

        if (!machine) {
                return 0;
        }
        text = config_machine_text(machine, false);
        require(text && config_machine_json(machine, false, &first) == 0);
        again = load(text, strlen(text));
        require(again && config_machine_json(again, false, &second) == 0);
        require(json_equal(first, second));
        json_decref(first);
        json_decref(second);
        free(text);
        machine_free(machine);
        machine_free(again);
        return 0;
}
