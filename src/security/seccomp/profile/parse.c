/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/profile.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "base/error.h"
#include "base/json.h"
#include "security/seccomp/profile/reader.h"

static int read_profile(struct profile_reader *reader, const json_t *profile)
{
        const char *listener = json_get_string(profile, "listenerPath");
        int r;

        if (!json_is_object(profile)) {
                return profile_wrong(reader, "the profile is not an object");
        }
        if (listener && *listener && !reader->subject->agent) {
                return profile_wrong(reader,
                                     "\"listenerPath\" is for OCI bundles, whose agents run on the "
                                     "host");
        }
        r = profile_read_action(reader, profile, "defaultAction", "defaultErrnoRet", "",
                                &reader->policy.default_action);
        if (r < 0) {
                return r;
        }
        /* A default action that refuses cannot be meant for calls that the profile's author could
         * not know: to C libraries they must look like those of a newer kernel. */
        reader->policy.unknown_action =
                (reader->policy.default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO
                        ? SECCOMP_RET_ERRNO | ENOSYS
                        : reader->policy.default_action;
        reader->policy.foreign_action = SECCOMP_RET_KILL_PROCESS;
        r = profile_read_architectures(reader, profile);
        if (r == 0) {
                r = profile_read_flags(reader, profile);
        }
        if (r == 0) {
                r = profile_read_rules(reader, profile);
        }
        return r < 0 ? r : profile_settle_flags(reader);
}

int seccomp_oci_parse(const char *text, size_t length, const char *file,
                      const struct seccomp_oci_subject *subject, struct seccomp_policy *ret,
                      uint32_t *ret_flags, struct machine_error *error)
{
        struct profile_reader reader = { .file = file, .subject = subject, .error = error };
        _cleanup_json_ json_t *profile = NULL;
        json_error_t reason;
        int r;

        /* jansson itself limits the nesting (2048). */
        profile = json_parse(text, length, &reason);
        if (!profile) {
                error_say(error, EINVAL, "%s:%d:%d: %s", file, reason.line, reason.column,
                          reason.text);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        r = read_profile(&reader, profile);
        if (r < 0) {
                seccomp_policy_clear(&reader.policy);
                return r;
        }
        *ret = reader.policy;
        *ret_flags = reader.flags;
        return 0;
}

int seccomp_oci_list(enum seccomp_oci_kind kind, char ***ret)
{
        static const struct profile_names *const tables[] = {
                [SECCOMP_OCI_ACTIONS] = &profile_actions,
                [SECCOMP_OCI_OPERATORS] = &profile_operators,
                [SECCOMP_OCI_ARCHITECTURES] = &profile_architectures,
                [SECCOMP_OCI_FLAGS] = &profile_flags,
        };
        const struct profile_names *table = tables[kind];
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < table->count; i++) {
                const char *const *name =
                        (const void *)((const char *)table->first + i * table->stride);

                if (strv_append(&names, *name) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}
