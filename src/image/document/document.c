/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/document/document.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

#define MEDIA_TYPE_LENGTH_MAX 255
#define URLS_MAX              8

int document_parse(const char *text, size_t length, const char *what, json_t **ret,
                   struct machine_error *error)
{
        json_error_t problem;
        json_t *document;

        if (length > DOCUMENT_SIZE_MAX) {
                return error_say(error, EFBIG, "%s is longer than %u bytes", what,
                                 DOCUMENT_SIZE_MAX);
        }
        document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
        if (!document) {
                _cleanup_free_ char *reason = string_printable(problem.text);

                return error_say(error, EBADMSG, "%s is not valid JSON: line %d, column %d: %s",
                                 what, problem.line, problem.column, reason ? reason : "");
        }
        if (!json_is_object(document)) {
                json_decref(document);
                return error_say(error, EBADMSG, "%s is JSON, but not an object", what);
        }
        *ret = document;
        return 0;
}

static bool media_type_is_manifest(const char *media_type)
{
        return string_equal(media_type, MEDIA_TYPE_OCI_MANIFEST) ||
               string_equal(media_type, MEDIA_TYPE_DOCKER_MANIFEST);
}

static bool media_type_is_index(const char *media_type)
{
        return string_equal(media_type, MEDIA_TYPE_OCI_INDEX) ||
               string_equal(media_type, MEDIA_TYPE_DOCKER_LIST);
}

/* The media type without "; charset=..". NULL for types that do not identify the content. */
static char *plain_content_type(const char *content_type)
{
        size_t length = content_type ? strcspn(content_type, "; \t") : 0;
        char *plain = strndup(content_type ? content_type : "", length);

        if (plain && !media_type_is_manifest(plain) && !media_type_is_index(plain) &&
            !strstr(plain, "manifest.v1+")) {
                *plain = '\0';
        }
        return plain;
}

static int refuse_schema_1(struct machine_error *error)
{
        error_say(error, ENOTSUP, "the image has a manifest of schema 1, which is not supported");
        error_hint(error, "push the image again with a current tool");
        return -ENOTSUP;
}

int document_type(const json_t *document, const char *content_type, enum document_type *ret,
                  struct machine_error *error)
{
        _cleanup_free_ char *plain = plain_content_type(content_type);
        const char *own = json_get_string(document, "mediaType");
        bool layers = json_object_get(document, "layers") || json_object_get(document, "config");
        bool manifests = json_object_get(document, "manifests");
        const char *type;
        uint64_t version = 0;

        if (!plain) {
                return error_oom(error);
        }
        (void)json_get_number(document, "schemaVersion", &version);
        type = own ? own : *plain ? plain : NULL;
        if (version == 1 || json_object_get(document, "fsLayers") ||
            (type && strstr(type, "docker.distribution.manifest.v1+"))) {
                return refuse_schema_1(error);
        }
        if (version != 2) {
                return error_say(error, EBADMSG, "the manifest's schemaVersion is not 2");
        }
        if (own && *plain && strcmp(own, plain) != 0) {
                _cleanup_free_ char *printable = string_printable(own);

                return error_say(
                        error, EBADMSG,
                        "the manifest's mediaType is \"%s\", but the registry sent it as \"%s\"",
                        printable ? printable : "", plain);
        }
        if (layers && manifests) {
                return error_say(error, EBADMSG,
                                 "the manifest has \"manifests\" and \"layers\" or \"config\", "
                                 "which is ambiguous");
        }
        if (manifests && (!type || media_type_is_index(type))) {
                *ret = DOCUMENT_INDEX;
                return 0;
        }
        if (layers && (!type || media_type_is_manifest(type))) {
                *ret = DOCUMENT_MANIFEST;
                return 0;
        }
        return error_say(error, EBADMSG, "the document is neither an image manifest nor an index");
}

void descriptor_clear(struct descriptor *descriptor)
{
        free(descriptor->media_type);
        strv_free(descriptor->urls);
        descriptor->media_type = NULL;
        descriptor->urls = NULL;
}

