/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/compose/service.h"
#include "convert/document/words.h"
#include "convert/model/values.h"

/* ---- Ways to take a setting ---- */

SERVICE_TAKE(scalar)
{
        service_begin(service, node, path, SIZE_MAX);
        if (node->type != NODE_SCALAR) {
                convert_lost(service->compose->conversion, "it is not a single value");
        } else if (!node->null) {
                service_option(service, row->option, node->text);
        }
}

/* One value or a list of them. */
SERVICE_TAKE(each)
{
        if (node->type == NODE_SCALAR) {
                service_take_scalar(service, row, node, path);
                return;
        }
        for (size_t i = 0; i < node->count; i++) {
                const struct node *element = node->children[i];

                service_begin(service, element, path, i);
                if (element->type != NODE_SCALAR) {
                        convert_lost(service->compose->conversion, "it is not a single value");
                } else {
                        service_option(service, row->option, element->text);
                }
        }
}

/* A map, or a list of "NAME=VALUE". */
SERVICE_TAKE(pairs)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *element = node->children[i];
                _cleanup_free_ char *text = NULL;

                service_begin(service, element, path, i);
                if (element->type != NODE_SCALAR) {
                        convert_lost(service->compose->conversion, "it is not a single value");
                        continue;
                }
                text = element->key && !element->null
                               ? string_format("%s=%s", element->key, element->text)
                               : strdup(element->key ? element->key : element->text);
                service_option(service, row->option, text ? text : "");
        }
}

/* A variable without a value is the caller's, or that of .env. */
SERVICE_TAKE(environment)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *element = node->children[i];
                bool given =
                        element->key ? !element->null : element->text && strchr(element->text, '=');
                const char *name = element->key ? element->key : element->text;
                const char *value = element->key ? element->text : NULL;
                _cleanup_free_ char *text = NULL;

                service_begin(service, element, path, i);
                if (element->type != NODE_SCALAR || !name) {
                        convert_lost(service->compose->conversion, "it is not a single value");
                        continue;
                }
                value = given ? value : compose_variable(service->compose, name);
                text = given && !element->key ? strdup(name)
                       : value                ? string_format("%s=%s", name, value)
                                              : strdup(name);
                service_option(service, row->option, text ? text : "");
        }
}

/* A list of words, or a text that is split as a shell does. */
static char **command_words(struct compose_service *service, const struct node *node)
{
        char **words = NULL;
        int r = 0;

        if (node->type == NODE_SCALAR) {
                r = node->null ? 0 : words_split_unit(node->text, &words);
        }
        for (size_t i = 0; node->type == NODE_LIST && i < node->count && r == 0; i++) {
                r = strv_append(&words, node->children[i]->text ? node->children[i]->text : "");
        }
        if (r < 0) {
                service->compose->conversion->failed = -ENOMEM;
        }
        return words;
}

SERVICE_TAKE(command)
{
        service_begin(service, node, path, SIZE_MAX);
        strv_free(service->container.arguments);
        service->container.arguments = command_words(service, node);
}

SERVICE_TAKE(entrypoint)
{
        service_begin(service, node, path, SIZE_MAX);
        strv_free(service->container.entrypoint);
        service->container.entrypoint = command_words(service, node);
        service->container.entrypoint_given = !node->null;
}

/* [ "CMD", .. ], [ "CMD-SHELL", TEXT ], [ "NONE" ], or a text for a shell. */
SERVICE_TAKE(health_test)
{
        struct conversion *conversion = service->compose->conversion;
        const char *first = node->count > 0 ? node->children[0]->text : NULL;

        service_begin(service, node, path, SIZE_MAX);
        if (node->type == NODE_SCALAR) {
                service_option(service, row->option, node->text);
        } else if (string_equal(first, "CMD-SHELL") && node->count == 2) {
                container_shell_command(conversion, "health.command",
                                        node->children[1]->text ? node->children[1]->text : "");
        } else if (string_equal(first, "CMD")) {
                convert_unset(conversion, "health.command");
                for (size_t i = 1; i < node->count; i++) {
                        convert_add(conversion, "health.command",
                                    node->children[i]->text ? node->children[i]->text : "");
                }
        } else if (!string_equal(first, "NONE")) {
                convert_lost(conversion, "it begins with neither CMD, CMD-SHELL nor NONE");
        }
}

