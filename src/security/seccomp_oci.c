/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp_oci.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "security/capabilities.h"

/* What an errno can be at most in a filter's answer, and the kernel's own bound of one. */
#define ERRNO_MAXIMUM 4095

struct reader {
        const char *file;
        const struct seccomp_oci_subject *subject;
        struct seccomp_policy policy;
        bool log;
        size_t rule; /* index in "syscalls", for messages */
        struct machine_error *error;
};

static int wrong_at(struct reader *reader, const char *where, const char *format, va_list arguments)
        _printf_(3, 0);
static int wrong(struct reader *reader, const char *format, ...) _printf_(2, 3);
static int wrong_rule(struct reader *reader, const char *format, ...) _printf_(2, 3);

static int wrong_at(struct reader *reader, const char *where, const char *format, va_list arguments)
{
        _cleanup_free_ char *message = string_format_list(format, arguments);

        if (!message) {
                return error_oom(reader->error);
        }
        error_say(reader->error, EINVAL, "%s: %s%s", reader->file, where, message);
        return error_kind(reader->error, MACHINE_ERROR_DEFINITION);
}

/* Fills the error for what is wrong with the profile. */
static int wrong(struct reader *reader, const char *format, ...)
{
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = wrong_at(reader, "", format, arguments);
        va_end(arguments);
        return r;
}

/* The same for the rule that is read: "FILE: syscalls[3]: ..". */
static int wrong_rule(struct reader *reader, const char *format, ...)
{
        char where[48];
        va_list arguments;
        int r;

        snprintf(where, sizeof where, "syscalls[%zu]: ", reader->rule);
        va_start(arguments, format);
        r = wrong_at(reader, where, format, arguments);
        va_end(arguments);
        return r;
}

static const struct action {
        const char *name;
        uint32_t action;
        bool has_errno;
} actions[] = {
        { "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
        { "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
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

/* The action that object[key] names, with the errno of object[errno_key], EPERM unless given. */
static int read_action(struct reader *reader, const json_t *object, const char *key,
                       const char *errno_key, const char *where, uint32_t *ret)
{
        const char *name = json_get_string(object, key);
        const json_t *number = json_object_get(object, errno_key);
        uint64_t value = EPERM;

        if (!name) {
                return wrong(reader, "%s\"%s\" is missing or not a string", where, key);
        }
        if (number && !json_is_null(number) &&
            (json_get_number(object, errno_key, &value) < 0 || value > ERRNO_MAXIMUM)) {
                return wrong(reader, "%s\"%s\" is not an errno (0..%d)", where, errno_key,
                             ERRNO_MAXIMUM);
        }
        for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
                if (strcmp(actions[i].name, name) == 0) {
                        *ret = actions[i].action;
                        if (actions[i].has_errno) {
                                *ret |= (uint32_t)value;
                        }
                        return 0;
                }
        }
        if (strcmp(name, "SCMP_ACT_NOTIFY") == 0) {
                return wrong(reader,
                             "%sSCMP_ACT_NOTIFY needs an agent beside the machine, which "
                             "is not supported",
                             where);
        }
        return wrong(reader, "%sunknown action \"%s\"", where, name);
}

/* Other processors' names are as good: they are of no use here and do no harm. */
static int use_architecture(struct reader *reader, const char *name)
{
        if (!name || !string_after(name, "SCMP_ARCH_")) {
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

/* Docker's form: for each processor the conventions that come with it. */
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
        /* The processor's own is in use whatever a profile says, as its programs are. */
        reader->policy.architectures[0] = true;
        return r;
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
                /* The others are about threads and speed and have no meaning before execve(2). */
                if (strcmp(name, "SECCOMP_FILTER_FLAG_LOG") == 0) {
                        reader->log = true;
                } else if (strcmp(name, "SECCOMP_FILTER_FLAG_TSYNC") != 0 &&
                           strcmp(name, "SECCOMP_FILTER_FLAG_SPEC_ALLOW") != 0 &&
                           strcmp(name, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") != 0) {
                        return wrong(reader, "unknown flag \"%s\"", name);
                }
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

/* Whether any and whether all of an array's strings hold; all of none do. */
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
                             : wrong_rule(reader, "\"%s\" holds something else than a string", key);

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

/* 1 where the running kernel is at least the "minKernel" of the object, 0 where it is older, and
 * `missing` where nothing is asked. */
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

/* Whether a rule applies to this machine: all that it includes and nothing that it excludes. */
static int applies(struct reader *reader, const json_t *rule)
{
        const json_t *includes = json_object_get(rule, "includes");
        const json_t *excludes = json_object_get(rule, "excludes");
        bool any, all, some;
        int r;

        /* Anything else would ask nothing, and the rule would hold for everyone. */
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
                /* The mask comes first; only what it lets through can be equal. */
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
                return wrong_rule(reader, "\"args\" is not an array of at most %d",
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
                return wrong_rule(reader, "more rules than a filter can hold");
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
        if (listener && *listener) {
                return wrong(reader, "\"listenerPath\" needs an agent beside the machine, which is "
                                     "not supported");
        }
        r = read_action(reader, profile, "defaultAction", "defaultErrnoRet", "",
                        &reader->policy.default_action);
        if (r < 0) {
                return r;
        }
        /* What refuses by number cannot mean calls that it cannot know: to C libraries such a call
         * has to look like one of a newer kernel. */
        reader->policy.unknown_action =
                (reader->policy.default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO
                        ? SECCOMP_RET_ERRNO | ENOSYS
                        : reader->policy.default_action;
        reader->policy.foreign_action = SECCOMP_RET_KILL_PROCESS;
        r = read_all_architectures(reader, profile);
        if (r == 0) {
                r = read_flags(reader, profile);
        }
        return r < 0 ? r : read_rules(reader, profile);
}

int seccomp_oci_parse(const char *text, size_t length, const char *file,
                      const struct seccomp_oci_subject *subject, struct seccomp_policy *ret,
                      bool *ret_log, struct machine_error *error)
{
        struct reader reader = { .file = file, .subject = subject, .error = error };
        _cleanup_json_ json_t *profile = NULL;
        json_error_t reason;
        int r;

        /* jansson bounds the depth of nesting itself (2048). */
        profile = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
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
        *ret_log = reader.log;
        return 0;
}
