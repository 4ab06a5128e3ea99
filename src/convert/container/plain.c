/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

/* Options whose value is that of a key. */

void container_take(struct container *container, const char *name, const char *value)
{
        const struct container_option *option = container_option_find(name, 0);

        option->take(container, option, value);
}

TAKE(text)
{
        convert_text(container->conversion, option->key, value);
}

TAKE(element)
{
        convert_add(container->conversion, option->key, value);
}

TAKE(group)
{
        if (strcmp(value, "keep-groups") == 0) {
                convert_lost(container->conversion, "a machine has no groups of its caller");
        } else {
                convert_add(container->conversion, option->key, value);
        }
}

TAKE(size)
{
        convert_size(container->conversion, option->key, value);
}

TAKE(time)
{
        convert_time(container->conversion, option->key, value);
}

TAKE(integer)
{
        convert_integer(container->conversion, option->key, value);
}

TAKE(boolean)
{
        convert_boolean(container->conversion, option->key, !value || value_is_true(value));
}

TAKE(host_path)
{
        _cleanup_free_ char *path = value_host_path(container->directory, value);
        bool list = strcmp(option->key, "environment_files") == 0;

        if (!path) {
                container->conversion->failed = -ENOMEM;
        } else if (list) {
                convert_add(container->conversion, option->key, path);
        } else {
                convert_text(container->conversion, option->key, path);
        }
}

TAKE(lost)
{
        if (!option->flag || !value || value_is_true(value)) {
                convert_lost(container->conversion, "%s", option->text);
        }
}

TAKE(no_effect)
{
}

/* "dns": several values may be one list in compose files and Quadlets. */
TAKE(dns)
{
        convert_add(container->conversion, option->key, value);
}

/* "NAME" alone is the caller's variable, "NAME*" all that begin with it. */
TAKE(environment)
{
        const char *set = strchr(value, '=') ? NULL : getenv(value);

        if (strchr(value, '=')) {
                convert_add(container->conversion, option->key, value);
        } else if (set) {
                _cleanup_free_ char *entry = string_format("%s=%s", value, set);

                convert_add(container->conversion, option->key, entry ? entry : "");
        } else {
                convert_lost(container->conversion,
                             "the variable %s has no value here; it would come from the "
                             "environment of the command",
                             value);
        }
}

TAKE(label)
{
        if (strchr(value, '=')) {
                convert_add(container->conversion, option->key, value);
        } else {
                _cleanup_free_ char *label = string_format("%s=", value);

                convert_add(container->conversion, option->key, label ? label : "");
        }
}

TAKE(host)
{
        const char *separator = strpbrk(value, ":=");
        const char *address = separator ? separator + 1 : "";
        size_t length = strlen(address);
        bool bracket = address[0] == '[' && length > 1 && address[length - 1] == ']';

        if (!separator) {
                convert_lost(container->conversion, "\"%.80s\" is not NAME:ADDRESS", value);
                return;
        }
        if (strcmp(address, "host-gateway") == 0) {
                convert_lost(container->conversion,
                             "the host is \"host.internal\" in each machine");
                return;
        }
        convert_add_value(container->conversion, option->key,
                          json_sprintf("%.*s:%.*s", (int)(separator - value), value,
                                       (int)(bracket ? length - 2 : length), address + bracket));
}

TAKE(link)
{
        size_t length = strcspn(value, ":");
        _cleanup_free_ char *name = strndup(value, length);
        _cleanup_free_ char *machine = name ? convert_name(name) : NULL;

        convert_add(container->conversion, option->key, machine ? machine : "");
        if (value[length] && name && strcmp(value + length + 1, name) != 0) {
                convert_lost(container->conversion, "give the other machine the host name \"%s\"",
                             value + length + 1);
        }
}

TAKE(ulimit)
{
        size_t length = strcspn(value, "=");
        _cleanup_free_ char *name = strndup(value, length);

        if (!value[length] || !name) {
                if (strcmp(value, "host") != 0) {
                        convert_lost(container->conversion, "\"%.80s\" is not NAME=SOFT:HARD",
                                     value);
                }
                return;
        }
        convert_ulimit(container->conversion, name, value + length + 1);
}

TAKE(capability)
{
        _cleanup_strv_ char **names = NULL;

        if (strv_split(value, ',', &names) < 0) {
                container->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(name, names) {
                convert_capability(container->conversion, option->key, *name);
        }
}

TAKE(pull)
{
        static const char *const policies[] = { "always", "missing", "never" };

        for (size_t i = 0; i < ELEMENTS_OF(policies); i++) {
                if (strcmp(value, policies[i]) == 0) {
                        convert_text(container->conversion, option->key, value);
                        return;
                }
        }
        if (strcmp(value, "newer") == 0 || value_is_true(value)) {
                convert_text(container->conversion, option->key, "always");
        } else if (strcmp(value, "if_not_present") != 0 && strcmp(value, "build") != 0 &&
                   strcmp(value, "false") != 0) {
                convert_lost(container->conversion, "there is no such policy");
        }
}
