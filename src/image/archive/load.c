/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/load.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/bundle.h"
#include "image/archive/load_internal.h"
#include "image/common/hash.h"
#include "image/reference.h"
#include "image/trust/trust.h"

/* Waits for the oldest worker if the maximum is running, or for all workers. */
static int wait_for_workers(struct loading *loading, bool all, struct machine_error *error)
{
        size_t running = loading->count - loading->ended;

        while (loading->ended < loading->count && (all || running >= SESSION_UNPACKERS)) {
                struct loading_layer *layer = &loading->layers[loading->ended++];
                int r;

                running--;
                if (layer->present) {
                        continue;
                }
                r = unpacking_end(loading->session, &layer->unpacking, layer->diff_id, error);
                if (r < 0) {
                        layer->present = true;
                        return r;
                }
                progress_state(&loading->session->progress, layer->item, "done");
        }
        return 0;
}

static int publish_layers(struct loading *loading, struct machine_error *error)
{
        struct new_layer **layers = calloc(loading->count + 1, sizeof(struct new_layer *));
        size_t count = 0;
        int r;

        if (!layers) {
                return error_oom(error);
        }
        for (size_t i = 0; i < loading->count; i++) {
                if (!loading->layers[i].present) {
                        layers[count++] = &loading->layers[i].unpacking.layer;
                }
        }
        r = store_publish_layers(&loading->session->store, layers, count, error);
        free(layers);
        for (size_t i = 0; r == 0 && i < loading->count; i++) {
                loading->layers[i].present = true;
        }
        return r;
}

int loading_verify_blob(const struct bundle_file *file, const char *digest,
                        struct machine_error *error)
{
        _cleanup_hash_ struct hash hash = HASH_INIT;
        digest_text found;
        int r = hash_start(&hash, digest_algorithm_of(digest));

        if (r == 0) {
                r = hash_add_file(&hash, file->fd, (off_t)file->offset, (off_t)file->length);
        }
        if (r == 0) {
                r = hash_end(&hash, found);
        }
        if (r < 0) {
                return error_set(error, r, "cannot read the layer %s", digest);
        }
        return strcmp(found, digest) == 0 ? 0 : hash_mismatch(error, "the layer", digest, found);
}

static int add_layer(struct loading *loading, const struct bundle_file *file, const char *digest,
                     const char *diff_id, struct machine_error *error)
{
        struct session *session = loading->session;
        struct loading_layer *layer = &loading->layers[loading->count];
        int r = wait_for_workers(loading, false, error);

        if (r < 0) {
                return r;
        }
        *layer = (struct loading_layer){ .unpacking = UNPACKING_INIT, .diff_id = diff_id };
        layer->item = progress_add(&session->progress,
                                   digest    ? digest
                                   : diff_id ? diff_id
                                             : "root file system",
                                   file->length);
        if (layer->item < 0) {
                return error_oom(error);
        }
        for (size_t i = 0; i < loading->count; i++) {
                /* Many images contain the same empty layer several times. */
                layer->present =
                        layer->present || string_equal(loading->layers[i].diff_id, diff_id);
        }
        layer->present = layer->present || (diff_id && store_has_layer(&session->store, diff_id));
        loading->count++;
        if (layer->present) {
                progress_state(&session->progress, layer->item, "present");
                return 0;
        }
        progress_state(&session->progress, layer->item, "unpacking");
        r = unpacking_start(session, file->fd, file->offset, file->length, false, diff_id,
                            &layer->unpacking, error);
        if (r < 0) {
                layer->present = true;
                return r;
        }
        return digest ? loading_verify_blob(file, digest, error) : 0;
}

int loading_add_layer(struct loading *loading, const struct bundle_file *file, const char *digest,
                      const char *diff_id, struct machine_error *error)
{
        struct bundle_file own = BUNDLE_FILE_INIT;
        int r;

        if (!loading->session->one_owner) {
                return add_layer(loading, file, digest, diff_id, error);
        }
        r = loading_give_away(loading, file, digest, diff_id, &own, error);
        if (r == 0) {
                r = add_layer(loading, &own, NULL, loading->diff_ids[loading->count], error);
        }
        bundle_file_close(&own);
        return r;
}

int loading_finish(struct loading *loading, struct machine_error *error)
{
        int r = wait_for_workers(loading, true, error);

        return r < 0 ? r : publish_layers(loading, error);
}

int loading_record(struct session *session, const struct new_image *image, load_report report,
                   void *data, struct machine_error *error)
{
        digest_text id;
        int r = store_add_image(&session->store, image, id, error);

        if (r == 0) {
                report(id, image->references, data);
        }
        return r;
}

