/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/preserved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"

#define PRESERVED_MAXIMUM 4096

/* Variables that are for another process have nothing to say. One that does not name a process is
 * taken, as crun does: some callers know their runtime's pid too late. */
static int take_listening(struct preserved *preserved, struct machine_error *error)
{
        const char *text = getenv("LISTEN_FDS"), *process = getenv("LISTEN_PID");
        uint64_t count, pid = (uint64_t)getpid();

        if (!text ||
            (process && (quantity_parse_number(process, &pid) < 0 || pid != (uint64_t)getpid()))) {
                return 0;
        }
        if (quantity_parse_number(text, &count) < 0 || count > PRESERVED_MAXIMUM) {
                return error_say(error, EINVAL, "LISTEN_FDS=%s: expected a number up to %d", text,
                                 PRESERVED_MAXIMUM);
        }
        preserved->listening = (unsigned int)count;
        preserved->listening_names = getenv("LISTEN_FDNAMES");
        return 0;
}

static int check(const struct preserved *preserved, struct machine_error *error)
{
        for (unsigned int i = 0; i < preserved->count; i++) {
                if (fcntl((int)i + 3, F_GETFD) >= 0) {
                        continue;
                }
                return i < preserved->listening
                               ? error_say(error, EBADF, "LISTEN_FDS=%u: descriptor %u is not open",
                                           preserved->listening, i + 3)
                               : error_say(error, EBADF,
                                           "--preserve-fds=%u: descriptor %u is not open",
                                           preserved->count - preserved->listening, i + 3);
        }
        return 0;
}

int preserved_take(const struct arguments *arguments, bool container, struct preserved *ret,
                   struct machine_error *error)
{
        struct preserved preserved = { 0 };
        uint64_t count;
        int r = arguments_number(arguments, ARGUMENT_PRESERVE_FDS, PRESERVED_MAXIMUM, &count,
                                 error);

        if (r == 0 && container) {
                r = take_listening(&preserved, error);
        }
        preserved.count = preserved.listening + (unsigned int)count;
        if (r == 0) {
                r = check(&preserved, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = preserved;
        return 0;
}
