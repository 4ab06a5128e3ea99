/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "convert/compose/compose.h"
#include "convert/model/values.h"

/* Networks and volumes. */

const struct node *compose_definition(const struct compose *compose, const char *section,
                                      const char *name)
{
        const struct node *definition = node_find(node_find(compose->root, section), name);

        return definition && definition->type == NODE_MAP ? definition : NULL;
}

bool compose_is_external(const struct node *definition)
{
        const struct node *external = node_find(definition, "external");

        return external && (external->type == NODE_MAP || node_is_true(external));
}

const char *compose_outer_name(const struct compose *compose, const char *section, const char *name)
{
        const struct node *definition = compose_definition(compose, section, name);
        const char *outer = node_text(definition, "name");
        const char *old = node_text(node_find(definition, "external"), "name");

        if (!outer && strcmp(section, "networks") == 0 && strcmp(name, "default") == 0 && !old) {
                return compose->project;
        }
        return outer ? outer : old ? old : name;
}

/* ---- Rows: settings by their dotted names ---- */

struct top_row {
        const char *name;
        void (*take)(struct compose *compose, const struct node *node, const struct top_row *row);
        const char *key;
        const char *text;
};

static void take_lost(struct compose *compose, const struct node *node, const struct top_row *row)
{
        convert_lost(compose->conversion, "%s", row->text);
}

static void take_no_effect(struct compose *compose, const struct node *node,
                           const struct top_row *row)
{
}

static void take_boolean(struct compose *compose, const struct node *node,
                         const struct top_row *row)
{
        convert_boolean(compose->conversion, row->key, node_is_true(node));
}

static void take_text(struct compose *compose, const struct node *node, const struct top_row *row)
{
        if (node->type == NODE_SCALAR) {
                convert_text(compose->conversion, row->key, node->text);
        } else {
                convert_lost(compose->conversion, "it is not a text");
        }
}

static void take_integer(struct compose *compose, const struct node *node,
                         const struct top_row *row)
{
        convert_integer(compose->conversion, row->key, node->text ? node->text : "");
}

/* A map, or a list of "NAME=VALUE". */
static void take_labels(struct compose *compose, const struct node *node, const struct top_row *row)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *label = node->children[i];
                _cleanup_free_ char *text =
                        label->type != NODE_SCALAR ? NULL
                        : label->key               ? string_format("%s=%s", label->key, label->text)
                                                   : string_format("%s%s", label->text,
                                                     strchr(label->text, '=') ? "" : "=");

                convert_add(compose->conversion, "labels", text ? text : "");
        }
}

static void take_driver(struct compose *compose, const struct node *node, const struct top_row *row)
{
        if (node->type != NODE_SCALAR || !string_equal(node->text, row->key)) {
                convert_lost(compose->conversion, "%s", row->text);
        }
}

/* One subnet of each family, with its gateway. */
static void take_address(struct compose *compose, const char *key, const char *text)
{
        bool ipv6 = text && strchr(text, ':');
        _cleanup_free_ char *name = string_format("%s%s", key, ipv6 ? "6" : "");

        if (!text || !name) {
                return;
        }
        if (convert_get(compose->conversion, name)) {
                convert_lost(compose->conversion, "a network has one subnet of each family");
                return;
        }
        convert_text(compose->conversion, name, text);
}

static void take_ipam(struct compose *compose, const struct node *node, const struct top_row *row)
{
        for (size_t i = 0; i < node->count; i++) {
                const struct node *config = node->children[i];

                take_address(compose, "subnet", node_text(config, "subnet"));
                take_address(compose, "gateway", node_text(config, "gateway"));
                if (node_find(config, "ip_range") || node_find(config, "aux_addresses")) {
                        convert_lost(compose->conversion,
                                     "addresses are chosen from the whole subnet");
                }
        }
}

static const struct top_row network_rows[] = {
        { "name", take_no_effect, NULL, NULL },
        { "driver", take_driver, "bridge",
          "it is a bridge here; machines can have network.mode = \"macvlan:INTERFACE\"" },
        { "driver_opts.com.docker.network.bridge.name", take_text, "bridge", NULL },
        { "driver_opts.com.docker.network.driver.mtu", take_integer, "mtu", NULL },
        { "driver_opts", take_lost, NULL, "it has no equivalent" },
        { "ipam.driver", take_no_effect, NULL, NULL },
        { "ipam.config", take_ipam, NULL, NULL },
        { "ipam", take_lost, NULL, "it has no equivalent" },
        { "internal", take_boolean, "internal", NULL },
        { "attachable", take_no_effect, NULL, NULL },
        { "external", take_no_effect, NULL, NULL },
        { "enable_ipv4", take_no_effect, NULL, NULL },
        { "enable_ipv6", take_no_effect, NULL, NULL },
        { "labels", take_lost, NULL, "networks have no labels" },
        { NULL, NULL, NULL, NULL },
};

