/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/syscalls/syscall_groups.h"

/* Every rule that differs from the others needs at least one instruction. */
#define RULES_MAXIMUM (BPF_MAXINSNS * 4)

void seccomp_policy_clear(struct seccomp_policy *policy)
{
        free(policy->rules);
        free(policy->conditions);
        memset(policy, 0, sizeof *policy);
}

static int make_room(void **array, size_t *room, size_t needed, size_t size)
{
        size_t more = *room ? *room * 2 : 512;
        void *grown;

        if (needed <= *room) {
                return 0;
        }
        if (needed > RULES_MAXIMUM) {
                return -E2BIG;
        }
        grown = reallocarray(*array, more, size);
        if (!grown) {
                return -ENOMEM;
        }
        *array = grown;
        *room = more;
        return 0;
}

int seccomp_policy_add(struct seccomp_policy *policy, uint32_t call, uint32_t action,
                       const struct seccomp_condition *conditions, size_t count)
{
        int r = make_room((void **)&policy->rules, &policy->rule_room, policy->rule_count + 1,
                          sizeof *policy->rules);

        if (r == 0 && count > 0) {
                r = make_room((void **)&policy->conditions, &policy->condition_room,
                              policy->condition_count + count, sizeof *policy->conditions);
        }
        if (r < 0) {
                return r;
        }
        if (count > 0) {
                memcpy(policy->conditions + policy->condition_count, conditions,
                       count * sizeof *conditions);
        }
        policy->rules[policy->rule_count] = (struct seccomp_rule){
                .call = call,
                .action = action,
                .first_condition = (uint32_t)policy->condition_count,
                .condition_count = (uint32_t)count,
                .order = (uint32_t)policy->rule_count,
        };
        policy->rule_count++;
        policy->condition_count += count;
        return 0;
}

struct addition {
        struct seccomp_policy *policy;
        uint32_t action;
};

static int add_name(const char *name, size_t length, void *data)
{
        struct addition *addition = data;
        int call = syscall_find(name, length);

        return call < 0 ? 0
                        : seccomp_policy_add(addition->policy, (uint32_t)call, addition->action,
                                             NULL, 0);
}

int seccomp_policy_add_names(struct seccomp_policy *policy, const char *names, uint32_t action)
{
        struct addition addition = { policy, action };

        return syscall_names_walk(names, add_name, &addition);
}

int seccomp_policy_replace(struct seccomp_policy *policy, uint32_t call, uint32_t action)
{
        size_t kept = 0;

        for (size_t i = 0; i < policy->rule_count; i++) {
                if (policy->rules[i].call != call) {
                        policy->rules[kept++] = policy->rules[i];
                }
        }
        policy->rule_count = kept;
        return seccomp_policy_add(policy, call, action, NULL, 0);
}