int descriptor_read(const json_t *object, const char *what, struct descriptor *ret,
                    struct machine_error *error)
{
        const char *digest = json_get_string(object, "digest");
        const char *media_type = json_get_string(object, "mediaType");
        struct descriptor descriptor = { .media_type = NULL };

        if (!digest_is_valid(digest)) {
                _cleanup_free_ char *printable = string_printable(digest ? digest : "");

                return error_say(error, EBADMSG,
                                 "%s has the digest \"%.100s\", \"sha256:\" and 64 lower-case "
                                 "hexadecimal digits are expected, or \"sha512:\" and 128",
                                 what, printable ? printable : "");
        }
        if (json_get_number(object, "size", &descriptor.size) < 0) {
                return error_say(error, EBADMSG, "%s has no valid size", what);
        }
        if (media_type && strlen(media_type) > MEDIA_TYPE_LENGTH_MAX) {
                return error_say(error, EBADMSG, "%s has a media type longer than %d characters",
                                 what, MEDIA_TYPE_LENGTH_MAX);
        }
        digest_copy(digest, descriptor.digest);
        descriptor.media_type = strdup(media_type ? media_type : "");
        if (!descriptor.media_type) {
                return error_oom(error);
        }
        *ret = descriptor;
        return 0;
}

void manifest_clear(struct manifest *manifest)
{
        descriptor_clear(&manifest->config);
        for (size_t i = 0; i < manifest->layer_count; i++) {
                descriptor_clear(&manifest->layers[i]);
        }
        free(manifest->layers);
        *manifest = (struct manifest)MANIFEST_INIT;
}

static bool layer_type_is_known(const char *type)
{
        static const char *const beginnings[] = {
                MEDIA_TYPE_OCI_LAYER,
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                MEDIA_TYPE_DOCKER_LAYER,
                "application/vnd.docker.image.rootfs.foreign.diff.tar",
        };

        if (*type == '\0') {
                return true;
        }
        for (size_t i = 0; i < ELEMENTS_OF(beginnings); i++) {
                const char *rest = string_after(type, beginnings[i]);

                /* ".gzip", "+gzip", "+zstd" or no suffix: the content's magic decides. Encrypted
                 * layers have another type. */
                if (rest && !strstr(rest, "encrypted")) {
                        return true;
                }
        }
        return false;
}

