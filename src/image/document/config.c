/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/document/document.h"

void config_clear(struct config *config)
{
        json_decref(config->document);
        free(config->diff_ids);
        free(config->os);
        free(config->architecture);
        free(config->variant);
        *config = (struct config)CONFIG_INIT;
}

static int read_diff_ids(const json_t *document, struct config *config, struct machine_error *error)
{
        const json_t *ids = json_object_get(json_object_get(document, "rootfs"), "diff_ids");
        size_t count = json_array_size(ids);

        if ((ids && !json_is_array(ids) && !json_is_null(ids)) || count > DOCUMENT_LAYERS_MAX) {
                return error_say(error, EBADMSG,
                                 "the config's diff ids are not a list, or more than %d",
                                 DOCUMENT_LAYERS_MAX);
        }
        config->diff_ids = calloc(count + 1, sizeof *config->diff_ids);
        if (!config->diff_ids) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                const char *text = json_string_value(json_array_get(ids, i));

                if (!digest_is_valid(text)) {
                        return error_say(error, EBADMSG,
                                         "diff id %zu of the config is not \"sha256:\" and 64 "
                                         "lower-case hexadecimal digits, nor \"sha512:\" and 128",
                                         i + 1);
                }
                digest_copy(text, config->diff_ids[i]);
        }
        config->diff_id_count = count;
        return 0;
}

static const char *not_empty(const char *text)
{
        return text && *text ? text : NULL;
}

int config_read(const char *text, size_t length, struct config *ret, struct machine_error *error)
{
        _cleanup_config_ struct config config = CONFIG_INIT;
        _cleanup_free_ char *mended = NULL;
        const json_t *document;
        int r = document_mend(text, length, &mended, &length);

        if (r < 0) {
                return error_oom(error);
        }
        r = document_parse(mended, length, "the image's config", &config.document, error);
        if (r < 0) {
                return r;
        }
        document = config.document;
        if (string_replace(&config.os, not_empty(json_get_string(document, "os"))) < 0 ||
            string_replace(&config.architecture,
                           not_empty(json_get_string(document, "architecture"))) < 0 ||
            string_replace(&config.variant, json_get_string(document, "variant")) < 0) {
                return error_oom(error);
        }
        r = read_diff_ids(document, &config, error);
        if (r < 0) {
                return r;
        }
        *ret = config;
        config = (struct config)CONFIG_INIT;
        return 0;
}

static int wrong_shape(struct machine_error *error, const char *key)
{
        return error_say(error, EINVAL,
                         "\"%s\" of the image's config violates the OCI image "
                         "specification says",
                         key);
}

/* An array of strings, or null. "each" checks the elements further. */
static int copy_strings(const json_t *from, const char *key, json_t *to, const char *name,
                        struct machine_error *error)
{
        json_t *array = json_object_get(from, key);
        const json_t *value;
        size_t i;

        if (!array || json_is_null(array)) {
                return 0;
        }
        if (!json_is_array(array)) {
                return wrong_shape(error, key);
        }
        json_array_foreach(array, i, value)
        {
                if (!json_is_string(value)) {
                        return wrong_shape(error, key);
                }
        }
        return json_object_set(to, name, array) < 0 ? error_oom(error) : 0;
}

static int copy_string(const json_t *from, const char *key, json_t *to, const char *name,
                       struct machine_error *error)
{
        json_t *value = json_object_get(from, key);

        if (!value || json_is_null(value)) {
                return 0;
        }
        if (!json_is_string(value)) {
                return wrong_shape(error, key);
        }
        return json_object_set(to, name, value) < 0 ? error_oom(error) : 0;
}

/* Sets of strings are objects whose values are empty objects. */
static int copy_keys(const json_t *from, const char *key, json_t *to, const char *name,
                     struct machine_error *error)
{
        json_t *set = json_object_get(from, key);
        _cleanup_json_ json_t *array = json_array();
        const char *member;
        json_t *value;

        if (!set || json_is_null(set)) {
                return 0;
        }
        if (!json_is_object(set)) {
                return wrong_shape(error, key);
        }
        json_object_foreach(set, member, value)
        {
                if (json_array_append_new(array, json_string(member)) < 0) {
                        return error_oom(error);
                }
        }
        return json_set_value(to, name, TAKE_PTR(array)) < 0 ? error_oom(error) : 0;
}

int config_defaults(const struct config *config, json_t **ret, struct machine_error *error)
{
        static const struct {
                const char *key;
                const char *name;
                int (*copy)(const json_t *from, const char *key, json_t *to, const char *name,
                            struct machine_error *error);
        } fields[] = {
                { "Entrypoint", "entrypoint", copy_strings },
                { "Cmd", "command", copy_strings },
                { "Env", "environment", copy_strings },
                { "User", "user", copy_string },
                { "WorkingDir", "working_directory", copy_string },
                { "StopSignal", "stop_signal", copy_string },
                { "ExposedPorts", "ports", copy_keys },
                { "Volumes", "volumes", copy_keys },
        };
        const json_t *from = json_object_get(config->document, "config");
        _cleanup_json_ json_t *defaults = json_object();

        if (!defaults) {
                return error_oom(error);
        }
        if (from && !json_is_object(from) && !json_is_null(from)) {
                return wrong_shape(error, "config");
        }
        for (size_t i = 0; i < ELEMENTS_OF(fields); i++) {
                int r = fields[i].copy(from, fields[i].key, defaults, fields[i].name, error);

                if (r < 0) {
                        return r;
                }
        }
        *ret = TAKE_PTR(defaults);
        return 0;
}
