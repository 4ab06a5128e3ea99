/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/compose/compose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

const char *const compose_names[] = { "compose.yaml", "compose.yml", "docker-compose.yaml",
                                      "docker-compose.yml", NULL };

/* ---- Reading ---- */

static int check_shape(const struct compose *compose, struct machine_error *error)
{
        const struct node *services = node_find(compose->root, "services");

        if (compose->root->type == NODE_MAP && services && services->type == NODE_MAP &&
            services->count > 0) {
                return 0;
        }
        error_say(error, EINVAL, "%s has no \"services\"", compose->file);
        if (compose->root->type == NODE_MAP && node_find(compose->root, "apiVersion")) {
                error_hint(error, "it is a Kubernetes file, which cannot be converted");
        } else if (compose->root->type == NODE_MAP && !node_find(compose->root, "version")) {
                error_hint(error, "files of the first version have to be moved below \"services\"");
        }
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

static int read_file(struct compose *compose, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = document_read(compose->source->path, &text, &length, error);

        r = r < 0 ? r : document_parse_yaml(compose->file, text, length, &compose->root, error);
        r = r < 0 ? r : check_shape(compose, error);
        r = r < 0 ? r : compose_read_variables(compose, error);
        if (r == 0 && compose_interpolate(compose, compose->root) < 0) {
                return error_oom(error);
        }
        return r < 0 ? r : compose_extend(compose, error);
}

/* The project's name is that of its networks. */
static int name_project(struct compose *compose, struct machine_error *error)
{
        const char *given = node_text(compose->root, "name");
        const char *slash = strrchr(compose->source->directory, '/');

        given = given ? given : slash && slash[1] ? slash + 1 : "compose";
        compose->project = convert_name(given);
        return compose->project ? 0 : error_oom(error);
}

/* ---- Services ---- */

/* Services with a profile are only started where it is asked for. */
static bool is_wanted(const struct compose *compose, const struct node *service)
{
        const struct node *profiles = node_find(service, "profiles");

        if (!profiles || profiles->type != NODE_LIST || profiles->count == 0) {
                return true;
        }
        STRV_FOREACH(profile, compose->source->profiles) {
                for (size_t i = 0; i < profiles->count; i++) {
                        if (strcmp(*profile, "*") == 0 ||
                            string_equal(profiles->children[i]->text, *profile)) {
                                return true;
                        }
                }
        }
        return false;
}

static int convert_services(struct compose *compose, struct machine_error *error)
{
        const struct node *services = node_find(compose->root, "services");
        int r = 0;

        for (size_t i = 0; i < services->count && r == 0; i++) {
                const struct node *service = services->children[i];

                compose->conversion->file = NULL;
                if (service->type != NODE_MAP) {
                        error_say(error, EINVAL, "%s:%u: service \"%s\" has no settings",
                                  compose->file, service->line, service->key);
                        return error_kind(error, MACHINE_ERROR_DEFINITION);
                }
                if (!is_wanted(compose, service)) {
                        convert_at(compose->conversion, compose->file, service->line, service->key);
                        convert_differs(compose->conversion, NULL,
                                        "the service is left out: it has profiles, and none was "
                                        "chosen with --profile");
                        continue;
                }
                r = compose_convert_service(compose, service, error);
        }
        return r;
}

/* ---- Conditions ---- */

/* A service that others wait for until it is healthy is ready then. */
static void make_ready(struct compose *compose, const struct node *service,
                       const struct node *dependency)
{
        struct conversion *conversion = compose->conversion;
        _cleanup_free_ char *name = convert_name(dependency->key);
        struct convert_file *file = name ? convert_find(conversion, name, ".machine") : NULL;

        if (!string_equal(node_text(dependency, "condition"), "service_healthy") || !file) {
                return;
        }
        conversion->file = file;
        convert_begin(conversion, compose->file, dependency->line,
                      "services.%s.depends_on.%s.condition", service->key, dependency->key);
        if (convert_get(conversion, "health.command")) {
                convert_text(conversion, "ready", "health");
        } else {
                convert_lost(conversion,
                             "\"%s\" waits until this machine is healthy, but its check "
                             "is the image's: set health.command, and ready = "
                             "\"health\"",
                             service->key);
        }
}

static void convert_conditions(struct compose *compose)
{
        const struct node *services = node_find(compose->root, "services");

        for (size_t i = 0; i < services->count; i++) {
                const struct node *service = services->children[i];
                const struct node *dependencies = node_find(service, "depends_on");

                for (size_t j = 0; is_wanted(compose, service) && dependencies &&
                                   dependencies->type == NODE_MAP && j < dependencies->count;
                     j++) {
                        make_ready(compose, service, dependencies->children[j]);
                }
        }
}

/* ---- The file ---- */

/* Top-level keys beside those that are converted. */
static void take_rest(struct compose *compose)
{
        static const char *const known[] = { "name",    "services", "networks", "volumes",
                                             "secrets", "configs",  "version" };

        compose->conversion->file = NULL;
        for (size_t i = 0; i < compose->root->count; i++) {
                const struct node *node = compose->root->children[i];
                bool found = string_after(node->key, "x-") != NULL;

                for (size_t j = 0; j < ELEMENTS_OF(known); j++) {
                        found |= strcmp(known[j], node->key) == 0;
                }
                if (!found) {
                        convert_begin(compose->conversion, compose->file, node->line, "%s",
                                      node->key);
                        convert_lost(compose->conversion,
                                     strcmp(node->key, "include") == 0
                                             ? "convert the other files by themselves"
                                             : "it has no equivalent");
                }
        }
}

int compose_convert(struct conversion *conversion, const struct convert_source *source,
                    struct machine_error *error)
{
        struct compose compose = { .conversion = conversion,
                                   .source = source,
                                   .file = source->shown };
        int r = read_file(&compose, error);

        r = r < 0 ? r : name_project(&compose, error);
        if (r == 0) {
                compose_convert_networks(&compose);
                compose_convert_volumes(&compose);
                r = convert_services(&compose, error);
        }
        if (r == 0) {
                convert_conditions(&compose);
                take_rest(&compose);
        }
        node_free(compose.root);
        strv_free(compose.variables);
        free(compose.project);
        return r;
}
