/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/load_internal.h"

/* An OCI image layout: index.json refers to manifests; all other content is blobs named by their
 * digest. */

#define ANNOTATION_NAME "io.containerd.image.name"
#define ANNOTATION_REF  "org.opencontainers.image.ref.name"
#define INDEX_DEPTH_MAX 4

struct layout_image {
        struct session *session;
        const struct bundle *bundle;
        struct descriptor descriptor; /* of the manifest */
        char *manifest_text;
        struct manifest manifest;
        char *config_text;
        size_t config_length;
        struct config config;
};

static const char *annotation(const json_t *descriptor, const char *name)
{
        return json_get_string(json_object_get(descriptor, "annotations"), name);
}

/* The name of a file or directory, in lower case and without archive suffixes. NULL if out of
 * memory or if the file is gone. */
static char *name_of_file(const char *path)
{
        static const char *const endings[] = {
                ".gz", ".tgz", ".zst", ".xz", ".bz2", ".tar", ".oci"
        };
        _cleanup_free_ char *real = realpath(path, NULL);
        char *name = real ? strdup(strrchr(real, '/') + 1) : NULL;

        for (size_t i = 0; name && i < ELEMENTS_OF(endings); i++) {
                size_t length = strlen(name), ending = strlen(endings[i]);

                if (length > ending && string_ends_with(name, endings[i])) {
                        name[length - ending] = '\0';
                }
        }
        for (char *c = name; c && *c; c++) {
                *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        }
        return name;
}

/* The name given by a layout. A bare tag, as written by skopeo and umoci, is combined with the name
 * of the file or directory. Returns 0 with *ret NULL if there is none, or -ENOMEM. */
