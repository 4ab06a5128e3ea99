/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/os_release.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

/* "Variable assignment values must be enclosed in double or single quotes if they include spaces ..
 * special characters must be escaped with backslashes, following shell style" (os-release(5)). */
static char *unquote(const char *text, size_t length)
{
        char *value = malloc(length + 1), *at = value;
        char quote = '\0';

        for (size_t i = 0; value && i < length; i++) {
                char c = text[i];

                if (c == '\\' && quote != '\'' && i + 1 < length) {
                        *at++ = text[++i];
                } else if (quote ? c == quote : c == '"' || c == '\'') {
                        quote = quote ? '\0' : c;
                } else if (!quote && (c == ' ' || c == '\t' || c == '\r')) {
                        break;
                } else {
                        *at++ = c;
                }
        }
        if (value) {
                *at = '\0';
        }
        return value;
}

/* A value that is no UTF-8 is left out. */
static int take_line(json_t *object, const char *line, size_t length)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
        size_t name = strspn(line, letters);
        _cleanup_free_ char *key = NULL, *value = NULL;
        json_t *string;

        if (name == 0 || name >= length || line[name] != '=') {
                return 0;
        }
        key = strndup(line, name);
        value = unquote(line + name + 1, length - name - 1);
        if (!key || !value) {
                return -1;
        }
        string = json_string(value);
        return string ? json_object_set_new(object, key, string) : 0;
}

json_t *os_release_read(const char *text)
{
        _cleanup_json_ json_t *object = json_object();

        while (object && *text) {
                size_t length = strcspn(text, "\n");

                if (take_line(object, text, length) < 0) {
                        return NULL;
                }
                text += length + (text[length] == '\n');
        }
        return TAKE_PTR(object);
}
