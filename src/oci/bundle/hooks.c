/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "hooks": config.md, "POSIX-platform Hooks". */

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* A day is more than any hook may take; the number of microseconds must fit. */
#define TIMEOUT_MAXIMUM INT64_C(1000000000)

static int take_path(struct oci_reader *reader, const json_t *value)
{
        struct oci_hook *hook = reader->item;

        if (*json_string_value(value) != '/') {
                return oci_wrong(reader, "\"%s\" is not an absolute path",
                                 json_string_value(value));
        }
        return oci_take_string(reader, value, &hook->path);
}

static int take_args(struct oci_reader *reader, const json_t *value)
{
        return oci_take_strings(reader, value, &((struct oci_hook *)reader->item)->args);
}

static int take_env(struct oci_reader *reader, const json_t *value)
{
        return oci_take_strings(reader, value, &((struct oci_hook *)reader->item)->env);
}

static int take_timeout(struct oci_reader *reader, const json_t *value)
{
        int64_t seconds;
        int r = oci_take_number(reader, value, 1, TIMEOUT_MAXIMUM, &seconds);

        if (r == 0) {
                ((struct oci_hook *)reader->item)->timeout = (uint64_t)seconds * USEC_PER_SEC;
        }
        return r;
}

static const struct oci_field hook_fields[] = {
        { "path", OCI_STRING, true, take_path },
        { "args", OCI_STRINGS, false, take_args },
        { "env", OCI_STRINGS, false, take_env },
        { "timeout", OCI_INTEGER, false, take_timeout },
        { 0 },
};

static int begin(struct oci_reader *reader, enum oci_hook_kind kind)
{
        struct oci_hooks *hooks = &reader->bundle->hooks;

        reader->item = oci_grow(reader, &hooks->lists[kind].items, &hooks->lists[kind].count,
                                sizeof(struct oci_hook));
        return reader->item ? 0 : -ENOMEM;
}

#define BEGIN(name, kind)                                                       \
        static int begin_##name(struct oci_reader *reader, const json_t *value) \
        {                                                                       \
                return begin(reader, kind);                                     \
        }

BEGIN(prestart, OCI_HOOK_PRESTART)
BEGIN(create_runtime, OCI_HOOK_CREATE_RUNTIME)
BEGIN(create_container, OCI_HOOK_CREATE_CONTAINER)
BEGIN(start_container, OCI_HOOK_START_CONTAINER)
BEGIN(poststart, OCI_HOOK_POSTSTART)
BEGIN(poststop, OCI_HOOK_POSTSTOP)

/* In the order of enum oci_hook_kind. */
const struct oci_field oci_hooks_fields[] = {
        { "prestart", OCI_LIST, false, begin_prestart, hook_fields },
        { "createRuntime", OCI_LIST, false, begin_create_runtime, hook_fields },
        { "createContainer", OCI_LIST, false, begin_create_container, hook_fields },
        { "startContainer", OCI_LIST, false, begin_start_container, hook_fields },
        { "poststart", OCI_LIST, false, begin_poststart, hook_fields },
        { "poststop", OCI_LIST, false, begin_poststop, hook_fields },
        { 0 },
};

/* A name that is written with escapes is only found by reading. */
bool oci_bundle_may_have_hooks(const char *text, enum oci_hook_kind kind)
{
        return strstr(text, oci_hooks_fields[kind].name) || strstr(text, "\\u");
}