SERVICE_TAKE(health_disable)
{
        service_begin(service, node, path, SIZE_MAX);
        if (node_is_true(node)) {
                service_option(service, "no-healthcheck", NULL);
        }
}

SERVICE_TAKE(ulimits)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *limit = node->children[i];
                const char *soft = node_text(limit, "soft"), *hard = node_text(limit, "hard");
                _cleanup_free_ char *both = string_format("%s:%s",
                                                          soft   ? soft
                                                          : hard ? hard
                                                                 : "",
                                                          hard   ? hard
                                                          : soft ? soft
                                                                 : "");

                service_begin(service, limit, path, i);
                convert_ulimit(service->compose->conversion, limit->key ? limit->key : "",
                               limit->type == NODE_SCALAR ? limit->text
                               : both                     ? both
                                                          : "");
        }
}

SERVICE_TAKE(build)
{
        struct conversion *conversion = service->compose->conversion;
        _cleanup_free_ char *image =
                string_format("localhost/%s-%s", service->compose->project, service->node->key);

        service_begin(service, node, path, SIZE_MAX);
        convert_lost(conversion,
                     "images are not built here: build it with another tool, and \"load\" "
                     "it");
        if (!node_find(service->node, "image") && image) {
                for (char *s = image; *s; s++) {
                        *s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 'a' - 'A') : *s;
                }
                convert_text(conversion, "image", image);
        }
}

SERVICE_TAKE(image)
{
        _cleanup_free_ char *image = node->text && *node->text ? container_image(node->text) : NULL;

        service_begin(service, node, path, SIZE_MAX);
        if (image) {
                convert_text(service->compose->conversion, "image", image);
        } else {
                convert_lost(service->compose->conversion, "the image has no name");
        }
}

SERVICE_TAKE(container_name)
{
        service_begin(service, node, path, SIZE_MAX);
        if (!string_equal(node->text, service->node->key)) {
                service_option(service, "network-alias", node->text ? node->text : "");
        }
}

SERVICE_TAKE(network_mode)
{
        const char *other = node->text ? string_after(node->text, "service:") : NULL;

        service->networked = true;
        service_take_scalar(service, row, node, path);
        if (other) {
                convert_add(service->compose->conversion, "requires", other);
        }
}

SERVICE_TAKE(replicas)
{
        service_begin(service, node, path, SIZE_MAX);
        if (!string_equal(node->text, "1")) {
                convert_lost(service->compose->conversion,
                             "one machine has one instance: make a template \"%s@.machine\" for "
                             "several",
                             service->node->key);
        }
}

/* "any" is "always" there. */
SERVICE_TAKE(restart_condition)
{
        bool always = string_equal(node->text, "any");

        service_begin(service, node, path, SIZE_MAX);
        service_option(service, "restart", always ? "always" : node->text ? node->text : "");
}

SERVICE_TAKE(restart_number)
{
        struct conversion *conversion = service->compose->conversion;

        service_begin(service, node, path, SIZE_MAX);
        if (strcmp(row->option, "restart.limit") == 0) {
                convert_integer(conversion, row->option, node->text ? node->text : "");
                service->container.restarts = false;
        } else {
                convert_time(conversion, row->option, node->text ? node->text : "");
        }
}

SERVICE_TAKE(block_rates)
{
        for (size_t i = 0; i < node->count; i++) {
                const char *device = node_text(node->children[i], "path");
                const char *rate = node_text(node->children[i], "rate");
                _cleanup_free_ char *both =
                        string_format("%s:%s", device ? device : "", rate ? rate : "");

                service_begin(service, node->children[i], path, i);
                service_option(service, row->option, both ? both : "");
        }
}

SERVICE_TAKE(log_options)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *option = node->children[i];
                _cleanup_free_ char *text = string_format("%s=%s", option->key ? option->key : "",
                                                          option->text ? option->text : "");

                service_begin(service, option, path, i);
                service_option(service, row->option, text ? text : "");
        }
}

SERVICE_TAKE(lost)
{
        service_begin(service, node, path, SIZE_MAX);
        convert_lost(service->compose->conversion, "%s", row->text);
}

SERVICE_TAKE(no_effect)
{
        service_begin(service, node, path, SIZE_MAX);
}
