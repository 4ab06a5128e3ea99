/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether the CRIU that there is works with this kernel. */

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/strings.h"
#include "criu/session.h"

/* Numbers of the messages, from CRIU's rpc.proto. */
enum {
        REQUEST_TYPE = 1,
        TYPE_VERSION = 10,
        RESPONSE_VERSION = 10,
        VERSION_MAJOR = 1,
        VERSION_MINOR = 2,
        VERSION_PATCH = 4,
};

/* Major and minor number of CRIU_LEAST. */
#define LEAST (4 * 1000 + 1)

#define VERSION_TIMEOUT UINT64_C(10000000)

static uint64_t number(struct wire_reader message, uint32_t field)
{
        struct wire_field found;

        return wire_find(message, field, &found) > 0 ? found.value : 0;
}

static int ask_version(struct wire_field *ret, uint8_t *buffer, struct machine_error *error)
{
        static const struct criu_start start = { .group = -EBADF };
        struct wire request = { 0 };
        struct wire_reader answer;
        struct criu criu;
        int r = criu_begin(&start, VERSION_TIMEOUT, &criu, error);

        if (r < 0) {
                return r;
        }
        wire_add_number(&request, REQUEST_TYPE, TYPE_VERSION);
        r = criu_send(&criu, &request, error);
        r = r < 0 ? r : criu_receive(&criu, buffer, &answer, error);
        if (r == 0 && wire_find(answer, RESPONSE_VERSION, ret) <= 0) {
                r = error_say(error, EBADMSG, "CRIU did not tell its version");
        }
        criu_end(&criu);
        wire_clear(&request);
        return r;
}

int criu_check(char **ret_version, struct machine_error *error)
{
        _cleanup_free_ uint8_t *buffer = malloc(CRIU_MESSAGE_MAXIMUM);
        _cleanup_free_ char *version = NULL;
        struct wire_field found;
        uint64_t major, minor;
        int r = buffer ? ask_version(&found, buffer, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        major = number(found.nested, VERSION_MAJOR);
        minor = number(found.nested, VERSION_MINOR);
        version = string_format("%u.%u.%u", (unsigned int)major, (unsigned int)minor,
                                (unsigned int)number(found.nested, VERSION_PATCH));
        if (!version) {
                return error_oom(error);
        }
        if (major > 1000 || minor > 999 || major * 1000 + minor < LEAST) {
                error_say(error, EOPNOTSUPP,
                          "CRIU is version %s, and only " CRIU_LEAST " and later restore what they "
                          "dump on this kernel",
                          version);
                error_hint(error, "install a later one: it is in Debian 13 and in Ubuntu 25.04");
                return -EOPNOTSUPP;
        }
        if (ret_version) {
                *ret_version = TAKE_PTR(version);
        }
        return 0;
}
