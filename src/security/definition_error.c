/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/definition_error.h"

#include <stdarg.h>

#include "base/error.h"

int definition_error(struct machine_error *error, const struct machine *machine, const char *key,
                     const char *format, ...)
{
        const struct machine_origin *origin = machine_origin_of(machine, key);
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (n < 0) {
                message = NULL;
                return error_oom(error);
        }
        if (origin) {
                error_say(error, EINVAL, "%s:%u: %s: %s", origin->file, origin->line, key, message);
        } else {
                error_say(error, EINVAL, "%s: %s", key, message);
        }
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}
