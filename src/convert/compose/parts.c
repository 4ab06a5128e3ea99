/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/compose/service.h"
#include "convert/container/mounts.h"
#include "convert/model/values.h"

/* Settings of services with parts of their own. */

/* ---- Ports ---- */

SERVICE_TAKE(ports)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *port = node->children[i];
                const char *target = node_text(port, "target"), *host = node_text(port, "host_ip");
                const char *published = node_text(port, "published");
                const char *protocol = node_text(port, "protocol");
                bool ipv6 = host && strchr(host, ':') && host[0] != '[';
                _cleanup_free_ char *text = string_format(
                        "%s%s%s%s%s%s%s%s%s", ipv6 ? "[" : "", host ? host : "", ipv6 ? "]" : "",
                        host ? ":" : "", published ? published : "", published || host ? ":" : "",
                        target ? target : "", protocol ? "/" : "", protocol ? protocol : "");

                service_begin(service, port, path, i);
                if (port->type == NODE_SCALAR ? !port->text : !target || !text) {
                        convert_lost(service->compose->conversion, "the port has no target");
                } else {
                        service_option(service, "publish",
                                       port->type == NODE_SCALAR ? port->text : text);
                }
        }
}

/* ---- Volumes ---- */

/* The directory of the host that a volume stands for, or NULL. */
static const char *bound_device(const struct compose *compose, const char *volume)
{
        const struct node *options =
                node_find(compose_definition(compose, "volumes", volume), "driver_opts");
        const char *o = node_text(options, "o");

        return o && strstr(o, "bind") ? node_text(options, "device") : NULL;
}

/* What a mount has as its source in place of the name of a volume. */
static const char *volume_source(const struct compose *compose, const char *name)
{
        const char *device = bound_device(compose, name);

        return device ? device : compose_outer_name(compose, "volumes", name);
}

static void take_short_volume(struct compose_service *service, const char *text)
{
        size_t length = strcspn(text, ":");
        _cleanup_free_ char *name = strndup(text, length), *whole = NULL;

        if (!text[length] || strchr("/.~", text[0])) {
                service_option(service, "volume", text);
                return;
        }
        whole = string_format("%s%s", name ? volume_source(service->compose, name) : "",
                              text + length);
        service_option(service, "volume", whole ? whole : text);
}

/* Members of the groups bind, volume and tmpfs of a mount. */
static void take_mount_group(struct compose_service *service, struct container_mount *mount,
                             const struct node *group)
{
        static const struct {
                const char *group;
                const char *name;
                const char *field; /* NULL: no effect */
        } members[] = {
                { "bind", "propagation", "bind-propagation" },
                { "bind", "create_host_path", NULL },
                { "bind", "selinux", "relabel" },
                { "volume", "nocopy", "volume-nocopy" },
                { "volume", "subpath", "volume-subpath" },
                { "tmpfs", "size", "tmpfs-size" },
                { "tmpfs", "mode", "tmpfs-mode" },
        };

        for (size_t i = 0; i < group->count; i++) {
                const struct node *member = group->children[i];
                const char *field = member->key;

                for (size_t j = 0; j < ELEMENTS_OF(members); j++) {
                        if (strcmp(members[j].group, group->key) == 0 &&
                            strcmp(members[j].name, member->key) == 0) {
                                field = members[j].field;
                        }
                }
                if (field) {
                        container_mount_field(&service->container, mount, field, member->text);
                }
        }
}

static void take_long_volume(struct compose_service *service, const struct node *volume)
{
        _cleanup_container_mount_ struct container_mount mount = { 0 };
        const char *type = node_text(volume, "type"), *source = node_text(volume, "source");

        for (size_t i = 0; i < volume->count; i++) {
                const struct node *member = volume->children[i];

                if (member->type == NODE_MAP) {
                        take_mount_group(service, &mount, member);
                } else {
                        container_mount_field(&service->container, &mount,
                                              strcmp(member->key, "read_only") == 0 ? "readonly"
                                                                                    : member->key,
                                              member->text);
                }
        }
        if (!mount.type) {
                mount.type = strdup("volume");
        }
        if (source && string_equal(type, "volume")) {
                const char *outer = volume_source(service->compose, source);

                (void)string_replace(&mount.source, outer);
                if (outer[0] == '/') {
                        (void)string_replace(&mount.type, "bind");
                }
        }
        container_mount_add(&service->container, &mount);
}

SERVICE_TAKE(volumes)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *volume = node->children[i];

                service_begin(service, volume, path, i);
                if (volume->type == NODE_SCALAR) {
                        take_short_volume(service, volume->text);
                } else {
                        take_long_volume(service, volume);
                }
        }
}

SERVICE_TAKE(devices)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *device = node->children[i];
                const char *source = node_text(device, "source");
                const char *target = node_text(device, "target");
                const char *permissions = node_text(device, "permissions");
                _cleanup_free_ char *text = string_format(
                        "%s%s%s%s%s", source ? source : "", target ? ":" : "", target ? target : "",
                        permissions ? ":" : "", permissions ? permissions : "");

                service_begin(service, device, path, i);
                service_option(service, "device",
                               device->type == NODE_SCALAR ? device->text
                               : text                      ? text
                                                           : "");
        }
}

/* ---- Files ---- */

static void take_env_file(struct compose_service *service, const struct node *file)
{
        const char *name = file->type == NODE_SCALAR ? file->text : node_text(file, "path");
        const struct node *required = node_find(file, "required");
        _cleanup_free_ char *path =
                name ? value_host_path(service->compose->source->directory, name) : NULL;

        if (!path) {
                convert_lost(service->compose->conversion, "the file has no path");
        } else if (required && !node_is_true(required) && access(path, F_OK) < 0) {
                convert_differs(service->compose->conversion, NULL,
                                "%s is left out: it is missing now", path);
        } else {
                service_option(service, "env-file", path);
        }
}