static int name_of(const json_t *descriptor, const char *path, char **ret)
{
        const char *name = annotation(descriptor, ANNOTATION_NAME);
        const char *reference = annotation(descriptor, ANNOTATION_REF);
        _cleanup_free_ char *file = NULL;

        name = name || !reference || !strpbrk(reference, "/:") ? name : reference;
        if (name || !reference || strcmp(path, "-") == 0) {
                *ret = name ? strdup(name) : NULL;
                return name && !*ret ? -ENOMEM : 0;
        }
        file = name_of_file(path);
        *ret = file ? string_format("%s:%s", file, reference) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static bool is_wanted(const json_t *descriptor, const char *reference)
{
        return !reference || string_equal(annotation(descriptor, ANNOTATION_REF), reference) ||
               string_equal(annotation(descriptor, ANNOTATION_NAME), reference) ||
               string_equal(json_get_string(descriptor, "digest"), reference);
}

static int several(const json_t *manifests, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *joined = NULL, *printable = NULL;
        const json_t *entry;
        size_t i;

        json_array_foreach(manifests, i, entry)
        {
                const char *name = annotation(entry, ANNOTATION_REF);

                if (i < 20 && strv_append(&names, name ? name : json_get_string(entry, "digest"))) {
                        return error_oom(error);
                }
        }
        joined = strv_join(names, ", ");
        printable = joined ? string_printable(joined) : NULL;
        error_say(error, EINVAL, "the layout has several images: %s", printable ? printable : "");
        error_hint(error, "select one with --reference=NAME");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* Selects the entry of index.json: the only one, the requested one, or, if all belong to one image,
 * by platform. */
static int pick(struct layout_image *image, const json_t *index, const char *reference,
                const json_t **ret, struct machine_error *error)
{
        const json_t *manifests = json_object_get(index, "manifests"), *entry;
        const char *first_name = NULL;
        size_t i, wanted = 0;
        bool same = true;

        json_array_foreach(manifests, i, entry)
        {
                const char *name = annotation(entry, ANNOTATION_REF);

                if (!is_wanted(entry, reference)) {
                        continue;
                }
                same = wanted == 0 || (same && string_equal(name, first_name));
                first_name = name;
                if (wanted++ == 0) {
                        *ret = entry;
                }
        }
        if (wanted == 0) {
                return reference ? error_say(error, ENOENT, "the layout has no image \"%s\"",
                                             reference)
                                 : error_say(error, EBADMSG, "the layout's index.json is empty");
        }
        if (wanted == 1) {
                return descriptor_read(*ret, "index.json", &image->descriptor, error);
        }
        return same && !reference
                       ? index_choose(index, &image->session->platform, &image->descriptor, error)
                       : several(manifests, error);
}

/* Resolves an index to the manifest for the platform. */
static int descend(struct layout_image *image, struct machine_error *error)
{
        for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
                _cleanup_json_ json_t *document = NULL;
                _cleanup_free_ char *text = NULL;
                struct descriptor next = { .media_type = NULL };
                enum document_type type;
                int r = bundle_read_blob(image->bundle, &image->descriptor, &text, error);

                if (r == 0) {
                        r = document_parse(text, (size_t)image->descriptor.size, "the manifest",
                                           &document, error);
                }
                if (r == 0) {
                        r = document_type(document, image->descriptor.media_type, &type, error);
                }
                if (r < 0) {
                        return r;
                }
                if (type == DOCUMENT_MANIFEST) {
                        image->manifest_text = TAKE_PTR(text);
                        return manifest_read(document, &image->manifest, error);
                }
                r = index_choose(document, &image->session->platform, &next, error);
                if (r < 0) {
                        return r;
                }
                descriptor_clear(&image->descriptor);
                image->descriptor = next;
        }
        return error_say(error, ELOOP, "the image's indexes are nested too deeply");
}

static int read_config(struct layout_image *image, struct machine_error *error)
{
        int r = bundle_read_blob(image->bundle, &image->manifest.config, &image->config_text,
                                 error);

        if (r == 0) {
                image->config_length = (size_t)image->manifest.config.size;
                r = config_read(image->config_text, image->config_length, &image->config, error);
        }
        if (r == 0 && image->config.diff_id_count != image->manifest.layer_count) {
                r = error_say(error, EBADMSG, "the image has %zu layers and %zu diff ids",
                              image->manifest.layer_count, image->config.diff_id_count);
        }
        return r < 0 ? r : session_check_platform(image->session, &image->config, error);
}

static int unpack_layers(struct layout_image *image, struct machine_error *error)
{
        _cleanup_loading_ struct loading loading = { .session = image->session };
        size_t count = image->manifest.layer_count;
        struct bundle_file *files = calloc(count, sizeof *files);
        int r = 0;

        loading.layers = calloc(count, sizeof *loading.layers);
        if (!loading.layers || !files) {
                free(files);
                return error_oom(error);
        }
        for (size_t i = 0; r == 0 && i < count; i++) {
                const struct descriptor *layer = &image->manifest.layers[i];
                char path[BUNDLE_PATH_SIZE];

                bundle_blob_path(layer->digest, path);
                r = bundle_find(image->bundle, path, &files[i], error);
                if (r == 0 && files[i].length != layer->size) {
                        r = error_say(error, EBADMSG,
                                      "the layer %s is %llu bytes long, expected %llu",
                                      layer->digest, (unsigned long long)files[i].length,
                                      (unsigned long long)layer->size);
                }
                if (r == 0) {
                        r = loading_add_layer(&loading, &files[i], layer->digest,
                                              image->config.diff_ids[i], error);
                }
                /* The worker has its own descriptor. */
                bundle_file_close(&files[i]);
        }
        free(files);
        if (r == 0) {
                r = loading_finish(&loading, error);
        }
        return r < 0 ? r
                     : loading_rewrite_config(&loading, &image->config_text, &image->config_length,
                                              &image->config, error);
}

/* What is added to the store. The manifest is that of other layers if these have one owner. */
static struct new_image describe(const struct layout_image *image, char *const *references)
{
        struct new_image added = { .config = image->config_text,
                                   .config_length = image->config_length,
                                   .parsed = &image->config,
                                   .references = references };

        if (!image->session->one_owner) {
                added.manifest = image->manifest_text;
                added.manifest_length = (size_t)image->descriptor.size;
                added.manifest_digest = image->descriptor.digest;
                added.layers = &image->manifest;
        }
        return added;
}

static int load_image(struct layout_image *image, char *const *references, load_report report,
                      void *data, struct machine_error *error)
{
        int r = descend(image, error);

        if (r == 0) {
                r = read_config(image, error);
        }
        if (r == 0) {
                r = unpack_layers(image, error);
        }
        if (r == 0) {
                const struct new_image added = describe(image, references);

                r = loading_record(image->session, &added, report, data, error);
        }
        return r;
}

static int check_layout(const struct bundle *bundle, struct machine_error *error)
{
        _cleanup_json_ json_t *document = NULL;
        _cleanup_free_ char *text = NULL;
        const char *version;
        size_t length;
        int r = bundle_read(bundle, "oci-layout", 4096, &text, &length, error);

        if (r == 0) {
                r = document_parse(text, length, "oci-layout", &document, error);
        }
        if (r < 0) {
                return r;
        }
        version = json_get_string(document, "imageLayoutVersion");
        return version && string_after(version, "1.")
                       ? 0
                       : error_say(error, ENOTSUP, "the version of the OCI layout is not 1");
}

static int load_picked(struct layout_image *image, const json_t *index,
                       const struct load_options *options, load_report report, void *data,
                       struct machine_error *error)
{
        _cleanup_strv_ char **references = NULL;
        const json_t *entry = NULL;
        _cleanup_free_ char *own = NULL;
        const char *name;
        int r = pick(image, index, options->reference, &entry, error);

        if (r < 0) {
                return r;
        }
        if (name_of(entry, options->path, &own) < 0) {
                return error_oom(error);
        }
        name = options->name ? options->name : own;
        r = name ? loading_name(name, &references, error) : loading_no_name("the layout", error);
        return r < 0 ? r : load_image(image, references, report, data, error);
}

int load_layout(struct session *session, const struct bundle *bundle,
                const struct load_options *options, load_report report, void *data,
                struct machine_error *error)
{
        struct layout_image image = { .session = session,
                                      .bundle = bundle,
                                      .manifest = MANIFEST_INIT,
                                      .config = CONFIG_INIT };
        _cleanup_json_ json_t *index = NULL;
        _cleanup_free_ char *text = NULL;
        enum document_type type;
        size_t length;
        int r = check_layout(bundle, error);

        if (r == 0) {
                r = bundle_read(bundle, "index.json", DOCUMENT_SIZE_MAX, &text, &length, error);
        }
        if (r == 0) {
                r = document_parse(text, length, "index.json", &index, error);
        }
        if (r == 0) {
                r = document_type(index, NULL, &type, error);
        }
        if (r == 0 && type != DOCUMENT_INDEX) {
                r = error_say(error, EBADMSG, "index.json is not an index");
        }
        if (r == 0) {
                r = load_picked(&image, index, options, report, data, error);
        }
        descriptor_clear(&image.descriptor);
        free(image.manifest_text);
        manifest_clear(&image.manifest);
        free(image.config_text);
        config_clear(&image.config);
        return r;
}
