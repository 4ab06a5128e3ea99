/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

/* What depends on several options. */

void container_clear(struct container *container)
{
        strv_free(container->entrypoint);
        strv_free(container->arguments);
        for (size_t i = 0; i < container->alias_count; i++) {
                free(container->aliases[i].place.file);
                free(container->aliases[i].place.name);
        }
        for (size_t i = 0; i < container->link_count; i++) {
                json_decref(container->links[i].settings);
                free(container->links[i].place.file);
                free(container->links[i].place.name);
        }
        free(container->aliases);
        free(container->links);
        *container = (struct container){ 0 };
}

TAKE(init)
{
        container->init = !value || value_is_true(value);
}

/* Podman's "true" is for images whose command is systemd, which the definition does not tell. */
TAKE(systemd)
{
        if (strcmp(value, "always") == 0) {
                convert_boolean(container->conversion, option->key, true);
        } else if (value_is_true(value)) {
                convert_differs(container->conversion, NULL,
                                "set boot = true if the command is systemd");
        }
}

/* A word, or in Podman a JSON array. "" removes the image's entry point. */
TAKE(entrypoint)
{
        json_error_t reason;
        _cleanup_json_ json_t *array =
                value[0] == '[' ? json_parse(value, strlen(value), &reason) : NULL;
        size_t index;
        json_t *word;
        int r = 0;

        strv_free(TAKE_PTR(container->entrypoint));
        container->entrypoint_given = true;
        json_array_foreach(array, index, word)
        {
                if (r == 0 && json_is_string(word)) {
                        r = strv_append(&container->entrypoint, json_string_value(word));
                }
        }
        if (!array && *value) {
                r = strv_append(&container->entrypoint, value);
        }
        if (r < 0) {
                container->conversion->failed = -ENOMEM;
        }
}

/* An entry point replaces the image's whole command; arguments alone only its command. */
static void finish_command(struct container *container)
{
        struct conversion *conversion = container->conversion;
        bool image = convert_get(conversion, "image") != NULL;

        if (container->entrypoint_given && (container->entrypoint || container->arguments)) {
                convert_strings(conversion, "command", container->entrypoint);
                convert_add_words(conversion, "command", container->arguments);
        } else if (container->arguments && !convert_get(conversion, "boot")) {
                convert_strings(conversion, image ? "arguments" : "command", container->arguments);
        }
}

/* Both engines give a container as much swap as memory. */
static void finish_memory(struct container *container)
{
        struct conversion *conversion = container->conversion;

        if (container->swap_unlimited) {
                convert_text(conversion, "limits.swap", "max");
        } else if (container->memory_and_swap >= container->memory && container->memory_and_swap) {
                convert_bytes(conversion, "limits.swap",
                              container->memory_and_swap - container->memory);
        } else if (container->memory) {
                convert_bytes(conversion, "limits.swap", container->memory);
        }
}

static void finish_network(struct container *container)
{
        static const char *const bridge_keys[] = { "ports", "network.address", "network.address6",
                                                   "network.mac" };
        struct conversion *conversion = container->conversion;
        const char *mode = json_string_value(convert_get(conversion, "network.mode"));

        if (!mode || strcmp(mode, "bridge") == 0) {
                return;
        }
        for (size_t i = 0; i < ELEMENTS_OF(bridge_keys); i++) {
                if (convert_get(conversion, bridge_keys[i])) {
                        convert_differs(conversion, NULL,
                                        "\"%s\" has no effect in this network mode, there and here",
                                        bridge_keys[i]);
                        convert_unset(conversion, bridge_keys[i]);
                }
        }
}

/* The place has the alias for its name. */
void container_alias(struct container *container, const char *value, bool of_first)
{
        struct conversion *conversion = container->conversion;
        struct container_alias *grown =
                reallocarray(container->aliases, container->alias_count + 1, sizeof *grown);
        struct container_alias *alias;

        container->aliases = grown ? grown : container->aliases;
        if (!grown) {
                conversion->failed = -ENOMEM;
                return;
        }
        alias = &grown[container->alias_count++];
        *alias = (struct container_alias){
                { strdup(conversion->here.file), conversion->here.line, strdup(value),
                  conversion->here.number },
                of_first,
        };
        if (!alias->place.file || !alias->place.name) {
                conversion->failed = -ENOMEM;
        }
}

