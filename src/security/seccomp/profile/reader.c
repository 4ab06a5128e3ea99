/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"

/* Takes the message. */
static int wrong_at(struct profile_reader *reader, const char *where, char *message)
{
        _cleanup_free_ char *owned = message;

        if (!owned) {
                return error_oom(reader->error);
        }
        error_say(reader->error, EINVAL, "%s: %s%s", reader->file, where, owned);
        return error_kind(reader->error, MACHINE_ERROR_DEFINITION);
}

int profile_wrong(struct profile_reader *reader, const char *format, ...)
{
        return wrong_at(reader, "", STRING_OF_ARGUMENTS(format));
}

int profile_wrong_rule(struct profile_reader *reader, const char *format, ...)
{
        char where[48];

        snprintf(where, sizeof where, "syscalls[%zu]: ", reader->rule);
        return wrong_at(reader, where, STRING_OF_ARGUMENTS(format));
}
