/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strings.h"
#include "config/check.h"
#include "config/kind.h"
#include "config/search.h"
#include "config/settings.h"

void config_definition_free(struct config_definition *definition)
{
        if (!definition) {
                return;
        }
        config_node_free(definition->tree);
        machine_free(definition->machine);
        config_loader_clear(&definition->loader);
        free(definition);
}

static struct config_definition *definition_new(struct diagnostics *diagnostics)
{
        struct config_definition *definition = calloc(1, sizeof *definition);

        if (!definition) {
                return NULL;
        }
        definition->diagnostics = definition->loader.diagnostics = diagnostics;
        definition->tree = config_node_new(CONFIG_NODE_GROUP);
        if (!definition->tree) {
                free(definition);
                return NULL;
        }
        return definition;
}

bool config_definition_gives(const struct config_definition *definition, const char *key)
{
        return machine_origin_of(definition->machine, key) != NULL;
}

struct config_place config_definition_place(const struct config_definition *definition,
                                            const char *key, size_t index)
{
        const struct config_node *node = key[0] ? config_node_lookup(definition->tree, key) : NULL;

        if (!node) {
                return definition->tree->value;
        }
        if (index != SIZE_MAX && index < node->child_count) {
                return node->children[index]->value;
        }
        return index == SIZE_MAX && node->key.source ? node->key : node->value;
}

/* ---- Reading the layers ---- */

static int merge_source(struct config_definition *definition, struct config_source *source,
                        struct machine_error *error)
{
        struct config_node *tree;
        int r = config_loader_read(&definition->loader, source, &tree, error);

        if (r < 0) {
                return r;
        }
        return config_node_merge(definition->tree, tree) < 0 ? error_oom(error) : 0;
}

static int read_file(struct config_definition *definition, const char *path, bool named,
                     struct machine_error *error)
{
        struct config_source *source;
        int r = config_source_open(path, path, named, &source, error);

        return r < 0 ? r : merge_source(definition, source, error);
}

