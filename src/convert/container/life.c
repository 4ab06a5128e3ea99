/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

/* ---- Restarts ---- */

TAKE(restart)
{
        struct conversion *conversion = container->conversion;
        size_t length = strcspn(value, ":");
        bool on_failure = length == 10 && strncmp(value, "on-failure", length) == 0;
        bool always = strcmp(value, "always") == 0 || strcmp(value, "unless-stopped") == 0;

        if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0 || strcmp(value, "none") == 0 ||
            strcmp(value, "never") == 0 || !*value) {
                convert_text(conversion, option->key, "no");
                return;
        }
        if (!on_failure && !always && strcmp(value, "any") != 0) {
                convert_lost(conversion, "there is no such policy");
                return;
        }
        convert_text(conversion, option->key, on_failure ? "on-failure" : "always");
        if (always) {
                convert_boolean(conversion, "autostart", true);
        }
        if (value[length]) {
                convert_integer(conversion, "restart.limit", value + length + 1);
                convert_differs(conversion, "restart.limit",
                                "restarts are counted within restart.window");
        } else {
                container->restarts = true;
        }
}

TAKE(stop_timeout)
{
        if (strcmp(value, "-1") == 0) {
                convert_lost(container->conversion, "a machine that does not stop is killed");
        } else {
                convert_time(container->conversion, option->key, value);
        }
}

TAKE(sdnotify)
{
        static const struct {
                const char *policy;
                const char *ready;
        } policies[] = {
                { "container", "notify" }, { "conmon", "exec" }, { "ignore", "exec" },
                { "healthy", "health" },   { "true", "notify" }, { "false", "exec" },
                { "yes", "notify" },       { "no", "exec" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(policies); i++) {
                if (strcmp(policies[i].policy, value) == 0) {
                        convert_text(container->conversion, option->key, policies[i].ready);
                        return;
                }
        }
        convert_lost(container->conversion, "there is no such policy");
}

/* Podman removes the container; here its writable layer goes. */
TAKE(remove)
{
        if (!value || value_is_true(value)) {
                convert_text(container->conversion, option->key, "volatile");
                convert_differs(container->conversion, option->key,
                                "changes to the root are in memory, and gone at the stop");
        }
}

/* ---- Health ---- */

void container_shell_command(struct conversion *conversion, const char *key, const char *command)
{
        const char *const words[] = { "/bin/sh", "-c", command, NULL };

        convert_strings(conversion, key, (char *const *)words);
}

/* A text for a shell, "none", or in Podman a JSON array. */
TAKE(health_command)
{
        json_error_t reason;
        _cleanup_json_ json_t *array =
                value[0] == '[' ? json_parse(value, strlen(value), &reason) : NULL;
        const char *first = json_string_value(json_array_get(array, 0));
        size_t index;
        json_t *word;

        if (strcmp(value, "none") == 0) {
                return;
        }
        if (!first) {
                container_shell_command(container->conversion, option->key, value);
                return;
        }
        if (strcmp(first, "CMD-SHELL") == 0) {
                container_shell_command(container->conversion, option->key,
                                        json_string_value(json_array_get(array, 1)) ?: "");
                return;
        }
        convert_unset(container->conversion, option->key);
        json_array_foreach(array, index, word)
        {
                if (json_is_string(word) && (index > 0 || strcmp(first, "CMD") != 0)) {
                        convert_add(container->conversion, option->key, json_string_value(word));
                }
        }
}

TAKE(health_failure)
{
        bool kill = strcmp(value, "kill") == 0;

        convert_text(container->conversion, option->key, kill ? "stop" : value);
        if (kill) {
                convert_differs(container->conversion, option->key,
                                "the machine is asked to stop before it is killed");
        }
}

TAKE(health_none)
{
        if (!value || value_is_true(value)) {
                convert_unset(container->conversion, "health.command");
        }
}

/* ---- Logs ---- */

TAKE(log_driver)
{
        static const struct {
                const char *driver;
                const char *here;
        } drivers[] = {
                { "journald", "journal" },     { "json-file", "file" }, { "local", "file" },
                { "k8s-file", "file" },        { "none", "none" },      { "passthrough", "auto" },
                { "passthrough-tty", "auto" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(drivers); i++) {
                if (strcmp(drivers[i].driver, value) == 0) {
                        convert_text(container->conversion, option->key, drivers[i].here);
                        return;
                }
        }
        convert_lost(container->conversion, "logs go to the journal or to files");
}

TAKE(log_option)
{
        const char *size = string_after(value, "max-size=");
        const char *mode = string_after(value, "mode=");

        if (size) {
                convert_size(container->conversion, "log.max_size", size);
        } else if (string_after(value, "max-file=")) {
                convert_differs(container->conversion, NULL,
                                "one older log file is kept, whatever max-file says");
        } else if (!mode) {
                convert_lost(container->conversion, "the option \"%.60s\" has no equivalent",
                             value);
        }
}
