/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "oci/bundle/bundle.h"
#include "runtime/common/runtime.h"

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        const char *directory = arguments->values[ARGUMENT_BUNDLE];
        _cleanup_free_ char *text = oci_spec(arguments_has(arguments, ARGUMENT_FOR_USER));
        _cleanup_free_ char *path = string_format("%s/config.json", directory ? directory : ".");
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!text || !path) {
                return error_oom(error);
        }
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0) {
                r = error_set(error, errno, "cannot create %s", path);
                if (r == -EEXIST) {
                        error_hint(error, "remove it first: a configuration is not overwritten");
                }
                return r;
        }
        r = file_write_all(fd, text, strlen(text));
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

const struct verb verb_spec = {
        .name = "spec",
        .arguments = "",
        .stateless = true,
        .summary = "Write a config.json to begin with",
        .options = ARGUMENT_BIT(ARGUMENT_BUNDLE) | ARGUMENT_BIT(ARGUMENT_FOR_USER),
        .run = run,
};
