/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/transfer/pull.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/trust/trust.h"

struct pulling {
        struct session *session;
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

static int run(struct pulling *pulling, char *const *references, digest_text ret_id,
               struct machine_error *error)
{
        int r = remote_resolve(&pulling->remote, error);

        if (r == 0) {
                r = check_trust(pulling, error);
        }
        if (r < 0) {
                return r;
        }
        if (is_present(pulling)) {
                progress_note(&pulling->session->progress, "%s is already present", references[0]);
                memcpy(ret_id, pulling->remote.manifest.config.digest, sizeof(digest_text));
                return store_set_references(&pulling->session->store, references, ret_id, error);
        }
        r = session_start_workers(pulling->session, error);
        if (r == 0) {
                r = remote_fetch_config(&pulling->remote, error);
        }
        if (r == 0) {
                r = session_check_platform(pulling->session, &pulling->remote.config, error);
        }
        if (r == 0) {
                r = blobs_fetch(pulling->session, &pulling->remote.registry,
                                &pulling->remote.manifest, &pulling->remote.config, error);
        }
        return r < 0 ? r : record_image(pulling, references, ret_id, error);
}

int pull(struct session *session, const struct remote_options *options, pull_report report,
         void *data, struct machine_error *error)
{
        struct pulling pulling = { .session = session, .remote = REMOTE_INIT };
        _cleanup_strv_ char **references = NULL;
        digest_text id;
        int r;

        pulling.remote.platform = &session->platform;
        r = remote_open(&pulling.remote, options, session->log, error);
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
