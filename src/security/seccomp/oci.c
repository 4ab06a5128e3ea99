/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/oci.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "security/capabilities/capabilities.h"

/* The kernel's maximum of an errno in a filter's answer. */
#define ERRNO_MAXIMUM 4095

struct reader {
        const char *file;
        const struct seccomp_oci_subject *subject;
        struct seccomp_policy policy;
        uint32_t flags;
        size_t rule; /* index in "syscalls", for messages */
        struct machine_error *error;
};

static int wrong(struct reader *reader, const char *format, ...) _printf_(2, 3);
static int wrong_rule(struct reader *reader, const char *format, ...) _printf_(2, 3);

/* Takes the message. */
static int wrong_at(struct reader *reader, const char *where, char *message)
{
        _cleanup_free_ char *owned = message;

        if (!owned) {
                return error_oom(reader->error);
        }
        error_say(reader->error, EINVAL, "%s: %s%s", reader->file, where, owned);
        return error_kind(reader->error, MACHINE_ERROR_DEFINITION);
}

/* Sets an error about the profile. */
static int wrong(struct reader *reader, const char *format, ...)
{
        return wrong_at(reader, "", STRING_OF_ARGUMENTS(format));
}

/* Sets an error about the current rule: "FILE: syscalls[3]: ..". */
static int wrong_rule(struct reader *reader, const char *format, ...)
{
        char where[48];

        snprintf(where, sizeof where, "syscalls[%zu]: ", reader->rule);
        return wrong_at(reader, where, STRING_OF_ARGUMENTS(format));
}

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

static const struct operation {
        const char *name;
        enum seccomp_operation operation;
} operations[] = {
        { "SCMP_CMP_EQ", SECCOMP_EQUAL },
        { "SCMP_CMP_NE", SECCOMP_NOT_EQUAL },
        { "SCMP_CMP_LT", SECCOMP_LESS },
        { "SCMP_CMP_LE", SECCOMP_LESS_OR_EQUAL },
        { "SCMP_CMP_GT", SECCOMP_GREATER },
        { "SCMP_CMP_GE", SECCOMP_GREATER_OR_EQUAL },
        { "SCMP_CMP_MASKED_EQ", SECCOMP_MASKED_EQUAL },
};

static const struct action *find_action(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
                if (strcmp(actions[i].name, name) == 0) {
                        return &actions[i];
                }
        }
        return NULL;
}

static int use_agent(struct reader *reader, const char *where, uint32_t *ret)
{
        if (!reader->subject->agent) {
                return wrong(reader,
                             "%sSCMP_ACT_NOTIFY needs an agent on the host, at \"listenerPath\" of "
                             "an OCI bundle",
                             where);
        }
        reader->flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        *ret = SECCOMP_RET_USER_NOTIF;
        return 0;
}

/* Parses the action in object[key], with the errno in object[errno_key], EPERM by default. */
static int read_action(struct reader *reader, const json_t *object, const char *key,
                       const char *errno_key, const char *where, uint32_t *ret)
{
        const char *name = json_get_string(object, key);
        const json_t *number = json_object_get(object, errno_key);
        const struct action *action;
        uint64_t value = EPERM;

        if (!name) {
                return wrong(reader, "%s\"%s\" is missing or not a string", where, key);
        }
        if (number && !json_is_null(number) &&
            (json_get_number(object, errno_key, &value) < 0 || value > ERRNO_MAXIMUM)) {
                return wrong(reader, "%s\"%s\" is not an errno (0..%d)", where, errno_key,
                             ERRNO_MAXIMUM);
        }
        action = find_action(name);
        if (!action) {
                return wrong(reader, "%sunknown action \"%s\"", where, name);
        }
        if (number && !json_is_null(number) && !action->has_errno) {
                return wrong(reader, "%s\"%s\" has no meaning for %s, which returns no errno",
                             where, errno_key, name);
        }
        if (action->action == SECCOMP_RET_USER_NOTIF) {
                return use_agent(reader, where, ret);
        }
        *ret = action->action | (action->has_errno ? (uint32_t)value : 0);
        return 0;
}

/* Those that have no effect on this processor are valid, too. */
static const char *const architectures[] = {
        "SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
        "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
        "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
        "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
        "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",     "SCMP_ARCH_LOONGARCH64",
        "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",
};

static bool is_architecture(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(architectures); i++) {
                if (strcmp(architectures[i], name) == 0) {
                        return true;
                }
        }
        return false;
}

