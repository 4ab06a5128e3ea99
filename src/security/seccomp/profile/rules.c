/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static int add_call(struct profile_reader *reader, const char *name, uint32_t action,
                    const struct seccomp_condition *conditions, size_t count, bool alternatives)
{
        int call = syscall_find(name, strlen(name));
        int r = 0;

        if (call < 0) {
                if (reader->policy.default_action == SECCOMP_RET_ALLOW ||
                    reader->policy.default_action == SECCOMP_RET_LOG) {
                        return profile_wrong_rule(reader, "unknown system call \"%s\"", name);
                }
                return 0;
        }
        if (!alternatives) {
                r = seccomp_policy_add(&reader->policy, (uint32_t)call, action, conditions, count);
        }
        for (size_t i = 0; alternatives && i < count && r == 0; i++) {
                r = seccomp_policy_add(&reader->policy, (uint32_t)call, action, &conditions[i], 1);
        }
        if (r == -E2BIG) {
                return profile_wrong_rule(reader, "more rules than a filter can contain");
        }
        return r < 0 ? error_oom(reader->error) : 0;
}

static int read_rule(struct profile_reader *reader, const json_t *rule)
{
        struct seccomp_condition conditions[SECCOMP_CONDITIONS_MAXIMUM];
        const json_t *names = json_object_get(rule, "names");
        const char *name = json_get_string(rule, "name");
        char where[48];
        uint32_t action;
        bool alternatives;
        size_t count, i;
        json_t *value;
        int r;

        snprintf(where, sizeof where, "syscalls[%zu]: ", reader->rule);
        if (!json_is_object(rule)) {
                return profile_wrong_rule(reader, "not an object");
        }
        if ((!name && json_array_size(names) == 0) ||
            (names && !json_is_null(names) && !json_is_array(names))) {
                return profile_wrong_rule(reader, "\"names\" is missing, empty or not an array");
        }
        r = profile_read_action(reader, rule, "action", "errnoRet", where, &action);
        if (r == 0) {
                r = profile_read_conditions(reader, rule, conditions, &count, &alternatives);
        }
        if (r < 0) {
                return r;
        }
        r = profile_rule_applies(reader, rule);
        if (r <= 0) {
                return r;
        }
        if (name) {
                r = add_call(reader, name, action, conditions, count, alternatives);
                if (r < 0) {
                        return r;
                }
        }
        json_array_foreach(names, i, value)
        {
                if (!json_is_string(value)) {
                        return profile_wrong_rule(reader, "names[%zu] is not a string", i);
                }
                r = add_call(reader, json_string_value(value), action, conditions, count,
                             alternatives);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int profile_read_rules(struct profile_reader *reader, const json_t *profile)
{
        const json_t *rules = json_object_get(profile, "syscalls");
        json_t *rule;

        if (rules && !json_is_null(rules) && !json_is_array(rules)) {
                return profile_wrong(reader, "\"syscalls\" is not an array");
        }
        json_array_foreach(rules, reader->rule, rule)
        {
                int r = read_rule(reader, rule);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
