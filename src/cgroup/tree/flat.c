/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/flat.h"

#include <ctype.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"

/* A number terminated by a blank, a newline or the end of the text. */
static int read_number(const char *text, uint64_t *ret)
{
        char *end;

        if (!isdigit((unsigned char)*text)) {
                return -EINVAL;
        }
        errno = 0;
        *ret = strtoull(text, &end, 10);
        if (errno != 0 || (*end && *end != ' ' && *end != '\n')) {
                return -EINVAL;
        }
        return 0;
}

int flat_get(const char *text, const char *key, uint64_t *ret)
{
        size_t length = strlen(key);

        while (text && *text) {
                if (strncmp(text, key, length) == 0 && text[length] == ' ') {
                        return read_number(text + length + 1, ret);
                }
                text = strchr(text, '\n');
                text = text ? text + 1 : NULL;
        }
        return -ENOENT;
}

int nested_get(const char *line, const char *key, uint64_t *ret)
{
        size_t length = strlen(key);

        while (*line && *line != '\n') {
                size_t word = strcspn(line, " \n");

                if (word > length && memcmp(line, key, length) == 0 && line[length] == '=') {
                        return read_number(line + length + 1, ret);
                }
                line += word;
                line += *line == ' ';
        }
        return -ENOENT;
}

int value_get(const char *text, uint64_t *ret)
{
        if (strcmp(text, "max\n") == 0 || strcmp(text, "max") == 0) {
                *ret = MACHINE_UNLIMITED;
                return 0;
        }
        return read_number(text, ret);
}