/* In all networks. */
TAKE(alias)
{
        container_alias(container, value, false);
}

static bool has_element(const json_t *list, const char *text)
{
        const json_t *element;
        size_t index;

        json_array_foreach(list, index, element)
        {
                if (string_equal(json_string_value(element), text)) {
                        return true;
                }
        }
        return false;
}

/* A machine is known on its networks by its own name and by its host name. */
static void finish_alias(struct container *container, const struct container_alias *alias)
{
        struct conversion *conversion = container->conversion;
        const char *hostname = json_string_value(convert_get(conversion, "hostname"));
        const char *mode = json_string_value(convert_get(conversion, "network.mode"));
        const char *name = alias->place.name;

        if ((mode && strcmp(mode, "bridge") != 0) || string_equal(name, hostname) ||
            (conversion->file && string_equal(name, conversion->file->name))) {
                return;
        }
        convert_at(conversion, alias->place.file, alias->place.line, name);
        conversion->here.number = alias->place.number;
        if (convert_get(conversion, "pod")) {
                convert_lost(conversion,
                             "a member of a pod is known by its own name and the pod's");
                return;
        }
        convert_add(conversion, "network.aliases", name);
        for (size_t i = 0; !alias->of_first && i < container->link_count; i++) {
                json_t *settings = container->links[i].settings;
                json_t *list = json_object_get(settings, "aliases");

                if (!list) {
                        list = json_array();
                        (void)json_object_set_new(settings, "aliases", list);
                }
                if (!has_element(list, name)) {
                        (void)json_array_append_new(list, json_string(name));
                }
        }
}

/* Aliases that are names of the machine already are left out. */
static void finish_links(struct container *container)
{
        struct conversion *conversion = container->conversion;

        for (size_t i = 0; i < container->link_count; i++) {
                const struct container_link *link = &container->links[i];
                json_t *list = json_object_get(link->settings, "aliases");

                for (size_t k = json_array_size(list); k-- > 0;) {
                        if (conversion->file &&
                            string_equal(json_string_value(json_array_get(list, k)),
                                         conversion->file->name)) {
                                (void)json_array_remove(list, k);
                        }
                }
                if (list && json_array_size(list) == 0) {
                        (void)json_object_del(link->settings, "aliases");
                }
                convert_at(conversion, link->place.file, link->place.line, link->place.name);
                conversion->here.number = link->place.number;
                convert_add_value(conversion, "networks", json_incref(link->settings));
        }
}

void container_finish(struct container *container)
{
        struct conversion *conversion = container->conversion;

        finish_command(container);
        finish_memory(container);
        finish_network(container);
        for (size_t i = 0; i < container->alias_count; i++) {
                finish_alias(container, &container->aliases[i]);
        }
        finish_links(container);
        if (container->cpu_quota) {
                convert_cpu_quota(conversion, container->cpu_quota, container->cpu_period);
        }
        if (container->restarts) {
                convert_text(conversion, "restart.limit", "max");
        }
        if (!container->init && !convert_get(conversion, "boot")) {
                convert_boolean(conversion, "init", false);
        }
}

char *container_image(const char *reference)
{
        size_t length = strcspn(reference, "/");
        bool domain = reference[length] &&
                      (memchr(reference, '.', length) || memchr(reference, ':', length) ||
                       (length == 9 && strncmp(reference, "localhost", length) == 0));
        const char *transport = string_after(reference, "docker://");

        if (transport) {
                return container_image(transport);
        }
        if (domain) {
                return strdup(reference);
        }
        return string_format("docker.io/%s%s", reference[length] ? "" : "library/", reference);
}
