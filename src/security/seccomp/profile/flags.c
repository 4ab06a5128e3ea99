/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/json.h"

static const struct flag {
        const char *name;
        uint32_t flag;
} flags_known[] = {
        { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
        { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
        { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

const struct profile_names profile_flags = { &flags_known[0].name, ELEMENTS_OF(flags_known),
                                             sizeof flags_known[0] };

static int use_flag(struct profile_reader *reader, const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(flags_known); i++) {
                if (strcmp(flags_known[i].name, name) == 0) {
                        reader->flags |= flags_known[i].flag;
                        return 0;
                }
        }
        return profile_wrong(reader, "unknown flag \"%s\"", name);
}

int profile_read_flags(struct profile_reader *reader, const json_t *profile)
{
        const json_t *flags = json_object_get(profile, "flags");
        size_t i;
        json_t *flag;

        if (flags && !json_is_null(flags) && !json_is_array(flags)) {
                return profile_wrong(reader, "\"flags\" is not an array");
        }
        json_array_foreach(flags, i, flag)
        {
                const char *name = json_string_value(flag);

                if (!name) {
                        return profile_wrong(reader, "flags[%zu] is not a string", i);
                }
                if (use_flag(reader, name) < 0) {
                        return -EINVAL;
                }
        }
        return 0;
}

/* Whether the agent decides about any use of a call. */
static bool notifies(const struct seccomp_policy *policy, const char *name)
{
        int call = syscall_find(name, strlen(name));
        bool ruled = false;

        for (size_t i = 0; i < policy->rule_count; i++) {
                if (policy->rules[i].call != (uint32_t)call) {
                        continue;
                }
                if (policy->rules[i].action == SECCOMP_RET_USER_NOTIF) {
                        return true;
                }
                ruled = ruled || policy->rules[i].condition_count == 0;
        }
        return !ruled && policy->default_action == SECCOMP_RET_USER_NOTIF;
}

int profile_settle_flags(struct profile_reader *reader)
{
        if (reader->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
                if (notifies(&reader->policy, "sendmsg")) {
                        return profile_wrong(
                                reader, "SCMP_ACT_NOTIFY cannot be used for sendmsg: the process "
                                        "needs it to pass the descriptor to the agent, which "
                                        "would wait for it");
                }
                /* The thread that installs the filter is the only one, and with a listener the
                 * kernel wants another flag to be told of one that cannot follow. */
                reader->flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_TSYNC;
                return 0;
        }
        if (reader->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
                return profile_wrong(
                        reader, "the flag SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV has a meaning "
                                "only with SCMP_ACT_NOTIFY");
        }
        return 0;
}
