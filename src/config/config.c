/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/process/signal_name.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "config/check/check.h"
#include "config/keys/settings.h"
#include "config/kinds/kind.h"
#include "config/lock.h"
#include "config/read/name.h"
#include "config/read/search.h"
#include "config/read/specifier.h"

static struct config_definition *definition_new(const struct config_options *options,
                                                struct diagnostics *diagnostics)
{
        struct config_definition *definition = calloc(1, sizeof *definition);

        if (!definition) {
                return NULL;
        }
        definition->diagnostics = definition->loader.diagnostics = diagnostics;
        diagnostics_begin(diagnostics);
        definition->loader.trust = options ? options->trust : (struct config_trust){ 0 };
        definition->tree = config_node_new(CONFIG_NODE_GROUP);
        if (!definition->tree) {
                free(definition);
                return NULL;
        }
        return definition;
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

/* `name` stands for the path in messages. */
static int read_file(struct config_definition *definition, const char *path, const char *name,
                     bool named, bool template, struct machine_error *error)
{
        struct config_source *source;
        int r = config_source_open(path, name, named, &definition->loader.trust, &source, error);

        if (r < 0) {
                return r;
        }
        source->template = template;
        return merge_source(definition, source, error);
}

/* `edited` is read instead of the file that was found, NULL for none. */
static int read_layers(struct config_definition *definition, const struct config_found *found,
                       const char *edited, struct machine_error *error)
{
        bool template = strchr(found->name, '@') != NULL;
        int r = read_file(definition, edited ? edited : found->path, found->path, true, template,
                          error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(drop_in, found->drop_ins) {
                r = read_file(definition, *drop_in, *drop_in, false, template, error);
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

/* The name of a machine without one: derived from its root, and different from other machines with
 * the same root. */
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

/* "web@blue" is no host name, "web-blue" is. */
static void derive_hostname(struct machine *machine)
{
        char *at = strchr(machine->hostname, '@');

        if (at) {
                *at = '-';
        }
}

/* `file` is the name of the definition's file, which for an instance of a template need not exist;
 * NULL without a file. */
static int make_machine(struct config_definition *definition, const char *name, const char *file,
                        struct machine_error *error)
{
        struct config_place *place = &definition->tree->value;
        _cleanup_free_ char *derived = name ? NULL : derived_name(definition->tree);

        name = name ? name : derived;
        if (!name) {
                return error_oom(error);
        }
        if (!config_machine_name_is_valid(name)) {
                error_say(error, EINVAL, "invalid machine name \"%s\"", name);
                error_hint(error, "letters, digits, \"_\", \"-\" and \".\", at most 64");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        definition->machine = machine_new(name);
        if (!definition->machine) {
                return error_oom(error);
        }
        derive_hostname(definition->machine);
        definition->machine->name_derived = derived != NULL;
        definition->machine->trusted_owner = definition->loader.trust.owner;
        if (file) {
                definition->machine->definition =
                        path_join(definition->loader.sources[0]->directory, file);
                if (!definition->machine->definition) {
                        return error_oom(error);
                }
        }
        /* Findings about the whole definition name its first file. */
        place->source = definition->loader.source_count ? definition->loader.sources[0] : NULL;
        place->line = 0;
        return 0;
}

/* ---- Defaults that depend on other settings ---- */

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
                /* systemd as PID 1 halts on this signal (systemd(1)). */
                if (!config_definition_gives(definition, "stop.signal")) {
                        machine->life.stop_signal = SIGNAL_REALTIME_FIRST + 3;
                }
                if (!config_definition_gives(definition, "capabilities.profile")) {
                        machine->security.capabilities.profile = MACHINE_CAPABILITIES_SYSTEM;
                }
                if (!config_definition_gives(definition, "no_new_privileges")) {
                        machine->security.no_new_privileges = false;
                }
        }
        /* Otherwise a memory limit would only move the machine to swap space. */
        if (machine->limits.memory != MACHINE_UNSET &&
            machine->limits.memory != MACHINE_UNLIMITED && machine->limits.swap == MACHINE_UNSET) {
                machine->limits.swap = 0;
        }
}

/* A pod has no root of its own: its start gives it one. A member is in its pod's network. */
static int derive_pod(struct machine *machine)
{
        if (machine->holds_pod) {
                machine->root.source = MACHINE_ROOT_DIRECTORY;
                machine->root.upper = MACHINE_UPPER_VOLATILE;
                machine->life.log_driver = MACHINE_LOG_NONE;
        }
        if (!machine->pod) {
                return 0;
        }
        machine->network.mode = MACHINE_NETWORK_MACHINE;
        return string_replace(&machine->network.target, machine->pod);
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
                r = config_check_pod(definition);
        }
        r = r < 0 ? r : derive_pod(definition->machine);
        r = r < 0 ? r : config_check_machine(definition);
        r = r < 0 ? r : config_check_effect(definition);
        r = r < 0 ? r : config_check_overruled(definition);
        return r < 0 ? error_oom(error) : 0;
}

/* A template has no instance of its own. */
static int name_instance(struct config_found *found, const struct config_options *options,
                         struct machine_error *error)
{
        char *name;

        if (!config_name_is_template(found->name)) {
                return 0;
        }
        if (!options || !options->instance) {
                error_say(error, EINVAL, "%s is a template", found->path);
                error_hint(error, "give an instance of it a name: %sNAME", found->name);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        name = string_format("%s%s", found->name, options->instance);
        free(found->name);
        found->name = name;
        return name ? 0 : error_oom(error);
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
                r = config_find_machine(name_or_path, options ? options->search_path : NULL, &found,
                                        error);
                definition->template = r == 0 && config_name_is_template(found.name);
                r = r < 0 ? r : name_instance(&found, options, error);
                r = r < 0 ? r
                          : read_layers(definition, &found, options ? options->edited : NULL,
                                        error);
        }
        if (r == 0 && found.name && strchr(found.name, '@')) {
                r = config_expand_specifiers(definition->tree, definition->diagnostics, found.name,
                                             error);
        }
        r = r < 0 ? r
                  : config_settings_apply(&definition->loader, options, definition->tree, error);
        r = r < 0 ? r : make_machine(definition, name ? name : found.name, found.file, error);
        if (r == 0) {
                definition->machine->holds_pod = found.file && string_ends_with(found.file, ".pod");
        }
        definition->directories = TAKE_PTR(found.directories);
        config_found_clear(&found);
        /* Keys after a syntax error are absent and would be reported as missing. */
        if (r < 0 || definition->loader.syntax_errors > 0) {
                return r;
        }
        r = fill_machine(definition, error);
        return r < 0 || (options && options->unlocked) ? r : config_lock_apply(definition, error);
}

int config_definition_open(const char *name_or_path, const struct config_options *options,
                           struct diagnostics *diagnostics, struct config_definition **ret,
                           struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *definition =
                definition_new(options, diagnostics);
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
        if (config_check_host(definition, "/etc") < 0 ||
            (definition->loader.trust.required && config_check_user(definition) < 0) ||
            (definition->loader.trust.required && config_check_trust(definition) < 0)) {
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
                definition_new(options, diagnostics);
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

int config_load_text(const char *name, const char *text, struct machine **ret)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_config_definition_ struct config_definition *definition =
                definition_new(NULL, &diagnostics);
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = definition ? merge_source(definition, config_source_new(name, text), &error)
                           : -ENOMEM;

        r = r < 0 ? r : make_machine(definition, name, NULL, &error);
        r = r < 0 ? r : fill_machine(definition, &error);
        if (r < 0) {
                return r;
        }
        if (diagnostics.errors > 0) {
                return -EINVAL;
        }
        *ret = TAKE_PTR(definition->machine);
        return 0;
}

/* ---- Networks and volumes ---- */

DEFINE_CLEANUP(struct network_definition *, network_definition_free, cleanup_network)
DEFINE_CLEANUP(struct volume_definition *, volume_definition_free, cleanup_volume)

/* A definition of something other than a machine, which is being read. */
struct object {
        const struct config_table *table;
        void *base; /* the struct of the table */
        char **definition;
        struct machine_origin **origins;
        size_t *origin_count;
        int (*check)(struct config_definition *holder, const void *base); /* or NULL */
};

static int read_object(const struct config_found *found, struct config_definition *holder,
                       const struct object *object, struct machine_error *error)
{
        struct config_fill fill = {
                .table = object->table,
                .diagnostics = holder->diagnostics,
                .origins = object->origins,
                .origin_count = object->origin_count,
        };
        const char *slash = strrchr(found->path, '/');
        int r = read_layers(holder, found, NULL, error);

        if (r < 0) {
                return r;
        }
        *object->definition =
                path_join(holder->loader.sources[0]->directory, slash ? slash + 1 : found->path);
        if (!*object->definition) {
                return error_oom(error);
        }
        if (holder->loader.syntax_errors == 0) {
                r = config_fill(&fill, holder->tree, object->base);
                r = r == 0 && object->check ? object->check(holder, object->base) : r;
        }
        return r < 0 ? error_oom(error) : 0;
}

/* Reads the files that were found. */
static int load_object(struct config_found *found, const struct config_options *options,
                       struct diagnostics *diagnostics, const struct object *object,
                       struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *holder =
                definition_new(options, diagnostics);
        size_t before = diagnostics->errors;
        int r = holder ? read_object(found, holder, object, error) : error_oom(error);

        if (r == 0) {
                holder->directories = TAKE_PTR(found->directories);
                r = config_check_trust(holder) < 0 ? error_oom(error) : 0;
        }
        return r == 0 && diagnostics->errors > before
                       ? summarize(found->path, diagnostics->errors - before, error)
                       : r;
}

static int check_network(struct config_definition *holder, const void *base)
{
        return config_check_network(holder, base);
}

int config_load_network(const char *name_or_path, const struct config_options *options,
                        struct diagnostics *diagnostics, struct network_definition **ret,
                        struct machine_error *error)
{
        _cleanup_(cleanup_network) struct network_definition *network = NULL;
        _cleanup_(config_found_clear) struct config_found found = { 0 };
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
        if (!network) {
                return error_oom(error);
        }
        r = load_object(&found, options, diagnostics,
                        &(const struct object){ &config_network_table, network,
                                                &network->definition, &network->origins,
                                                &network->origin_count, check_network },
                        error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(network);
        return 0;
}

int config_load_volume(const char *name_or_path, const struct config_options *options,
                       struct diagnostics *diagnostics, struct volume_definition **ret,
                       struct machine_error *error)
{
        _cleanup_(cleanup_volume) struct volume_definition *volume = NULL;
        _cleanup_(config_found_clear) struct config_found found = { 0 };
        int r = config_find(name_or_path, ".volume", options ? options->search_path : NULL, &found,
                            error);

        /* Without a file it has the defaults. */
        if (r == -ENOENT && config_name_is_valid(name_or_path)) {
                machine_error_clear(error);
                volume = volume_definition_new(name_or_path);
                *ret = TAKE_PTR(volume);
                return *ret ? 0 : error_oom(error);
        }
        if (r < 0) {
                return r;
        }
        volume = volume_definition_new(found.name);
        if (!volume) {
                return error_oom(error);
        }
        r = load_object(&found, options, diagnostics,
                        &(const struct object){ &config_volume_table, volume, &volume->definition,
                                                &volume->origins, &volume->origin_count, NULL },
                        error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(volume);
        return 0;
}

int config_load_volume_of(const struct machine *machine, const char *name,
                          const struct config_options *options, struct volume_definition **ret,
                          struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *beside = NULL, *text = NULL;
        int r = config_find_beside(machine->definition, name, ".volume", &beside);

        r = r < 0 ? error_oom(error)
                  : config_load_volume(beside ? beside : name, options, &diagnostics, ret, error);
        if (r < 0 && diagnostics.errors > 0) {
                text = diagnostics_format(&diagnostics, false);
                return error_say(error, r, "the volume \"%s\" is invalid:\n%s", name,
                                 text ? text : "");
        }
        return r;
}

/* ---- The source of apply ---- */

void config_apply_clear(struct config_apply *apply)
{
        free(apply->source);
        free(apply->revision);
        free(apply->signers);
        free(apply->key);
        *apply = (struct config_apply){ 0 };
}

int config_load_apply(const char *path, const struct config_options *options,
                      struct diagnostics *diagnostics, struct config_apply *ret,
                      struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *holder =
                definition_new(options, diagnostics);
        _cleanup_config_apply_ struct config_apply apply = { .interval = 300 * USEC_PER_SEC,
                                                             .jitter = 60 * USEC_PER_SEC };
        /* The origins are not kept. */
        struct machine_origin *origins = NULL;
        size_t origin_count = 0;
        struct config_fill fill = { .table = &config_apply_table,
                                    .diagnostics = diagnostics,
                                    .origins = &origins,
                                    .origin_count = &origin_count };
        size_t before = diagnostics->errors;
        int r = holder ? read_file(holder, path, path, true, false, error) : error_oom(error);

        if (r == 0 && holder->loader.syntax_errors == 0) {
                r = config_fill(&fill, holder->tree, &apply) < 0 ? error_oom(error) : 0;
        }
        for (size_t i = 0; i < origin_count; i++) {
                free(origins[i].key);
                free(origins[i].file);
        }
        free(origins);
        if (r == 0 && diagnostics->errors > before) {
                r = summarize(path, diagnostics->errors - before, error);
        }
        if (r == 0 && !apply.source) {
                error_say(error, EINVAL, "%s does not set \"source\"", path);
                r = error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        if (r < 0) {
                return r;
        }
        *ret = apply;
        apply = (struct config_apply){ 0 };
        return 0;
}
