/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/transfer/pull.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/transfer/keep.h"
#include "image/trust/trust.h"

struct pulling {
        struct session *session;
        const struct pull_options *options;
        struct remote remote;
};

/* An image that is present is judged again: the policy may have changed, or the name. */
static int check_trust(struct pulling *pulling, struct machine_error *error)
{
        const struct trust_subject subject = {
                .transport = "docker",
                .reference = &pulling->remote.reference,
                .registry = &pulling->remote.registry,
                .manifest = pulling->remote.manifest_text,
                .manifest_length = pulling->remote.manifest_length,
        };

        return trust_check(&subject, error);
}

/* Whether the store has the complete image, so that nothing more is fetched. */
static bool is_present(struct pulling *pulling)
{
        _cleanup_json_ json_t *record = NULL;
        const json_t *layer;
        size_t i;

        if (store_read_image(&pulling->session->store, pulling->remote.manifest.config.digest,
                             &record, NULL) < 0) {
                return false;
        }
        json_array_foreach(json_object_get(record, "layers"), i, layer)
        {
                const char *diff_id = json_get_string(layer, "diff_id");

                if (!digest_is_valid(diff_id) ||
                    !store_has_layer(&pulling->session->store, diff_id)) {
                        return false;
                }
        }
        return true;
}

static int record_image(struct pulling *pulling, char *const *references, digest_text ret_id,
                        struct machine_error *error)
{
        const struct new_image image = {
                .config = pulling->remote.config_text,
                .config_length = (size_t)pulling->remote.manifest.config.size,
                .manifest = pulling->remote.manifest_text,
                .manifest_length = pulling->remote.manifest_length,
                .manifest_digest = pulling->remote.manifest_digest,
                .parsed = &pulling->remote.config,
                .layers = &pulling->remote.manifest,
                .references = references,
        };

        return store_add_image(&pulling->session->store, &image, ret_id, error);
}

static int check_index(const struct pulling *pulling, struct machine_error *error)
{
        const struct remote *remote = &pulling->remote;

        if (!pulling->options->all_platforms ||
            strcmp(remote->top_digest, remote->manifest_digest) != 0) {
                return 0;
        }
        error_say(error, EINVAL, "the image has no index of platforms");
        error_hint(error, "\"--keep-blobs\" keeps an image of one platform");
        return -EINVAL;
}

/* A pull of the same image without --all-platforms does not forget the others. */
static bool is_recorded(struct pulling *pulling, const char *id)
{
        _cleanup_original_ struct original original = { .domain = NULL };

        return !pulling->options->all_platforms &&
               original_read(&pulling->session->store, id, &original, NULL) > 0 &&
               original.index.text &&
               strcmp(original.manifest.digest, pulling->remote.manifest_digest) == 0;
}

/* What the registry has, for a later push or save. */
static int record_original(struct pulling *pulling, const char *id, struct machine_error *error)
{
        const struct remote *remote = &pulling->remote;
        _cleanup_original_ struct original original = {
                .domain = strdup(remote->reference.domain),
                .repository = strdup(remote->reference.repository),
        };
        int r = original.domain && original.repository ? 0 : error_oom(error);

        if (r == 0 && is_recorded(pulling, id)) {
                return 0;
        }
        r = r < 0 ? r
                  : original_document_set(&original.manifest, remote->manifest_text,
                                          remote->manifest_length, remote->manifest_type, error);
        if (r == 0 && pulling->options->all_platforms) {
                r = original_document_set(&original.index, remote->top_text, remote->top_length,
                                          remote->top_type, error);
        }
        return r < 0 ? r : original_write(&pulling->session->store, id, &original, error);
}

/* The blobs that unpacking did not fetch: of layers that were there, and of other platforms. */
static int keep(struct pulling *pulling, struct machine_error *error)
{
        struct remote *remote = &pulling->remote;

        return pulling->options->all_platforms ? keep_platforms(pulling->session, remote, error)
               : pulling->options->keep_blobs
                       ? keep_blobs(pulling->session, &remote->registry, &remote->manifest, error)
                       : 0;
}

static int fetch(struct pulling *pulling, char *const *references, digest_text ret_id,
                 struct machine_error *error)
{
        struct session *session = pulling->session;
        struct remote *remote = &pulling->remote;
        int r = session_start_workers(session, error);

        if (r == 0) {
                r = remote_fetch_config(remote, error);
        }
        if (r == 0) {
                r = session_check_platform(session, &remote->config, error);
        }
        if (r == 0) {
                r = blobs_fetch(session, &remote->registry, &remote->manifest, &remote->config,
                                pulling->options->keep_blobs || pulling->options->all_platforms,
                                error);
        }
        if (r == 0) {
                r = keep(pulling, error);
        }
        return r < 0 ? r : record_image(pulling, references, ret_id, error);
}

static int run(struct pulling *pulling, char *const *references, digest_text ret_id,
               struct machine_error *error)
{
        int r = remote_resolve(&pulling->remote, error);

        if (r == 0) {
                r = check_index(pulling, error);
        }
        if (r == 0) {
                r = check_trust(pulling, error);
        }
        if (r < 0) {
                return r;
        }
        if (!is_present(pulling)) {
                r = fetch(pulling, references, ret_id, error);
                return r < 0 ? r : record_original(pulling, ret_id, error);
        }
        memcpy(ret_id, pulling->remote.manifest.config.digest, sizeof(digest_text));
        r = keep(pulling, error);
        if (r == 0) {
                progress_note(&pulling->session->progress, "%s is already present", references[0]);
                r = record_original(pulling, ret_id, error);
        }
        return r < 0 ? r
                     : store_set_references(&pulling->session->store, references, ret_id, error);
}

int pull(struct session *session, const struct pull_options *options, pull_report report,
         void *data, struct machine_error *error)
{
        struct pulling pulling = { .session = session, .options = options, .remote = REMOTE_INIT };
        _cleanup_strv_ char **references = NULL;
        digest_text id;
        int r;

        pulling.remote.platform = &session->platform;
        r = remote_open(&pulling.remote, &options->remote, session->log, error);
        if (r == 0) {
                r = strv_take(&references, image_reference_format(&pulling.remote.reference));
                r = r < 0 ? error_oom(error) : run(&pulling, references, id, error);
        }
        if (r == 0) {
                report(id, references, data);
        } else if (references) {
                error_prefix(error, "cannot pull %s", references[0]);
        }
        remote_close(&pulling.remote);
        return r;
}
