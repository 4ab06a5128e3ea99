/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/limits.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"

enum kind {
        KIND_NUMBER, /* -1: none */
        KIND_BYTES,  /* the same, or with a unit */
        KIND_TEXT,
};

static const struct {
        enum argument argument;
        enum kind kind;
        const char *object; /* of linux.resources */
        const char *member;
} rows[] = {
        { ARGUMENT_MEMORY, KIND_BYTES, "memory", "limit" },
        { ARGUMENT_MEMORY_RESERVATION, KIND_BYTES, "memory", "reservation" },
        { ARGUMENT_MEMORY_SWAP, KIND_BYTES, "memory", "swap" },
        { ARGUMENT_KERNEL_MEMORY, KIND_BYTES, "memory", "kernel" },
        { ARGUMENT_KERNEL_MEMORY_TCP, KIND_BYTES, "memory", "kernelTCP" },
        { ARGUMENT_CPU_SHARE, KIND_NUMBER, "cpu", "shares" },
        { ARGUMENT_CPU_QUOTA, KIND_NUMBER, "cpu", "quota" },
        { ARGUMENT_CPU_PERIOD, KIND_NUMBER, "cpu", "period" },
        { ARGUMENT_CPU_BURST, KIND_NUMBER, "cpu", "burst" },
        { ARGUMENT_CPU_IDLE, KIND_NUMBER, "cpu", "idle" },
        { ARGUMENT_CPU_RT_RUNTIME, KIND_NUMBER, "cpu", "realtimeRuntime" },
        { ARGUMENT_CPU_RT_PERIOD, KIND_NUMBER, "cpu", "realtimePeriod" },
        { ARGUMENT_CPUSET_CPUS, KIND_TEXT, "cpu", "cpus" },
        { ARGUMENT_CPUSET_MEMS, KIND_TEXT, "cpu", "mems" },
        { ARGUMENT_PIDS_LIMIT, KIND_NUMBER, "pids", "limit" },
        { ARGUMENT_BLKIO_WEIGHT, KIND_NUMBER, "blockIO", "weight" },
};

static int parse(enum kind kind, const char *text, int64_t *ret)
{
        uint64_t number;
        int r = kind == KIND_BYTES ? quantity_parse_size(text, &number)
                                   : quantity_parse_number(text, &number);

        if (string_equal(text, "-1")) {
                *ret = -1;
                return 0;
        }
        if (r < 0 || number > INT64_MAX) {
                return -EINVAL;
        }
        *ret = (int64_t)number;
        return 0;
}

/* Sets a member of an object of the document, which is made with the first. */
static int set(json_t *document, size_t i, json_t *value)
{
        json_t *object = json_object_get(document, rows[i].object);

        if (!object) {
                object = json_object();
                if (json_set_value(document, rows[i].object, object) < 0) {
                        json_decref(value);
                        return -ENOMEM;
                }
        }
        return json_set_value(object, rows[i].member, value);
}

static int take(const struct arguments *arguments, size_t i, json_t *document,
                struct machine_error *error)
{
        const char *text = arguments->values[rows[i].argument];
        int64_t number = 0;
        int r;

        if (!text) {
                return 0;
        }
        if (rows[i].kind != KIND_TEXT && parse(rows[i].kind, text, &number) < 0) {
                error_say(error, EINVAL, "--%s=%s: expected %s", arguments_name(rows[i].argument),
                          text,
                          rows[i].kind == KIND_BYTES ? "a size such as 512M, or -1 for no limit"
                                                     : "a number, or -1 for no limit");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = set(document, i, rows[i].kind == KIND_TEXT ? json_string(text) : json_integer(number));
        return r < 0 ? error_oom(error) : 0;
}

bool limits_given(const struct arguments *arguments)
{
        for (size_t i = 0; i < ELEMENTS_OF(rows); i++) {
                if (arguments_has(arguments, rows[i].argument)) {
                        return true;
                }
        }
        return false;
}

int limits_document(const struct arguments *arguments, char **ret, struct machine_error *error)
{
        _cleanup_json_ json_t *document = json_object();

        for (size_t i = 0; i < ELEMENTS_OF(rows); i++) {
                int r = take(arguments, i, document, error);

                if (r < 0) {
                        return r;
                }
        }
        *ret = json_dumps(document, JSON_COMPACT);
        return *ret ? 0 : error_oom(error);
}