void loading_clear(struct loading *loading)
{
        for (size_t i = 0; i < loading->count; i++) {
                if (!loading->layers[i].present) {
                        unpacking_abort(loading->session, &loading->layers[i].unpacking);
                }
        }
        free(loading->layers);
        strv_free(loading->diff_ids);
        *loading = (struct loading){ 0 };
}

int loading_name(const char *text, char ***references, struct machine_error *error)
{
        _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
        int r = image_reference_parse(text, &reference, error);

        if (r < 0) {
                return r;
        }
        if (reference.digest) {
                error_say(error, EINVAL, "\"%s\" has a digest; a loaded image is named by a tag",
                          text);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return strv_take(references, image_reference_format(&reference)) < 0 ? error_oom(error) : 0;
}

int loading_no_name(const char *what, struct machine_error *error)
{
        error_say(error, EINVAL, "%s does not name its image", what);
        error_hint(error, "set a name with --name=REFERENCE");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* A config for a root file system without one. */
static char *make_config(const struct session *session, const char *diff_id)
{
        _cleanup_json_ json_t *config =
                json_pack("{s:s,s:s,s:{},s:{s:s,s:[s]}}", "architecture",
                          session->platform.architecture, "os", session->platform.os, "config",
                          "rootfs", "type", "layers", "diff_ids", diff_id);

        return config ? json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
}

static int record_root(struct loading *loading, const char *diff_id, const char *name,
                       load_report report, void *data, struct machine_error *error)
{
        _cleanup_config_ struct config config = CONFIG_INIT;
        _cleanup_strv_ char **references = NULL;
        _cleanup_free_ char *text = make_config(loading->session, diff_id);
        struct new_image image = { .config = text, .parsed = &config };
        int r;

        if (!text) {
                return error_oom(error);
        }
        image.config_length = strlen(text);
        r = config_read(text, image.config_length, &config, error);
        if (r == 0) {
                r = loading_name(name, &references, error);
        }
        image.references = references;
        return r < 0 ? r : loading_record(loading->session, &image, report, data, error);
}

/* A tar of a root file system: one layer, named by the user. */
static int load_root(struct session *session, const struct bundle *bundle,
                     const struct load_options *options, load_report report, void *data,
                     struct machine_error *error)
{
        const struct bundle_file file = { .fd = bundle->fd, .length = bundle->size };
        _cleanup_loading_ struct loading loading = { .session = session };
        digest_text diff_id;
        int r;

        if (bundle->directory) {
                error_say(error, EINVAL, "%s is a directory but not an OCI image layout",
                          options->path);
                error_hint(error,
                           "to use a directory as a root file system, no image is needed: "
                           "rootfs = \"%s\"",
                           options->path);
                return -EINVAL;
        }
        if (!options->name) {
                return loading_no_name("the archive of a root file system", error);
        }
        loading.layers = calloc(1, sizeof *loading.layers);
        if (!loading.layers) {
                return error_oom(error);
        }
        r = loading_add_layer(&loading, &file, NULL, NULL, error);
        if (r == 0) {
                r = wait_for_workers(&loading, true, error);
        }
        if (r < 0) {
                return r;
        }
        (void)snprintf(diff_id, sizeof diff_id, "%s",
                       loading.diff_ids ? loading.diff_ids[0]
                                        : loading.layers[0].unpacking.layer.diff_id);
        r = publish_layers(&loading, error);
        return r < 0 ? r : record_root(&loading, diff_id, options->name, report, data, error);
}

/* Archives have no signatures; their policy is found by their format and place. */
static int check_trust(const char *transport, const char *path, struct machine_error *error)
{
        _cleanup_free_ char *real = strcmp(path, "-") == 0 ? NULL : realpath(path, NULL);
        const struct trust_subject subject = { .transport = transport, .path = real };

        return trust_check(&subject, error);
}

typedef int (*load_format)(struct session *session, const struct bundle *bundle,
                           const struct load_options *options, load_report report, void *data,
                           struct machine_error *error);

static load_format find_format(const struct bundle *bundle, const char **ret_transport)
{
        if (bundle_has(bundle, "manifest.json") && !bundle->directory) {
                *ret_transport = "docker-archive";
                return load_docker;
        }
        if (bundle_has(bundle, "oci-layout") && bundle_has(bundle, "index.json")) {
                *ret_transport = bundle->directory ? "oci" : "oci-archive";
                return load_layout;
        }
        *ret_transport = "tarball";
        return load_root;
}

int load(struct session *session, const struct load_options *options, load_report report,
         void *data, struct machine_error *error)
{
        _cleanup_bundle_ struct bundle bundle = BUNDLE_INIT;
        const char *transport;
        load_format format;
        int r = bundle_open(session, options->path, &bundle, error);

        if (r < 0) {
                return r;
        }
        format = find_format(&bundle, &transport);
        r = check_trust(transport, options->path, error);
        return r < 0 ? r : format(session, &bundle, options, report, data, error);
}
