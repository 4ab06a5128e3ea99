/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/view/view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "apply/view/files.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "config/check/check.h"
#include "config/read/stored.h"

void view_free(struct view *view)
{
        if (!view) {
                return;
        }
        for (size_t i = 0; i < view->count; i++) {
                config_definition_free(view->definitions[i]);
        }
        for (size_t i = 0; i < view->network_count; i++) {
                network_definition_free(view->networks[i]);
        }
        free(view->definitions);
        free(view->networks);
        free(view->tree);
        free(view->search_path);
        strv_free(view->directories);
        strv_free(view->elsewhere);
        config_host_clear(&view->host);
        diagnostics_clear(&view->diagnostics);
        free(view);
}

struct config_definition *view_find(const struct view *view, const char *name)
{
        for (size_t i = 0; i < view->count; i++) {
                if (strcmp(view->definitions[i]->machine->name, name) == 0) {
                        return view->definitions[i];
                }
        }
        return NULL;
}

const struct network_definition *view_find_network(const struct view *view, const char *name)
{
        for (size_t i = 0; i < view->network_count; i++) {
                if (strcmp(view->networks[i]->name, name) == 0) {
                        return view->networks[i];
                }
        }
        return NULL;
}

int view_hosts(const char *tree, char ***ret, struct machine_error *error)
{
        _cleanup_free_ char *place = path_join(tree, "hosts");
        _cleanup_closedir_ DIR *handle = NULL;
        _cleanup_strv_ char **names = NULL;
        const struct dirent *entry;
        int r = place ? directory_open_at(AT_FDCWD, place, &handle) : -ENOMEM;

        if (r < 0 && r != -ENOENT) {
                return error_set(error, r, "cannot read %s", place ? place : "hosts");
        }
        while ((entry = directory_next(handle))) {
                if (entry->d_name[0] != '.' && strv_append(&names, entry->d_name) < 0) {
                        return error_oom(error);
                }
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

/* ---- Where to look ---- */

/* Labels of another host are in the tree, because this host has no other place for them. */
static int set_host(struct view *view, const struct view_options *options,
                    struct machine_error *error)
{
        _cleanup_free_ char *labels =
                options->host ? string_format("%s/hosts/%s/host.labels", view->tree, options->host)
                              : strdup(CONFIG_HOST_LABELS);

        return labels ? config_host_read(options->host, labels, &view->host, error)
                      : error_oom(error);
}

static int set_directories(struct view *view, const struct view_options *options,
                           struct machine_error *error)
{
        if (strchr(view->tree, ':')) {
                return error_say(error, EINVAL,
                                 "the path %s has a colon, which separates search directories",
                                 view->tree);
        }
        STRV_FOREACH(directory, options->config_path) {
                if (!config_stored_is_place(*directory) &&
                    strv_append(&view->directories, *directory) < 0) {
                        return error_oom(error);
                }
        }
        if (config_tree_directories(view->tree, view->host.name, &view->directories) < 0) {
                return error_oom(error);
        }
        view->search_path = strv_join(view->directories, ":");
        return view->search_path ? 0 : error_oom(error);
}

/* ---- Findings ---- */

static int name_file(char **place, const char *tree, const char *shown)
{
        const char *rest = *place ? string_after(*place, tree) : NULL;
        char *named;

        if (!rest || *rest != '/') {
                return 0;
        }
        named = shown ? string_format("%s%s", shown, rest) : strdup(rest + 1);
        if (!named) {
                return -ENOMEM;
        }
        free(*place);
        *place = named;
        return 0;
}

int view_name_files(struct view *view, const char *shown)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < view->diagnostics.count; i++) {
                struct diagnostic *finding = &view->diagnostics.items[i];

                r = name_file(&finding->place.file, view->tree, shown);
                r = r < 0 ? r : name_file(&finding->related.file, view->tree, shown);
        }
        return r;
}

/* ---- Loading ---- */

static int report(struct view *view, const char *file, char *message, char *hint)
{
        struct diagnostic finding = {
                .severity = DIAGNOSTIC_ERROR,
                .place.file = strdup(file),
                .message = message,
                .hint = hint,
        };

        return diagnostics_add(&view->diagnostics, &finding);
}

/* A file that cannot be read is a finding, so that the others are checked as well. */
static int note_failure(struct view *view, const char *name, size_t errors,
                        struct machine_error *error)
{
        int r = 0;

        if (error->number == ENOMEM) {
                return -ENOMEM;
        }
        if (view->diagnostics.errors == errors) {
                r = report(view, name, TAKE_PTR(error->message), TAKE_PTR(error->hint));
        }
        machine_error_clear(error);
        return r < 0 ? error_oom(error) : 0;
}

/* A name that another directory of the host has is not the tree's. */
static int check_place(struct view *view, const struct machine *machine)
{
        if (!machine->definition || path_is_below(machine->definition, view->tree)) {
                return 0;
        }
        return report(view, machine->definition,
                      string_format("machine \"%s\" is defined here and in %s", machine->name,
                                    view->tree),
                      strdup("remove or rename one of them: a drop-in in NAME.machine.d is the way "
                             "to change a machine on one host"));
}

static struct config_options options_of(const struct view *view, bool trust_required)
{
        return (struct config_options){
                .search_path = view->search_path,
                .trust.required = trust_required,
        };
}