SERVICE_TAKE(env_files)
{
        for (size_t i = 0; node->type == NODE_LIST && i < node->count; i++) {
                service_begin(service, node->children[i], path, i);
                take_env_file(service, node->children[i]);
        }
        if (node->type != NODE_LIST) {
                service_begin(service, node, path, SIZE_MAX);
                take_env_file(service, node);
        }
}

/* A file that is mounted read-only; `place` is where it is in the container by default. */
static void take_file(struct compose_service *service, const struct node *element,
                      const char *section, const char *place)
{
        struct conversion *conversion = service->compose->conversion;
        const char *name =
                element->type == NODE_SCALAR ? element->text : node_text(element, "source");
        const char *target = node_text(element, "target");
        const char *file =
                node_text(compose_definition(service->compose, section, name ? name : ""), "file");
        _cleanup_free_ char *source = NULL, *whole = NULL;

        if (!file) {
                convert_lost(conversion,
                             "\"%s\" is not a file of the host: write it to one, and "
                             "bind that",
                             name ? name : "");
                return;
        }
        source = value_host_path(service->compose->source->directory, file);
        whole = target && target[0] == '/' ? strdup(target)
                                           : string_format("%s%s", place, target ? target : name);
        convert_mount(conversion, "bind", source ? source : "", whole ? whole : "", true, NULL);
        if (node_find(element, "uid") || node_find(element, "gid") || node_find(element, "mode")) {
                convert_differs(conversion, "mounts",
                                "the file has the owner and mode that it has "
                                "on the host");
        }
}

SERVICE_TAKE(secrets)
{
        for (size_t i = 0; i < node->count; i++) {
                service_begin(service, node->children[i], path, i);
                take_file(service, node->children[i], "secrets", "/run/secrets/");
        }
}

SERVICE_TAKE(configs)
{
        for (size_t i = 0; i < node->count; i++) {
                service_begin(service, node->children[i], path, i);
                take_file(service, node->children[i], "configs", "/");
        }
}

/* ---- Networks ---- */

static void take_network_member(struct compose_service *service, const struct node *member)
{
        static const struct {
                const char *name;
                const char *option; /* NULL: no effect */
        } members[] = {
                { "aliases", "network-alias" }, { "ipv4_address", "ip" },
                { "ipv6_address", "ip6" },      { "mac_address", "mac-address" },
                { "priority", NULL },           { "gw_priority", NULL },
        };

        for (size_t i = 0; i < ELEMENTS_OF(members); i++) {
                if (strcmp(members[i].name, member->key) != 0) {
                        continue;
                }
                for (size_t j = 0; members[i].option && j < member->count; j++) {
                        const char *text = member->children[j]->text;

                        container_take_of_network(&service->container, members[i].option,
                                                  text ? text : "");
                }
                if (members[i].option && member->type == NODE_SCALAR && !member->null) {
                        container_take_of_network(&service->container, members[i].option,
                                                  member->text);
                }
                return;
        }
        convert_lost(service->compose->conversion, "it has no equivalent");
}

static const char *network_name(const struct node *network)
{
        const char *name = network->key ? network->key : network->text;

        return name ? name : "";
}

static void take_network(struct compose_service *service, const struct node *network,
                         const char *path, size_t index)
{
        const struct compose *compose = service->compose;
        const char *name = network_name(network);
        bool elsewhere = compose_is_external(compose_definition(compose, "networks", name));
        _cleanup_free_ char *where = string_format("%s.%s", path, name);
        bool joined;

        service_begin(service, network, path, index);
        joined = *name && container_join(&service->container,
                                         compose_outer_name(compose, "networks", name), elsewhere);
        for (size_t i = 0; network->type == NODE_MAP && i < network->count; i++) {
                service_begin(service, network->children[i], where ? where : path, i);
                if (joined) {
                        take_network_member(service, network->children[i]);
                } else {
                        convert_lost(compose->conversion, "the machine is not on that network");
                }
        }
}

/* The first network is the way out and has the ports: the first one that is not internal. */
static size_t find_first(const struct compose *compose, const struct node *node)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *definition =
                        compose_definition(compose, "networks", network_name(node->children[i]));
                const struct node *internal = node_find(definition, "internal");

                if (!internal || !node_is_true(internal)) {
                        return i;
                }
        }
        return 0;
}

/* A list of names, or a map of names to maps. */
SERVICE_TAKE(networks)
{
        size_t first = find_first(service->compose, node);

        service->networked |= node->count > 0;
        if (node->count > 0) {
                take_network(service, node->children[first], path, first);
        }
        for (size_t i = 0; i < node->count; i++) {
                if (i != first) {
                        take_network(service, node->children[i], path, i);
                }
        }
}

/* ---- Dependencies ---- */

SERVICE_TAKE(depends_on)
{
        struct conversion *conversion = service->compose->conversion;

        for (size_t i = 0; i < node->count; i++) {
                const struct node *other = node->children[i];
                const struct node *required = node_find(other, "required");
                const char *name = other->key ? other->key : other->text;
                _cleanup_free_ char *machine = convert_name(name ? name : "");

                service_begin(service, other, path, i);
                convert_add(conversion, required && !node_is_true(required) ? "after" : "requires",
                            machine ? machine : "");
                if (string_equal(node_text(other, "condition"), "service_completed_successfully")) {
                        convert_lost(conversion, "a start does not wait for the end of another "
                                                 "machine");
                }
        }
}
