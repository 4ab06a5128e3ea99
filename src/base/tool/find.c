/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tool/tool.h"

/* The sandbox shows /usr alone: where the directories are one, a link leads there. */
static const char *const directories[] = { "/usr/sbin", "/usr/bin" };

char *tool_find(const struct tool *tool)
{
        for (size_t i = 0; i < ELEMENTS_OF(directories); i++) {
                _cleanup_free_ char *path = string_format("%s/%s", directories[i], tool->name);

                if (path && access(path, X_OK) == 0) {
                        return TAKE_PTR(path);
                }
        }
        return NULL;
}

static int append(char **text, const char *word)
{
        char *longer = *text ? string_format("%s, %s", *text, word) : strdup(word);

        free(*text);
        *text = longer;
        return longer ? 0 : -ENOMEM;
}

int tool_check(const struct tool *const *tools, const char *purpose, struct machine_error *error)
{
        _cleanup_free_ char *names = NULL, *packages = NULL;

        for (; *tools; tools++) {
                _cleanup_free_ char *path = tool_find(*tools);

                if (!path && (append(&names, (*tools)->name) < 0 ||
                              append(&packages, (*tools)->package) < 0)) {
                        return error_oom(error);
                }
        }
        if (!names) {
                return 0;
        }
        error_say(error, ENOENT, "to %s, this host lacks: %s", purpose, names);
        error_hint(error, "install the packages that have them, in Debian: %s", packages);
        return -ENOENT;
}
