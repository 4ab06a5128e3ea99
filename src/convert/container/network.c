/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

/* ---- Ports ---- */

/* "80" and "8000-8010" alone: the host's port is chosen there, and the same one here. */
static void add_port(struct container *container, const char *address, const char *host,
                     const char *port, const char *protocol)
{
        bool chosen = !host[0] || strcmp(host, "0") == 0;
        bool all = !address[0] || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "[::]") == 0 ||
                   strcmp(address, "*") == 0;

        convert_add_value(container->conversion, "ports",
                          json_sprintf("%s%s%s:%s%s%s", all ? "" : address, all ? "" : ":",
                                       chosen ? port : host, port, protocol[0] ? "/" : "",
                                       protocol));
        if (chosen) {
                convert_differs(container->conversion, "ports",
                                "port %s of the host: the source leaves the choice to the "
                                "engine",
                                port);
        }
}

/* Splits "[ADDRESS:][HOST:]PORT" from its end; an IPv6 address is in brackets. */
TAKE(publish)
{
        _cleanup_free_ char *text = strdup(value);
        char *slash = text ? strrchr(text, '/') : NULL;
        char *protocol = slash ? slash + 1 : NULL;
        char *port, *host, *colon;

        if (!text) {
                container->conversion->failed = -ENOMEM;
                return;
        }
        if (slash) {
                *slash = '\0';
        }
        colon = strrchr(text, ':');
        port = colon ? colon + 1 : text;
        if (!colon) {
                add_port(container, "", "", port, protocol ? protocol : "");
                return;
        }
        *colon = '\0';
        colon = strrchr(text, ':');
        host = colon && text[strlen(text) - 1] != ']' ? colon + 1 : text;
        if (host != text) {
                *colon = '\0';
        } else if (strchr(text, '.') || text[0] == '[') {
                add_port(container, text, "", port, protocol ? protocol : "");
                return;
        }
        /* The text between the brackets of an address has colons as well. */
        add_port(container, host == text ? "" : text, host, port, protocol ? protocol : "");
}

/* ---- Networks ---- */

static const struct {
        const char *prefix;
        const char *mode; /* NULL: nothing to set */
        bool target;      /* what follows the prefix is part of the mode */
        const char *differs;
} modes[] = {
        { "bridge", NULL, false, NULL },
        { "default", NULL, false, NULL },
        { "nat", NULL, false, NULL },
        { "private", NULL, false, NULL },
        { "host", "host", false, NULL },
        { "none", "none", false, NULL },
        { "container:", "machine:", true, NULL },
        { "service:", "machine:", true, NULL },
        { "ns:", "path:", true, NULL },
        { "slirp4netns", NULL, false, "a user's machines have the network that \"doctor\" shows" },
        { "pasta", NULL, false, "a user's machines have the network that \"doctor\" shows" },
};

static bool is_joined(const struct container *container, const char *name)
{
        if (container->networks > 0 &&
            string_equal(json_string_value(convert_get(container->conversion, "network.name")),
                         name)) {
                return true;
        }
        for (size_t i = 0; i < container->link_count; i++) {
                if (string_equal(json_get_string(container->links[i].settings, "name"), name)) {
                        return true;
                }
        }
        return false;
}

static void add_link(struct container *container, const char *name)
{
        struct conversion *conversion = container->conversion;
        struct container_link *grown =
                reallocarray(container->links, container->link_count + 1, sizeof *grown);
        struct container_link *link;

        container->links = grown ? grown : container->links;
        if (!grown) {
                conversion->failed = -ENOMEM;
                return;
        }
        link = &grown[container->link_count++];
        *link = (struct container_link){
                json_pack("{ss}", "name", name),
                { conversion->here.file ? strdup(conversion->here.file) : NULL,
                  conversion->here.line,
                  conversion->here.name ? strdup(conversion->here.name) : NULL,
                  conversion->here.number },
        };
        if (!link->settings) {
                conversion->failed = -ENOMEM;
        }
}