static int use_architecture(struct reader *reader, const char *name)
{
        if (!name || !is_architecture(name)) {
                return wrong(reader, "\"%s\" is not an architecture", name ? name : "");
        }
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                if (strcmp(syscall_architectures[i].name, name) == 0) {
                        reader->policy.architectures[i] = true;
                }
        }
        return 0;
}

static int read_architectures(struct reader *reader, const json_t *array)
{
        size_t i;
        json_t *name;

        if (!json_is_array(array)) {
                return wrong(reader, "a list of architectures is not an array");
        }
        json_array_foreach(array, i, name)
        {
                int r = use_architecture(reader, json_string_value(name));

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Docker's form: the additional conventions of each processor. */
static int read_architecture_map(struct reader *reader, const json_t *map)
{
        size_t i;
        json_t *entry;

        if (!json_is_array(map)) {
                return wrong(reader, "\"archMap\" is not an array");
        }
        json_array_foreach(map, i, entry)
        {
                const char *name = json_get_string(entry, "architecture");
                const json_t *more = json_object_get(entry, "subArchitectures");
                int r;

                if (!name) {
                        return wrong(reader, "archMap[%zu]: \"architecture\" is missing", i);
                }
                if (strcmp(name, syscall_architectures[0].name) != 0) {
                        continue;
                }
                r = use_architecture(reader, name);
                if (r == 0 && more && !json_is_null(more)) {
                        r = read_architectures(reader, more);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int read_all_architectures(struct reader *reader, const json_t *profile)
{
        const json_t *list = json_object_get(profile, "architectures");
        const json_t *map = json_object_get(profile, "archMap");
        int r = 0;

        if (list && !json_is_null(list)) {
                r = read_architectures(reader, list);
        }
        if (r == 0 && map && !json_is_null(map)) {
                r = read_architecture_map(reader, map);
        }
        /* The native architecture is always in use, as the machine's programs need it. */
        reader->policy.architectures[0] = true;
        return r;
}

static const struct flag {
        const char *name;
        uint32_t flag;
} flags_known[] = {
        { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
        { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
        { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

static int use_flag(struct reader *reader, const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(flags_known); i++) {
                if (strcmp(flags_known[i].name, name) == 0) {
                        reader->flags |= flags_known[i].flag;
                        return 0;
                }
        }
        return wrong(reader, "unknown flag \"%s\"", name);
}

static int read_flags(struct reader *reader, const json_t *profile)
{
        const json_t *flags = json_object_get(profile, "flags");
        size_t i;
        json_t *flag;

        if (flags && !json_is_null(flags) && !json_is_array(flags)) {
                return wrong(reader, "\"flags\" is not an array");
        }
        json_array_foreach(flags, i, flag)
        {
                const char *name = json_string_value(flag);

                if (!name) {
                        return wrong(reader, "flags[%zu] is not a string", i);
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

/* Rules of seccomp(2) for flags, once it is known whether any action needs an agent. */
static int settle_flags(struct reader *reader)
{
        if (reader->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
                if (notifies(&reader->policy, "sendmsg")) {
                        return wrong(reader,
                                     "SCMP_ACT_NOTIFY cannot be used for sendmsg: the process "
                                     "needs it to pass the descriptor to the agent, which "
                                     "would wait for it");
                }
                /* The thread that installs the filter is the only one, and with a listener the
                 * kernel wants another flag to be told of one that cannot follow. */
                reader->flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_TSYNC;
                return 0;
        }
        if (reader->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
                return wrong(reader,
                             "the flag SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV has a meaning "
                             "only with SCMP_ACT_NOTIFY");
        }
        return 0;
}

/* ---- includes and excludes ---- */

static int has_capability(struct reader *reader, const char *name)
{
        int number = capability_parse(name);

        if (number < 0) {
                return wrong_rule(reader, "unknown capability \"%s\"", name);
        }
        return (reader->subject->capabilities & CAPABILITY_BIT(number)) != 0;
}

static int has_processor(struct reader *reader, const char *name)
{
        (void)reader;
        return strcmp(name, syscall_processor) == 0;
}

/* Whether any or all strings of an array satisfy the condition; all is true for an empty one. */
static int test_strings(struct reader *reader, const json_t *object, const char *key,
                        int (*holds)(struct reader *, const char *), bool *ret_any, bool *ret_all)
{
        const json_t *array = json_object_get(object, key);
        size_t i;
        json_t *value;

        *ret_any = false;
        *ret_all = true;
        if (!array || json_is_null(array)) {
                return 0;
        }
        if (!json_is_array(array)) {
                return wrong_rule(reader, "\"%s\" is not an array", key);
        }
        json_array_foreach(array, i, value)
        {
                const char *text = json_string_value(value);
                int r = text ? holds(reader, text)
                             : wrong_rule(reader, "\"%s\" contains a value that is not a string",
                                          key);

                if (r < 0) {
                        return r;
                }
                *ret_any |= r > 0;
                *ret_all &= r > 0;
        }
        return 0;
}

static bool has_strings(const json_t *object, const char *key)
{
        return json_array_size(json_object_get(object, key)) > 0;
}

/* 1 if the running kernel is at least the object's "minKernel", 0 if it is older, and `missing`
 * without one. */
static int test_kernel(struct reader *reader, const json_t *object, int missing)
{
        const json_t *value = json_object_get(object, "minKernel");
        unsigned int major, minor;
        char rest;

        if (!value || json_is_null(value)) {
                return missing;
        }
        if (!json_is_string(value) ||
            sscanf(json_string_value(value), "%4u.%4u%c", &major, &minor, &rest) != 2) {
                return wrong_rule(reader, "\"minKernel\" is not of the form \"MAJOR.MINOR\"");
        }
        return reader->subject->kernel_major > major ||
               (reader->subject->kernel_major == major && reader->subject->kernel_minor >= minor);
}

/* Whether a rule applies to this machine: everything in "includes" and nothing in "excludes"
 * holds. */
static int applies(struct reader *reader, const json_t *rule)
{
        const json_t *includes = json_object_get(rule, "includes");
        const json_t *excludes = json_object_get(rule, "excludes");
        bool any, all, some;
        int r;

        /* Any other type would be ignored, and the rule would apply to every machine. */
        if ((includes && !json_is_null(includes) && !json_is_object(includes)) ||
            (excludes && !json_is_null(excludes) && !json_is_object(excludes))) {
                return wrong_rule(reader, "\"includes\" or \"excludes\" is not an object");
        }
        r = test_strings(reader, includes, "caps", has_capability, &any, &all);
        if (r < 0 || !all) {
                return r;
        }
        r = test_strings(reader, includes, "arches", has_processor, &any, &all);
        if (r < 0 || (!any && has_strings(includes, "arches"))) {
                return r;
        }
        r = test_kernel(reader, includes, 1);
        if (r <= 0) {
                return r;
        }
        r = test_strings(reader, excludes, "caps", has_capability, &some, &all);
        if (r < 0 || some) {
                return r;
        }
        r = test_strings(reader, excludes, "arches", has_processor, &some, &all);
        if (r < 0 || some) {
                return r;
        }
        r = test_kernel(reader, excludes, 0);
        return r < 0 ? r : !r;
}

/* ---- args ---- */

static int read_condition(struct reader *reader, const json_t *object, size_t index,
                          struct seccomp_condition *ret)
{
        const char *name = json_get_string(object, "op");
        const json_t *second = json_object_get(object, "valueTwo");
        uint64_t argument, value, value_two = 0;
        const struct operation *operation = NULL;

        if (json_get_number(object, "index", &argument) < 0 || argument > 5) {
                return wrong_rule(reader, "args[%zu]: \"index\" is not a number 0..5", index);
        }
        if (json_get_number(object, "value", &value) < 0 ||
            (second && json_get_number(object, "valueTwo", &value_two) < 0)) {
                return wrong_rule(reader, "args[%zu]: \"value\" or \"valueTwo\" is not a number",
                                  index);
        }
        for (size_t i = 0; name && i < ELEMENTS_OF(operations); i++) {
                if (strcmp(operations[i].name, name) == 0) {
                        operation = &operations[i];
                }
        }
        if (!operation) {
                return wrong_rule(reader, "args[%zu]: unknown operator \"%s\"", index,
                                  name ? name : "");
        }
        *ret = (struct seccomp_condition){
                .argument = (unsigned int)argument,
                .operation = operation->operation,
                .value = value,
        };
        if (operation->operation == SECCOMP_MASKED_EQUAL) {
                /* The mask comes first; the value is compared with the masked bits. */
                ret->mask = value;
                ret->value = value_two & value;
        }
        return 0;
}

static int read_conditions(struct reader *reader, const json_t *rule,
                           struct seccomp_condition conditions[static SECCOMP_CONDITIONS_MAXIMUM],
                           size_t *ret_count, bool *ret_alternatives)
{
        const json_t *array = json_object_get(rule, "args");
        unsigned int seen = 0;
        size_t i;
        json_t *value;

        *ret_count = 0;
        *ret_alternatives = false;
        if (!array || json_is_null(array)) {
                return 0;
        }
        if (!json_is_array(array) || json_array_size(array) > SECCOMP_CONDITIONS_MAXIMUM) {
                return wrong_rule(reader, "\"args\" is not an array of at most %d elements",
                                  SECCOMP_CONDITIONS_MAXIMUM);
        }
        json_array_foreach(array, i, value)
        {
                int r = read_condition(reader, value, i, &conditions[i]);

                if (r < 0) {
                        return r;
                }
                *ret_alternatives |= (seen & (1U << conditions[i].argument)) != 0;
                seen |= 1U << conditions[i].argument;
        }
        *ret_count = json_array_size(array);
        return 0;
}

/* ---- syscalls ---- */

static int add_call(struct reader *reader, const char *name, uint32_t action,
                    const struct seccomp_condition *conditions, size_t count, bool alternatives)
{
        int call = syscall_find(name, strlen(name));
        int r = 0;

        if (call < 0) {
                if (reader->policy.default_action == SECCOMP_RET_ALLOW ||
                    reader->policy.default_action == SECCOMP_RET_LOG) {
                        return wrong_rule(reader, "unknown system call \"%s\"", name);
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
                return wrong_rule(reader, "more rules than a filter can contain");
        }
        return r < 0 ? error_oom(reader->error) : 0;
}

static int read_rule(struct reader *reader, const json_t *rule)
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
                return wrong_rule(reader, "not an object");
        }
        if ((!name && json_array_size(names) == 0) ||
            (names && !json_is_null(names) && !json_is_array(names))) {
                return wrong_rule(reader, "\"names\" is missing, empty or not an array");
        }
        r = read_action(reader, rule, "action", "errnoRet", where, &action);
        if (r == 0) {
                r = read_conditions(reader, rule, conditions, &count, &alternatives);
        }
        if (r < 0) {
                return r;
        }
        r = applies(reader, rule);
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
                        return wrong_rule(reader, "names[%zu] is not a string", i);
                }
                r = add_call(reader, json_string_value(value), action, conditions, count,
                             alternatives);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int read_rules(struct reader *reader, const json_t *profile)
{
        const json_t *rules = json_object_get(profile, "syscalls");
        json_t *rule;

        if (rules && !json_is_null(rules) && !json_is_array(rules)) {
                return wrong(reader, "\"syscalls\" is not an array");
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

static int read_profile(struct reader *reader, const json_t *profile)
{
        const char *listener = json_get_string(profile, "listenerPath");
        int r;

        if (!json_is_object(profile)) {
                return wrong(reader, "the profile is not an object");
        }
        if (listener && *listener && !reader->subject->agent) {
                return wrong(reader, "\"listenerPath\" is for OCI bundles, whose agents run on the "
                                     "host");
        }
        r = read_action(reader, profile, "defaultAction", "defaultErrnoRet", "",
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
        r = read_all_architectures(reader, profile);
        if (r == 0) {
                r = read_flags(reader, profile);
        }
        if (r == 0) {
                r = read_rules(reader, profile);
        }
        return r < 0 ? r : settle_flags(reader);
}

int seccomp_oci_parse(const char *text, size_t length, const char *file,
                      const struct seccomp_oci_subject *subject, struct seccomp_policy *ret,
                      uint32_t *ret_flags, struct machine_error *error)
{
        struct reader reader = { .file = file, .subject = subject, .error = error };
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

/* ---- what is known ---- */

int seccomp_oci_list(enum seccomp_oci_kind kind, char ***ret)
{
        static const struct {
                const void *first;
                size_t count;
                size_t stride;
        } tables[] = {
                [SECCOMP_OCI_ACTIONS] = { &actions[0].name, ELEMENTS_OF(actions),
                                          sizeof actions[0] },
                [SECCOMP_OCI_OPERATORS] = { &operations[0].name, ELEMENTS_OF(operations),
                                            sizeof operations[0] },
                [SECCOMP_OCI_ARCHITECTURES] = { architectures, ELEMENTS_OF(architectures),
                                                sizeof architectures[0] },
                [SECCOMP_OCI_FLAGS] = { &flags_known[0].name, ELEMENTS_OF(flags_known),
                                        sizeof flags_known[0] },
        };
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < tables[kind].count; i++) {
                const char *const *name =
                        (const void *)((const char *)tables[kind].first + i * tables[kind].stride);

                if (strv_append(&names, *name) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}