static int read_layers(struct config_definition *definition, const struct config_found *found,
                       struct machine_error *error)
{
        int r = read_file(definition, found->path, true, error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(drop_in, found->drop_ins) {
                r = read_file(definition, *drop_in, false, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int read_standard_input(struct config_definition *definition,
                               const struct config_options *options, struct machine_error *error)
{
        struct config_source *source;
        int r;

        if (!options || !options->standard_input) {
                error_say(error, EINVAL, "a definition cannot be read from standard input here");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = config_source_read_input(&source, error);
        return r < 0 ? r : merge_source(definition, source, error);
}

/* ---- Names ---- */

/* A machine that nobody named: after its root, and different from others of the same root. */
static char *derived_name(const struct config_node *tree)
{
        const struct config_node *node = config_node_find(tree, "rootfs");
        char base[33] = "machine";
        const char *text;
        size_t length = 0;

        node = node ? node : config_node_find(tree, "image");
        text = node && node->string ? node->string : "";
        for (const char *slash; (slash = strchr(text, '/')) && slash[1];) {
                text = slash + 1;
        }
        for (; *text && !strchr(":@/", *text) && length < sizeof base - 1; text++) {
                char c = *text;
                bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || (length > 0 && c == '-');

                if (good) {
                        base[length++] = c;
                }
        }
        if (length > 0) {
                base[length] = '\0';
        }
        return string_format("%s-%d", base, (int)getpid());
}

static int make_machine(struct config_definition *definition, const char *name, const char *path,
                        struct machine_error *error)
{
        struct config_place *place = &definition->tree->value;
        _cleanup_free_ char *derived = name ? NULL : derived_name(definition->tree);

        name = name ? name : derived;
        if (!name) {
                return error_oom(error);
        }
        if (!config_name_is_valid(name)) {
                error_say(error, EINVAL, "\"%s\" cannot be the name of a machine", name);
                error_hint(error, "letters, digits, \"_\", \"-\" and \".\", at most 64");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        definition->machine = machine_new(name);
        if (!definition->machine) {
                return error_oom(error);
        }
        definition->machine->name_derived = derived != NULL;
        if (path) {
                const struct config_source *source = definition->loader.sources[0];
                const char *slash = strrchr(path, '/');

                definition->machine->definition =
                        path_join(source->directory, slash ? slash + 1 : path);
                if (!definition->machine->definition) {
                        return error_oom(error);
                }
        }
        /* Findings about the whole definition name its first file. */
        place->source = definition->loader.source_count ? definition->loader.sources[0] : NULL;
        place->line = 0;
        return 0;
}

/* ---- What follows from what is given ---- */

static void derive_root(struct machine *machine, bool upper_given)
{
        struct machine_root *root = &machine->root;

        root->source = root->image    ? MACHINE_ROOT_IMAGE
                       : root->layers ? MACHINE_ROOT_OVERLAY
                                      : MACHINE_ROOT_DIRECTORY;
        if (!upper_given) {
                root->upper = root->source == MACHINE_ROOT_DIRECTORY ? MACHINE_UPPER_IN_PLACE
                                                                     : MACHINE_UPPER_PERSISTENT;
        }
}

static void derive_defaults(struct config_definition *definition)
{
        struct machine *machine = definition->machine;

        derive_root(machine, config_definition_gives(definition, "upper"));
        if (machine->process.boot) {
                machine->process.init = false;
                /* What systemd as PID 1 takes as a request to halt (systemd(1)). */
                if (!config_definition_gives(definition, "stop.signal")) {
                        machine->life.stop_signal = SIGRTMIN + 3;
                }
                if (!config_definition_gives(definition, "capabilities.profile")) {
                        machine->security.capabilities.profile = MACHINE_CAPABILITIES_SYSTEM;
                }
                if (!config_definition_gives(definition, "no_new_privileges")) {
                        machine->security.no_new_privileges = false;
                }
        }
        /* Without this a limit on memory would only move the machine to swap space. */
        if (machine->limits.memory != MACHINE_UNSET &&
            machine->limits.memory != MACHINE_UNLIMITED && machine->limits.swap == MACHINE_UNSET) {
                machine->limits.swap = 0;
        }
}

static int fill_machine(struct config_definition *definition, struct machine_error *error)
{
        struct config_fill fill = {
                .table = &config_machine_table,
                .diagnostics = definition->diagnostics,
                .origins = &definition->machine->origins,
                .origin_count = &definition->machine->origin_count,
        };
        int r = config_fill(&fill, definition->tree, definition->machine);

        if (r == 0) {
                derive_defaults(definition);
        }
        r = r < 0 ? r : config_check_machine(definition);
        r = r < 0 ? r : config_check_effect(definition);
        return r < 0 ? error_oom(error) : 0;
}

static int open_definition(struct config_definition *definition, const char *name_or_path,
                           const struct config_options *options, struct machine_error *error)
{
        const char *name = config_settings_name(options);
        struct config_found found = { 0 };
        int r = 0;

        if (name_or_path && strcmp(name_or_path, "-") == 0) {
                r = read_standard_input(definition, options, error);
        } else if (name_or_path) {
                r = config_find(name_or_path, ".machine", options ? options->search_path : NULL,
                                &found, error);
                r = r < 0 ? r : read_layers(definition, &found, error);
        }
        r = r < 0 ? r
                  : config_settings_apply(&definition->loader, options, definition->tree, error);
        r = r < 0 ? r : make_machine(definition, name ? name : found.name, found.path, error);
        config_found_clear(&found);
        /* What follows a syntax error is not there, and would be reported missing. */
        if (r < 0 || definition->loader.syntax_errors > 0) {
                return r;
        }
        return fill_machine(definition, error);
}

int config_definition_open(const char *name_or_path, const struct config_options *options,
                           struct diagnostics *diagnostics, struct config_definition **ret,
                           struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *definition =
                definition_new(diagnostics);
        int r;

        if (!definition) {
                error_oom(error);
                return -ENOMEM;
        }
        r = open_definition(definition, name_or_path, options, error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(definition);
        return 0;
}

static int summarize(const char *what, size_t errors, struct machine_error *error)
{
        error_say(error, EINVAL, "%s has %zu error%s", what, errors, errors == 1 ? "" : "s");
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

int config_load(const char *name_or_path, const struct config_options *options,
                struct diagnostics *diagnostics, struct machine **ret, struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *definition = NULL;
        size_t before = diagnostics->errors;
        int r = config_definition_open(name_or_path, options, diagnostics, &definition, error);

        if (r < 0) {
                return r;
        }
        if (config_check_host(definition, "/etc") < 0) {
                return error_oom(error);
        }
        if (diagnostics->errors > before) {
                return summarize(definition->machine && definition->machine->definition
                                         ? definition->tree->value.source->name
                                         : "the definition",
                                 diagnostics->errors - before, error);
        }
        *ret = TAKE_PTR(definition->machine);
        return 0;
}

static int fill_settings(struct config_definition *definition, const struct config_options *options,
                         struct machine_error *error)
{
        struct config_fill fill = {
                .table = &config_machine_table,
                .diagnostics = definition->diagnostics,
        };
        int r = config_settings_apply(&definition->loader, options, definition->tree, error);

        r = r < 0 ? r : make_machine(definition, "settings", NULL, error);
        if (r < 0 || definition->loader.syntax_errors > 0) {
                return r;
        }
        fill.origins = &definition->machine->origins;
        fill.origin_count = &definition->machine->origin_count;
        return config_fill(&fill, definition->tree, definition->machine) < 0 ? error_oom(error) : 0;
}

int config_load_settings(const struct config_options *options, struct diagnostics *diagnostics,
                         struct machine **ret, struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *definition =
                definition_new(diagnostics);
        size_t before = diagnostics->errors;
        int r;

        if (!definition) {
                error_oom(error);
                return -ENOMEM;
        }
        r = fill_settings(definition, options, error);
        if (r == 0 && diagnostics->errors > before) {
                r = summarize("the command line", diagnostics->errors - before, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(definition->machine);
        return 0;
}

/* ---- Networks ---- */

DEFINE_CLEANUP(struct network_definition *, network_definition_free, cleanup_network)

static int load_network(const struct config_found *found, struct config_definition *holder,
                        struct network_definition *network, struct machine_error *error)
{
        struct config_fill fill = {
                .table = &config_network_table,
                .diagnostics = holder->diagnostics,
                .origins = &network->origins,
                .origin_count = &network->origin_count,
        };
        const char *slash = strrchr(found->path, '/');
        int r = read_layers(holder, found, error);

        if (r < 0) {
                return r;
        }
        network->definition =
                path_join(holder->loader.sources[0]->directory, slash ? slash + 1 : found->path);
        if (!network->definition) {
                return error_oom(error);
        }
        if (holder->loader.syntax_errors == 0) {
                r = config_fill(&fill, holder->tree, network);
                r = r < 0 ? r : config_check_network(holder, network);
        }
        return r < 0 ? error_oom(error) : 0;
}

int config_load_network(const char *name_or_path, const struct config_options *options,
                        struct diagnostics *diagnostics, struct network_definition **ret,
                        struct machine_error *error)
{
        _cleanup_(cleanup_network) struct network_definition *network = NULL;
        _cleanup_config_definition_ struct config_definition *holder = definition_new(diagnostics);
        struct config_found found = { 0 };
        size_t before = diagnostics->errors;
        int r = config_find(name_or_path, ".network", options ? options->search_path : NULL, &found,
                            error);

        if (r == -ENOENT && strcmp(name_or_path, "default") == 0) {
                machine_error_clear(error);
                network = network_definition_new("default");
                *ret = TAKE_PTR(network);
                return *ret ? 0 : error_oom(error);
        }
        if (r < 0) {
                return r;
        }
        network = network_definition_new(found.name);
        r = holder && network ? load_network(&found, holder, network, error) : error_oom(error);
        if (r == 0 && diagnostics->errors > before) {
                r = summarize(found.path, diagnostics->errors - before, error);
        }
        config_found_clear(&found);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(network);
        return 0;
}
