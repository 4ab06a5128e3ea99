/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <string.h>

#include "base/json.h"

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

const struct profile_names profile_operators = { &operations[0].name, ELEMENTS_OF(operations),
                                                 sizeof operations[0] };

static int read_condition(struct profile_reader *reader, const json_t *object, size_t index,
                          struct seccomp_condition *ret)
{
        const char *name = json_get_string(object, "op");
        const json_t *second = json_object_get(object, "valueTwo");
        uint64_t argument, value, value_two = 0;
        const struct operation *operation = NULL;

        if (json_get_number(object, "index", &argument) < 0 || argument > 5) {
                return profile_wrong_rule(reader, "args[%zu]: \"index\" is not a number 0..5",
                                          index);
        }
        if (json_get_number(object, "value", &value) < 0 ||
            (second && json_get_number(object, "valueTwo", &value_two) < 0)) {
                return profile_wrong_rule(
                        reader, "args[%zu]: \"value\" or \"valueTwo\" is not a number", index);
        }
        for (size_t i = 0; name && i < ELEMENTS_OF(operations); i++) {
                if (strcmp(operations[i].name, name) == 0) {
                        operation = &operations[i];
                }
        }
        if (!operation) {
                return profile_wrong_rule(reader, "args[%zu]: unknown operator \"%s\"", index,
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

int profile_read_conditions(struct profile_reader *reader, const json_t *rule,
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
                return profile_wrong_rule(reader, "\"args\" is not an array of at most %d elements",
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
