/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/program/program.h"
#include "image/transfer/remote.h"
#include "image/transfer/tags.h"

/* Verbs that ask a registry and store nothing. The names of values are those of skopeo. */

#define TRANSPORT "docker://"

/* "docker://" is optional. */
static struct remote_options options_of(const struct program *program)
{
        const char *plain = string_after(program->argv[0], TRANSPORT);

        return (struct remote_options){
                .reference = plain ? plain : program->argv[0],
                .registries = program->registries,
                .insecure = program->insecure,
        };
}

static int set_platform(const struct program *program, struct platform *ret,
                        struct machine_error *error)
{
        return program->platform ? platform_parse(program->platform, ret, error)
                                 : platform_host(ret, error);
}

static json_t *describe_layers(const struct manifest *manifest)
{
        json_t *layers = json_array();

        for (size_t i = 0; i < manifest->layer_count; i++) {
                (void)json_array_append_new(layers, json_string(manifest->layers[i].digest));
        }
        return layers;
}

/* A value of the config, or JSON's null. */
static json_t *copy_of(const json_t *object, const char *key)
{
        json_t *value = json_object_get(object, key);

        return value ? json_incref(value) : json_null();
}

static json_t *describe(const struct remote *remote)
{
        const json_t *document = remote->config.document;
        const json_t *config = json_object_get(document, "config");

        return json_pack(
                "{s:o,s:s,s:s,s:s,s:o,s:o,s:s,s:s,s:o,s:o}", "Name",
                json_sprintf("%s/%s", remote->reference.domain, remote->reference.repository),
                "Digest", remote->top_digest, "Manifest", remote->manifest_digest, "Id",
                remote->manifest.config.digest, "Created", copy_of(document, "created"), "Labels",
                copy_of(config, "Labels"), "Architecture",
                remote->config.architecture ? remote->config.architecture : "", "Os",
                remote->config.os ? remote->config.os : "", "Layers",
                describe_layers(&remote->manifest), "Env", copy_of(config, "Env"));
}

/* Without --json, a person reads it. */
static int print(const struct program *program, json_t *value, struct machine_error *error)
{
        struct program own = *program;

        own.json = own.json == PROGRAM_JSON_OFF ? PROGRAM_JSON_PRETTY : own.json;
        return program_print_json(&own, value) < 0 ? error_oom(error) : 0;
}

static int print_raw(const char *text, size_t length)
{
        (void)fwrite(text, 1, length, stdout);
        return 0;
}

static int inspect(const struct program *program, struct remote *remote,
                   struct machine_error *error)
{
        const struct remote_options options = options_of(program);
        int r = remote_open(remote, &options, &program->log, error);

        if (r == 0) {
                r = remote_resolve(remote, error);
        }
        if (r == 0 && program->raw && !program->config) {
                return print_raw(remote->top_text, remote->top_length);
        }
        if (r == 0) {
                r = remote_fetch_config(remote, error);
        }
        if (r == 0 && program->config) {
                return program->raw ? print_raw(remote->config_text,
                                                (size_t)remote->manifest.config.size)
                                    : print(program, json_incref(remote->config.document), error);
        }
        return r < 0 ? r : print(program, describe(remote), error);
}

int program_inspect(struct program *program, struct machine_error *error)
{
        _cleanup_platform_ struct platform platform = PLATFORM_INIT;
        _cleanup_remote_ struct remote remote = REMOTE_INIT;
        int r = set_platform(program, &platform, error);

        remote.platform = &platform;
        r = r < 0 ? r : inspect(program, &remote, error);
        if (r < 0 && error->kind != MACHINE_ERROR_USAGE) {
                error_prefix(error, "cannot inspect %s", program->argv[0]);
        }
        return r;
}

int program_list_tags(struct program *program, struct machine_error *error)
{
        const struct remote_options options = options_of(program);
        _cleanup_remote_ struct remote remote = REMOTE_INIT;
        _cleanup_json_ json_t *object = json_object();
        _cleanup_strv_ char **tags = NULL;
        int r = remote_open(&remote, &options, &program->log, error);

        r = r < 0 ? r : tags_list(&remote.registry, &tags, error);
        if (r < 0) {
                return r;
        }
        if (program->json == PROGRAM_JSON_OFF) {
                STRV_FOREACH(tag, tags) {
                        (void)printf("%s\n", *tag);
                }
                return 0;
        }
        if (!object ||
            json_set_value(object, "Repository",
                           json_sprintf("%s/%s", remote.reference.domain,
                                        remote.reference.repository)) < 0 ||
            json_set_strings(object, "Tags", tags) < 0) {
                return error_oom(error);
        }
        return print(program, TAKE_PTR(object), error);
}
