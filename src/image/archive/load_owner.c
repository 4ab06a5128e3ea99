/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/compress.h"
#include "image/archive/load_internal.h"
#include "image/archive/tar_writer.h"
#include "image/layout.h"

/* Layers whose files get one owner. What is stored has other bytes than the archive's layer, so it
 * is a layer of its own: it is written as a tar, which is then unpacked like any other. */

/* A list of them is small; one that is not would have been refused. */
#define IMPLIED_MAXIMUM ((size_t)64 << 20)

static int write_piece(void *data, const void *bytes, size_t length)
{
        return compressor_write(data, bytes, length);
}

/* A file that a lower layer has cannot be linked to: its tree is not written here. */
static int check_links(int implied, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = lseek(implied, 0, SEEK_SET) < 0
                        ? -errno
                        : file_read_fd(implied, IMPLIED_MAXIMUM, &text, NULL);

        if (r < 0) {
                return error_set(error, r, "cannot read the list of a layer");
        }
        if (text[0] == 'h' || strstr(text, "\nh")) {
                return error_say(error, ENOTSUP,
                                 "a layer has hard links to files of a layer below, which "
                                 "--owner=self cannot keep");
        }
        return lseek(implied, 0, SEEK_SET) < 0
                       ? error_set(error, errno, "cannot read the list of a layer")
                       : 0;
}

static int write_tar(const struct session *session, const struct new_layer *layer,
                     struct bundle_file *file, digest_text diff_id, struct machine_error *error)
{
        _cleanup_compressor_ struct compressor *compressor = NULL;
        _cleanup_close_ int tree =
                openat(layer->fd, STORE_LAYER_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        digest_text packed;
        int r = check_links(layer->implied, error);

        if (r < 0) {
                return r;
        }
        file->fd = openat(session->store.blobs_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        file->owned = true;
        r = tree < 0 || file->fd < 0 ? -errno : compressor_open(file->fd, true, &compressor);
        if (r < 0) {
                return error_set(error, r, "cannot create a temporary file in the image store");
        }
        r = tar_write_tree(tree, layer->implied, write_piece, compressor, error);
        if (r < 0) {
                return r;
        }
        r = compressor_end(compressor, diff_id, packed, &file->length);
        return r < 0 ? error_set(error, r, "cannot write a layer anew") : 0;
}

int loading_give_away(struct loading *loading, const struct bundle_file *file, const char *digest,
                      const char *diff_id, struct bundle_file *ret, struct machine_error *error)
{
        struct session *session = loading->session;
        struct unpacking unpacking = UNPACKING_INIT;
        digest_text own;
        int r = unpacking_start(session, file->fd, file->offset, file->length, false, diff_id,
                                &unpacking, error);

        if (r < 0) {
                return r;
        }
        r = digest ? loading_verify_blob(file, digest, error) : 0;
        if (r < 0) {
                unpacking_abort(session, &unpacking);
                return r;
        }
        r = unpacking_end(session, &unpacking, diff_id, error);
        if (r < 0) {
                return r;
        }
        r = write_tar(session, &unpacking.layer, ret, own, error);
        if (r == 0 && strv_append(&loading->diff_ids, own) < 0) {
                r = error_oom(error);
        }
        store_discard_layer(&session->store, &unpacking.layer);
        return r;
}

int loading_rewrite_config(const struct loading *loading, char **text, size_t *length,
                           struct config *config, struct machine_error *error)
{
        _cleanup_config_ struct config rewritten = CONFIG_INIT;
        _cleanup_json_ json_t *document = NULL;
        _cleanup_free_ char *changed = NULL;
        int r;

        if (!loading->session->one_owner) {
                return 0;
        }
        document = json_deep_copy(config->document);
        if (!document || json_set_strings(json_object_get(document, "rootfs"), "diff_ids",
                                          loading->diff_ids) < 0) {
                return error_oom(error);
        }
        changed = json_dumps(document, JSON_COMPACT);
        if (!changed) {
                return error_oom(error);
        }
        r = config_read(changed, strlen(changed), &rewritten, error);
        if (r < 0) {
                return r;
        }
        config_clear(config);
        *config = rewritten;
        rewritten = (struct config)CONFIG_INIT;
        free(*text);
        *text = TAKE_PTR(changed);
        *length = strlen(*text);
        return 0;
}
