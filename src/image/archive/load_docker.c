/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/load_internal.h"
#include "image/common/hash.h"
#include "image/reference.h"

/* An archive of "docker save": manifest.json lists images, each with its config, tags and layers,
 * which are members, links to members, compressed or not. What binds them is the config's diff ids.
 */

#define MANIFEST_JSON_MAX (1U << 20)

struct docker_image {
        struct session *session;
        const struct bundle *bundle;
        const json_t *entry;
        char *config_text;
        size_t config_length;
        struct config config;
};

static int read_config(struct docker_image *image, struct machine_error *error)
{
        const char *path = json_get_string(image->entry, "Config");
        digest_text found;
        const char *name;
        int r;

        if (!path) {
                return error_say(error, EBADMSG, "manifest.json does not name a config");
        }
        r = bundle_read(image->bundle, path, DOCUMENT_SIZE_MAX, &image->config_text,
                        &image->config_length, error);
        if (r < 0) {
                return r;
        }
        r = hash_memory(image->config_text, image->config_length, DIGEST_SHA256, found);
        if (r < 0) {
                return error_set(error, r, "cannot compute SHA-256");
        }
        /* The names "HEX.json" and "blobs/sha256/HEX" contain the digest of the content. */
        name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        if (strspn(name, "0123456789abcdef") == DIGEST_HEX_LENGTH &&
            strncmp(name, found + strlen(DIGEST_PREFIX), DIGEST_HEX_LENGTH) != 0) {
                return hash_mismatch(error, "the image's config", name, found);
        }
        r = config_read(image->config_text, image->config_length, &image->config, error);
        return r < 0 ? r : session_check_platform(image->session, &image->config, error);
}

static int finish_layers(struct docker_image *image, struct loading *loading,
                         struct machine_error *error)
{
        int r = loading_finish(loading, error);

        return r < 0 ? r
                     : loading_rewrite_config(loading, &image->config_text, &image->config_length,
                                              &image->config, error);
}

static int unpack_layers(struct docker_image *image, struct machine_error *error)
{
        const json_t *layers = json_object_get(image->entry, "Layers");
        size_t count = json_array_size(layers);
        _cleanup_loading_ struct loading loading = { .session = image->session };

        if (count != image->config.diff_id_count) {
                return error_say(error, EBADMSG, "the image has %zu layers and %zu diff ids", count,
                                 image->config.diff_id_count);
        }
        loading.layers = calloc(count, sizeof *loading.layers);
        if (!loading.layers) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                const char *path = json_string_value(json_array_get(layers, i));
                struct bundle_file file;
                int r = path ? bundle_find(image->bundle, path, &file, error)
                             : error_say(error, EBADMSG,
                                         "manifest.json has a layer without a name");

                if (r == 0) {
                        r = loading_add_layer(&loading, &file, NULL, image->config.diff_ids[i],
                                              error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return finish_layers(image, &loading, error);
}

static int names_of(const json_t *entry, const char *name, char ***references,
                    struct machine_error *error)
{
        const json_t *tags = json_object_get(entry, "RepoTags"), *tag;
        size_t i;

        if (name) {
                return loading_name(name, references, error);
        }
        json_array_foreach(tags, i, tag)
        {
                int r = json_is_string(tag)
                                ? loading_name(json_string_value(tag), references, error)
                                : error_say(error, EBADMSG,
                                            "a tag in manifest.json is not a string");

                if (r < 0) {
                        return r;
                }
        }
        return *references ? 0 : loading_no_name("the archive", error);
}

static int load_entry(struct docker_image *image, const char *name, load_report report, void *data,
                      struct machine_error *error)
{
        _cleanup_strv_ char **references = NULL;
        int r = names_of(image->entry, name, &references, error);

        if (r == 0) {
                r = read_config(image, error);
        }
        if (r == 0) {
                r = unpack_layers(image, error);
        }
        if (r == 0) {
                const struct new_image added = {
                        .config = image->config_text,
                        .config_length = image->config_length,
                        .parsed = &image->config,
                        .references = references,
                };

                r = loading_record(image->session, &added, report, data, error);
        }
        return r;
}

/* Whether the entry has the requested tag. */
static bool is_wanted(const json_t *entry, const char *reference)
{
        const json_t *tags = json_object_get(entry, "RepoTags"), *tag;
        _cleanup_strv_ char **wanted = NULL;
        size_t i;

        if (!reference) {
                return true;
        }
        if (loading_name(reference, &wanted, NULL) < 0) {
                return false;
        }
        json_array_foreach(tags, i, tag)
        {
                _cleanup_strv_ char **found = NULL;

                if (json_is_string(tag) &&
                    loading_name(json_string_value(tag), &found, NULL) == 0 &&
                    strcmp(found[0], wanted[0]) == 0) {
                        return true;
                }
        }
        return false;
}

static int read_manifest(const struct bundle *bundle, json_t **ret, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        json_error_t problem;
        size_t length;
        int r = bundle_read(bundle, "manifest.json", MANIFEST_JSON_MAX, &text, &length, error);

        if (r < 0) {
                return r;
        }
        *ret = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
        if (!*ret) {
                return error_say(error, EBADMSG, "manifest.json is not valid JSON: line %d: %s",
                                 problem.line, problem.text);
        }
        if (!json_is_array(*ret) || json_array_size(*ret) == 0) {
                return error_say(error, EBADMSG, "manifest.json lists no images");
        }
        return 0;
}

int load_docker(struct session *session, const struct bundle *bundle,
                const struct load_options *options, load_report report, void *data,
                struct machine_error *error)
{
        _cleanup_json_ json_t *manifest = NULL;
        const json_t *entry;
        size_t i, wanted = 0;
        int r = read_manifest(bundle, &manifest, error);

        if (r < 0) {
                return r;
        }
        json_array_foreach(manifest, i, entry)
        {
                wanted += is_wanted(entry, options->reference);
        }
        if (wanted == 0) {
                return error_say(error, ENOENT, "the archive has no image \"%s\"",
                                 options->reference);
        }
        if (wanted > 1 && options->name) {
                error_say(error, EINVAL, "the archive has %zu images, but only one name was given",
                          wanted);
                error_hint(error, "select one with --reference=REFERENCE");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        json_array_foreach(manifest, i, entry)
        {
                struct docker_image image = {
                        .session = session, .bundle = bundle, .entry = entry, .config = CONFIG_INIT
                };

                if (!is_wanted(entry, options->reference)) {
                        continue;
                }
                r = load_entry(&image, options->name, report, data, error);
                free(image.config_text);
                config_clear(&image.config);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