static const struct top_row volume_rows[] = {
        { "name", take_no_effect, NULL, NULL },
        { "driver", take_driver, "local", "volumes are directories of the host" },
        { "driver_opts", take_lost, NULL, "mount it on the host, and bind it" },
        { "external", take_no_effect, NULL, NULL },
        { "labels", take_labels, "labels", NULL },
        { NULL, NULL, NULL, NULL },
};

/* A volume that is a directory of the host is bound by the machines that use it. */
static const struct top_row bound_rows[] = {
        { "name", take_no_effect, NULL, NULL },
        { "driver", take_driver, "local", "volumes are directories of the host" },
        { "driver_opts.type", take_no_effect, NULL, NULL },
        { "driver_opts.o", take_no_effect, NULL, NULL },
        { "driver_opts.device", take_no_effect, NULL, NULL },
        { "labels", take_lost, NULL, "directories of the host have no labels" },
        { NULL, NULL, NULL, NULL },
};

static const struct top_row *find_row(const struct top_row *rows, const char *name)
{
        for (; rows->name; rows++) {
                if (strcmp(rows->name, name) == 0) {
                        return rows;
                }
        }
        return NULL;
}

/* Settings of a group that has a row for some of its members. */
static bool is_group(const struct top_row *rows, const struct node *node, const char *path)
{
        size_t length = strlen(path);

        for (; node->type == NODE_MAP && rows->name; rows++) {
                if (strncmp(rows->name, path, length) == 0 && rows->name[length] == '.') {
                        return true;
                }
        }
        return false;
}

static void take_rows(struct compose *compose, const struct node *map, const struct top_row *rows,
                      const char *where, const char *prefix)
{
        for (size_t i = 0; i < map->count; i++) {
                const struct node *node = map->children[i];
                _cleanup_free_ char *path = string_format("%s%s", prefix, node->key);
                _cleanup_free_ char *below = string_format("%s%s.", prefix, node->key);
                const struct top_row *row = path ? find_row(rows, path) : NULL;

                if (!path || !below || string_after(node->key, "x-")) {
                        continue;
                }
                if (is_group(rows, node, path)) {
                        take_rows(compose, node, rows, where, below);
                        continue;
                }
                convert_begin(compose->conversion, compose->file, node->line, "%s.%s", where, path);
                if (row) {
                        row->take(compose, node, row);
                } else {
                        convert_lost(compose->conversion, "it has no equivalent");
                }
        }
}

/* ---- The sections ---- */

void compose_convert_networks(struct compose *compose)
{
        const struct node *networks = node_find(compose->root, "networks");

        for (size_t i = 0; networks && networks->type == NODE_MAP && i < networks->count; i++) {
                const struct node *network = networks->children[i];
                const char *outer = compose_outer_name(compose, "networks", network->key);
                _cleanup_free_ char *where = string_format("networks.%s", network->key);
                _cleanup_free_ char *name = convert_name(outer);

                convert_begin(compose->conversion, compose->file, network->line, "networks.%s",
                              network->key);
                compose->conversion->file = NULL;
                if (compose_is_external(network)) {
                        convert_differs(compose->conversion, NULL,
                                        "the network \"%s\" is defined elsewhere: %s.network must "
                                        "exist",
                                        outer, outer);
                        continue;
                }
                if (!where || !name || convert_find(compose->conversion, name, ".network") ||
                    !convert_open(compose->conversion, name, ".network", compose->file)) {
                        continue;
                }
                take_rows(compose, network, network_rows, where, "");
        }
}

static bool is_bound(const struct node *volume)
{
        const struct node *options = node_find(volume, "driver_opts");
        const char *o = node_text(options, "o");

        return node_text(options, "device") && o && strstr(o, "bind");
}

void compose_convert_volumes(struct compose *compose)
{
        const struct node *volumes = node_find(compose->root, "volumes");

        for (size_t i = 0; volumes && volumes->type == NODE_MAP && i < volumes->count; i++) {
                const struct node *volume = volumes->children[i];
                const char *outer = compose_outer_name(compose, "volumes", volume->key);
                _cleanup_free_ char *where = string_format("volumes.%s", volume->key);

                compose->conversion->file = NULL;
                convert_begin(compose->conversion, compose->file, volume->line, "volumes.%s",
                              volume->key);
                if (compose_is_external(volume)) {
                        convert_differs(compose->conversion, NULL,
                                        "the data of the volume \"%s\" is in the other engine: see "
                                        "\"volume import\"",
                                        outer);
                        continue;
                }
                if (!where || volume->type != NODE_MAP) {
                        continue;
                }
                if (node_find(volume, "labels") && !is_bound(volume)) {
                        (void)convert_open(compose->conversion, outer, ".volume", compose->file);
                }
                take_rows(compose, volume, is_bound(volume) ? bound_rows : volume_rows, where, "");
        }
}