/* Takes the definition. */
static int keep(struct view *view, struct config_definition *definition)
{
        struct config_definition **grown =
                reallocarray(view->definitions, view->count + 1, sizeof *grown);

        if (!grown) {
                config_definition_free(definition);
                return -ENOMEM;
        }
        view->definitions = grown;
        definition->position = view->count;
        grown[view->count++] = definition;
        return 0;
}

static int check_alone(struct view *view, struct config_definition *definition)
{
        int r = check_place(view, definition->machine);

        return r < 0 ? r : view_check_files(view->tree, definition);
}

int view_check_on_host(struct view *view, const char *name)
{
        struct config_definition *definition = view_find(view, name);
        int r = definition ? config_check_host(definition, "/etc") : 0;

        if (r == 0 && definition) {
                r = config_check_trust(definition);
                r = r < 0 ? r : config_check_places(definition);
                r = r < 0 ? r : config_check_images(definition);
        }
        return r;
}

static int add_machine(struct view *view, const char *name, const struct view_options *options,
                       struct machine_error *error)
{
        const struct config_options own = options_of(view, options->trust_required);
        struct config_definition *definition = NULL;
        size_t errors = view->diagnostics.errors;
        int r = config_definition_open(name, &own, &view->diagnostics, &definition, error);

        if (r < 0) {
                return note_failure(view, name, errors, error);
        }
        if (!config_host_is_among(&view->host, definition->machine->apply.hosts)) {
                config_definition_free(definition);
                return strv_append(&view->elsewhere, name) < 0 ? error_oom(error) : 0;
        }
        r = keep(view, definition);
        r = r < 0 ? r : check_alone(view, definition);
        return r < 0 ? error_oom(error) : 0;
}

static int add_network(struct view *view, const char *name, const struct view_options *options,
                       struct machine_error *error)
{
        const struct config_options own = options_of(view, options->trust_required);
        struct network_definition **grown =
                reallocarray(view->networks, view->network_count + 1, sizeof *grown);
        size_t errors = view->diagnostics.errors;
        int r;

        if (!grown) {
                return error_oom(error);
        }
        view->networks = grown;
        r = config_load_network(name, &own, &view->diagnostics, &grown[view->network_count], error);
        if (r < 0) {
                return note_failure(view, name, errors, error);
        }
        view->network_count++;
        return 0;
}

/* The starts of machines load it again. */
static int check_volume(struct view *view, const char *name, const struct view_options *options,
                        struct machine_error *error)
{
        const struct config_options own = options_of(view, options->trust_required);
        struct volume_definition *volume = NULL;
        size_t errors = view->diagnostics.errors;
        int r = config_load_volume(name, &own, &view->diagnostics, &volume, error);

        volume_definition_free(volume);
        return r < 0 ? note_failure(view, name, errors, error) : 0;
}

static int load_all(struct view *view, const struct view_options *options,
                    struct machine_error *error)
{
        _cleanup_strv_ char **machines = NULL, **networks = NULL, **volumes = NULL;
        int r = view_list_files(view->tree, view->host.name, &machines, &networks, &volumes, error);

        STRV_FOREACH(name, machines) {
                r = r < 0 ? r : add_machine(view, *name, options, error);
        }
        STRV_FOREACH(name, networks) {
                r = r < 0 ? r : add_network(view, *name, options, error);
        }
        STRV_FOREACH(name, volumes) {
                r = r < 0 ? r : check_volume(view, *name, options, error);
        }
        return r;
}

/* ---- Checks of all together ---- */

static int check_addresses_in(struct view *view, struct config_definition *definition,
                              const char *name)
{
        const struct config_options own = options_of(view, false);
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        const struct network_definition *known = view_find_network(view, name);
        struct network_definition *network = NULL;
        int r = 0;

        if (!known && config_load_network(name, &own, &unheard, &network, &reason) < 0) {
                return 0;
        }
        r = config_check_addresses(definition, known ? known : network);
        network_definition_free(network);
        return r;
}

static int check_addresses(struct view *view, struct config_definition *definition)
{
        _cleanup_strv_ char **names = NULL;
        int r = config_network_names(definition->machine, &names);

        STRV_FOREACH(name, names) {
                r = r < 0 ? r : check_addresses_in(view, definition, *name);
        }
        return r;
}

static int check_together(struct view *view, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < view->count; i++) {
                r = check_addresses(view, view->definitions[i]);
        }
        r = r < 0 ? r : config_check_together(view->definitions, view->count);
        r = r < 0 ? r : config_check_references(view->definitions, view->count, view->search_path);
        return r < 0 ? error_oom(error) : 0;
}

int view_load(const struct view_options *options, struct view **ret, struct machine_error *error)
{
        _cleanup_view_ struct view *view = calloc(1, sizeof *view);
        int r = 0;

        if (view) {
                view->tree = strdup(options->tree);
                view->diagnostics.strict = options->strict;
        }
        if (!view || !view->tree) {
                return error_oom(error);
        }
        r = set_host(view, options, error);
        r = r < 0 ? r : set_directories(view, options, error);
        r = r < 0 ? r : load_all(view, options, error);
        r = r < 0 ? r : check_together(view, error);
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(view);
        return 0;
}

int view_load_machine(const struct view *view, const char *name, struct machine **ret,
                      struct machine_error *error)
{
        const struct config_options own = options_of(view, true);
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };

        return config_load(name, &own, &unheard, ret, error);
}
