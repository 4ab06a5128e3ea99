/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <stdio.h>
#include <string.h>

#include "security/capabilities/capabilities.h"

static int has_capability(struct profile_reader *reader, const char *name)
{
        int number = capability_parse(name);

        if (number < 0) {
                return profile_wrong_rule(reader, "unknown capability \"%s\"", name);
        }
        return (reader->subject->capabilities & CAPABILITY_BIT(number)) != 0;
}

static int has_processor(struct profile_reader *reader, const char *name)
{
        (void)reader;
        return strcmp(name, syscall_processor) == 0;
}

/* Whether any or all strings of an array satisfy the condition; all is true for an empty one. */
static int test_strings(struct profile_reader *reader, const json_t *object, const char *key,
                        int (*holds)(struct profile_reader *, const char *), bool *ret_any,
                        bool *ret_all)
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
                return profile_wrong_rule(reader, "\"%s\" is not an array", key);
        }
        json_array_foreach(array, i, value)
        {
                const char *text = json_string_value(value);
                int r = text ? holds(reader, text)
                             : profile_wrong_rule(
                                       reader, "\"%s\" contains a value that is not a string", key);

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
static int test_kernel(struct profile_reader *reader, const json_t *object, int missing)
{
        const json_t *value = json_object_get(object, "minKernel");
        unsigned int major, minor;
        char rest;

        if (!value || json_is_null(value)) {
                return missing;
        }
        if (!json_is_string(value) ||
            sscanf(json_string_value(value), "%4u.%4u%c", &major, &minor, &rest) != 2) {
                return profile_wrong_rule(reader,
                                          "\"minKernel\" is not of the form \"MAJOR.MINOR\"");
        }
        return reader->subject->kernel_major > major ||
               (reader->subject->kernel_major == major && reader->subject->kernel_minor >= minor);
}

int profile_rule_applies(struct profile_reader *reader, const json_t *rule)
{
        const json_t *includes = json_object_get(rule, "includes");
        const json_t *excludes = json_object_get(rule, "excludes");
        bool any, all, some;
        int r;

        /* Any other type would be ignored, and the rule would apply to every machine. */
        if ((includes && !json_is_null(includes) && !json_is_object(includes)) ||
            (excludes && !json_is_null(excludes) && !json_is_object(excludes))) {
                return profile_wrong_rule(reader, "\"includes\" or \"excludes\" is not an object");
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