/* Only for layers that registries may not distribute; others do not need URLs. */
static int read_urls(const json_t *object, struct descriptor *layer, struct machine_error *error)
{
        const json_t *url;
        size_t i;

        if (!strstr(layer->media_type, ".nondistributable.") &&
            !strstr(layer->media_type, ".foreign.")) {
                return 0;
        }
        json_array_foreach(json_object_get(object, "urls"), i, url)
        {
                const char *text = json_string_value(url);

                if (i < URLS_MAX && text &&
                    (string_after(text, "https://") || string_after(text, "http://")) &&
                    strv_append(&layer->urls, text) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

static int read_layers(const json_t *layers, struct manifest *manifest, struct machine_error *error)
{
        size_t count = json_array_size(layers);

        /* Go writes an empty list as null. */
        if ((layers && !json_is_array(layers) && !json_is_null(layers)) ||
            count > DOCUMENT_LAYERS_MAX) {
                return error_say(error, EBADMSG,
                                 "the manifest's layers are not a list, or more than %d",
                                 DOCUMENT_LAYERS_MAX);
        }
        manifest->layers = calloc(count + 1, sizeof *manifest->layers);
        if (!manifest->layers) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                struct descriptor *layer = &manifest->layers[i];
                int r = descriptor_read(json_array_get(layers, i), "a layer of the manifest", layer,
                                        error);

                if (r < 0) {
                        return r;
                }
                manifest->layer_count++;
                if (!layer_type_is_known(layer->media_type)) {
                        _cleanup_free_ char *printable = string_printable(layer->media_type);

                        return error_say(error, ENOTSUP,
                                         "layer %zu is of the type \"%s\", which is not a layer of "
                                         "a root file system",
                                         i + 1, printable ? printable : "");
                }
                r = read_urls(json_array_get(layers, i), layer, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int manifest_read(const json_t *document, struct manifest *ret, struct machine_error *error)
{
        _cleanup_manifest_ struct manifest manifest = MANIFEST_INIT;
        int r = descriptor_read(json_object_get(document, "config"), "the config of the manifest",
                                &manifest.config, error);

        if (r < 0) {
                return r;
        }
        if (manifest.config.size > DOCUMENT_SIZE_MAX) {
                return error_say(error, EFBIG, "the config is longer than %u bytes",
                                 DOCUMENT_SIZE_MAX);
        }
        if (*manifest.config.media_type &&
            strcmp(manifest.config.media_type, MEDIA_TYPE_OCI_CONFIG) != 0 &&
            strcmp(manifest.config.media_type, MEDIA_TYPE_DOCKER_CONFIG) != 0) {
                _cleanup_free_ char *type = string_printable(manifest.config.media_type);

                return error_say(error, ENOTSUP,
                                 "this is not an image of a root file system but "
                                 "an artifact with a config of the type \"%s\"",
                                 type ? type : "");
        }
        r = read_layers(json_object_get(document, "layers"), &manifest, error);
        if (r < 0) {
                return r;
        }
        *ret = manifest;
        manifest = (struct manifest)MANIFEST_INIT;
        return 0;
}

static int no_match(const json_t *manifests, const struct platform *platform,
                    struct machine_error *error)
{
        _cleanup_free_ char *wanted = platform_format(platform);
        _cleanup_strv_ char **found = NULL;
        _cleanup_free_ char *list = NULL, *printable = NULL;
        const json_t *entry;
        size_t i;

        json_array_foreach(manifests, i, entry)
        {
                const json_t *where = json_object_get(entry, "platform");
                const char *os = json_get_string(where, "os");
                const char *architecture = json_get_string(where, "architecture");

                if (i < 32 && os && architecture && strcmp(os, "unknown") != 0 &&
                    strv_take(&found, string_format("%.32s/%.32s", os, architecture)) < 0) {
                        return error_oom(error);
                }
        }
        list = strv_join(found, ", ");
        printable = list ? string_printable(list) : NULL;
        error_say(error, ENOENT, "the image does not support %s%s%s", wanted ? wanted : "",
                  found ? ", only for " : "", found && printable ? printable : "");
        error_hint(error, "--platform selects another");
        return -ENOENT;
}

/* Indexes also list attestations, signatures and other documents about an image. */
static bool is_artifact(const json_t *entry)
{
        const json_t *where = json_object_get(entry, "platform");
        const char *type = json_get_string(entry, "artifactType");
        const char *kind =
                json_get_string(json_object_get(entry, "annotations"), "vnd.docker.reference.type");

        return (type && *type && strcmp(type, MEDIA_TYPE_OCI_CONFIG) != 0 &&
                strcmp(type, MEDIA_TYPE_DOCKER_CONFIG) != 0) ||
               kind || string_equal(json_get_string(where, "os"), "unknown") ||
               string_equal(json_get_string(where, "architecture"), "unknown");
}

/* How well an entry matches; 0: not at all. An entry without a platform is used only if no other
 * matches; its config then decides. */
static unsigned int rank(const json_t *entry, const struct platform *platform)
{
        const json_t *where = json_object_get(entry, "platform");
        const char *type = json_get_string(entry, "mediaType");
        unsigned int match;

        if ((type && !media_type_is_manifest(type) && !media_type_is_index(type)) ||
            is_artifact(entry)) {
                return 0;
        }
        if (!json_is_object(where)) {
                return 1;
        }
        match = platform_match(platform, json_get_string(where, "os"),
                               json_get_string(where, "architecture"),
                               json_get_string(where, "variant"));
        return match ? 1 + match : 0;
}

int index_choose(const json_t *document, const struct platform *platform, struct descriptor *ret,
                 struct machine_error *error)
{
        const json_t *manifests = json_object_get(document, "manifests");
        const json_t *best = NULL, *entry;
        unsigned int best_rank = 0;
        size_t i;

        json_array_foreach(manifests, i, entry)
        {
                unsigned int found = rank(entry, platform);

                if (found > best_rank) {
                        best = entry;
                        best_rank = found;
                }
        }
        return best ? descriptor_read(best, "an entry of the index", ret, error)
                    : no_match(manifests, platform, error);
}
