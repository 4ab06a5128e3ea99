/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/capabilities/definition_error.h"

#include "base/error.h"
#include "base/strings.h"

int definition_error(struct machine_error *error, const struct machine *machine, const char *key,
                     const char *format, ...)
{
        const struct machine_origin *origin = machine_origin_of(machine, key);
        _cleanup_free_ char *message = STRING_OF_ARGUMENTS(format);

        if (!message) {
                return error_oom(error);
        }
        if (origin) {
                error_say(error, EINVAL, "%s:%u: %s: %s", origin->file, origin->line, key, message);
        } else {
                error_say(error, EINVAL, "%s: %s", key, message);
        }
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}