bool container_join(struct container *container, const char *network, bool elsewhere)
{
        struct conversion *conversion = container->conversion;
        struct convert_file *file = conversion->file;
        _cleanup_free_ char *name = convert_name(network);

        if (!name) {
                conversion->failed = -ENOMEM;
                return false;
        }
        if (is_joined(container, name)) {
                convert_differs(conversion, NULL, "the machine has joined \"%s\" already", name);
                return false;
        }
        container->in_link = container->networks++ > 0;
        if (container->in_link) {
                add_link(container, name);
        } else {
                convert_text(conversion, "network.name", name);
        }
        if (!elsewhere && !convert_find(conversion, name, ".network")) {
                (void)convert_open(conversion, name, ".network", "the machines that use it");
                conversion->file = file;
        }
        return true;
}

/* ---- Options of one network ---- */

static const struct {
        const char *option;
        const char *key; /* in an element of `networks` */
} link_options[] = {
        { "network-alias", "aliases" },
        { "ip", "address" },
        { "ip6", "address6" },
        { "mac-address", "mac" },
};

static json_t *list_of(json_t *settings, const char *key)
{
        json_t *list = json_object_get(settings, key);

        if (!list) {
                list = json_array();
                (void)json_object_set_new(settings, key, list);
        }
        return list;
}

void container_take_of_network(struct container *container, const char *option, const char *value)
{
        json_t *settings = container->in_link && container->link_count > 0
                                   ? container->links[container->link_count - 1].settings
                                   : NULL;

        if (strcmp(option, "network-alias") == 0 && !settings) {
                container_alias(container, value, true);
                return;
        }
        for (size_t i = 0; settings && i < ELEMENTS_OF(link_options); i++) {
                if (strcmp(link_options[i].option, option) != 0) {
                        continue;
                }
                if (strcmp(option, "network-alias") == 0) {
                        (void)json_array_append_new(list_of(settings, "aliases"),
                                                    json_string(value));
                } else {
                        (void)json_object_set_new(settings, link_options[i].key,
                                                  json_string(value));
                }
                return;
        }
        container_take(container, option, value);
}

/* "NAME:alias=web,ip=10.1.2.3": options of one network. */
static void take_options(struct container *container, const char *text)
{
        static const struct {
                const char *name;
                const char *option;
        } known[] = {
                { "alias", "network-alias" },
                { "ip", "ip" },
                { "ip6", "ip6" },
                { "mac", "mac-address" },
                { "mac-address", "mac-address" },
        };
        _cleanup_strv_ char **parts = NULL;

        if (strv_split(text, ',', &parts) < 0) {
                container->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(part, parts) {
                size_t length = strcspn(*part, "=");
                const char *option = NULL;

                for (size_t i = 0; i < ELEMENTS_OF(known); i++) {
                        if (strlen(known[i].name) == length &&
                            strncmp(known[i].name, *part, length) == 0) {
                                option = known[i].option;
                        }
                }
                if (option && (*part)[length]) {
                        container_take_of_network(container, option, *part + length + 1);
                } else {
                        convert_lost(container->conversion, "the option \"%s\" has no equivalent",
                                     *part);
                }
        }
}

TAKE(network)
{
        struct conversion *conversion = container->conversion;
        size_t length = strcspn(value, ":");
        _cleanup_free_ char *name = strndup(value, length);
        const char *rest = value[length] ? value + length + 1 : "";

        if (string_after(value, "name=")) {
                convert_lost(conversion, "write the network's name alone");
                return;
        }
        for (size_t i = 0; i < ELEMENTS_OF(modes); i++) {
                const char *after = string_after(value, modes[i].prefix);

                if (!after || (!modes[i].target && *after && *after != ':')) {
                        continue;
                }
                if (modes[i].mode) {
                        convert_value(
                                conversion, "network.mode",
                                json_sprintf("%s%s", modes[i].mode, modes[i].target ? after : ""));
                }
                if (modes[i].differs) {
                        convert_differs(conversion, NULL, "%s", modes[i].differs);
                }
                return;
        }
        if (container_join(container, name ? name : value, false) && *rest) {
                take_options(container, rest);
        }
}
