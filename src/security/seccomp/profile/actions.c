/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/json.h"

/* The kernel's maximum of an errno in a filter's answer. */
#define ERRNO_MAXIMUM 4095

static const struct action {
        const char *name;
        uint32_t action;
        bool has_errno;
} actions[] = {
        { "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
        { "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
        { "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false },
        { "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
        { "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
        { "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
        { "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
        { "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
        { "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
};

const struct profile_names profile_actions = { &actions[0].name, ELEMENTS_OF(actions),
                                               sizeof actions[0] };

static const struct action *find_action(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
                if (strcmp(actions[i].name, name) == 0) {
                        return &actions[i];
                }
        }
        return NULL;
}

static int use_agent(struct profile_reader *reader, const char *where, uint32_t *ret)
{
        if (!reader->subject->agent) {
                return profile_wrong(
                        reader,
                        "%sSCMP_ACT_NOTIFY needs an agent on the host, at \"listenerPath\" of "
                        "an OCI bundle",
                        where);
        }
        reader->flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        *ret = SECCOMP_RET_USER_NOTIF;
        return 0;
}

int profile_read_action(struct profile_reader *reader, const json_t *object, const char *key,
                        const char *errno_key, const char *where, uint32_t *ret)
{
        const char *name = json_get_string(object, key);
        const json_t *number = json_object_get(object, errno_key);
        const struct action *action;
        uint64_t value = EPERM;

        if (!name) {
                return profile_wrong(reader, "%s\"%s\" is missing or not a string", where, key);
        }
        if (number && !json_is_null(number) &&
            (json_get_number(object, errno_key, &value) < 0 || value > ERRNO_MAXIMUM)) {
                return profile_wrong(reader, "%s\"%s\" is not an errno (0..%d)", where, errno_key,
                                     ERRNO_MAXIMUM);
        }
        action = find_action(name);
        if (!action) {
                return profile_wrong(reader, "%sunknown action \"%s\"", where, name);
        }
        if (number && !json_is_null(number) && !action->has_errno) {
                return profile_wrong(reader,
                                     "%s\"%s\" has no meaning for %s, which returns no errno",
                                     where, errno_key, name);
        }
        if (action->action == SECCOMP_RET_USER_NOTIF) {
                return use_agent(reader, where, ret);
        }
        *ret = action->action | (action->has_errno ? (uint32_t)value : 0);
        return 0;
}
