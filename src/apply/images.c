/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/images.h"

#include <errno.h>
#include <fcntl.h>

#include "base/json.h"
#include "base/strings.h"
#include "image/image.h"
#include "image/named.h"

/* An image that cannot be found has nothing to keep. */
static int add_named(const struct application *application, char ***ids)
{
        const char *state = application->options->host.directories.state;
        int r = 0;

        for (size_t i = 0; r == 0 && i < application->view->count; i++) {
                const char *reference = application->view->definitions[i]->machine->root.image;
                _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;

                if (reference && image_resolve(state, reference, &info, NULL) == 0 &&
                    !strv_contains(*ids, info.id)) {
                        r = strv_append(ids, info.id);
                }
        }
        return r;
}

static int add_recorded(const struct application *application, char ***ids)
{
        json_t *machines = source_record_machines(&application->record);
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach(machines, name, value)
        {
                const char *id = source_record_image_of(&application->record, name);

                if (r == 0 && id && !strv_contains(*ids, id)) {
                        r = strv_append(ids, id);
                }
        }
        return r;
}

static void forget_removed_trees(const struct application *application, json_t *revisions)
{
        const char *revision;
        json_t *value;
        void *next;

        json_object_foreach_safe(revisions, next, revision, value)
        {
                if (!source_store_has(&application->store, revision)) {
                        (void)json_object_del(revisions, revision);
                }
        }
}

static int set_revision(const struct application *application, json_t *revisions)
{
        _cleanup_strv_ char **ids = NULL;
        int r = add_named(application, &ids);

        r = r < 0 ? r : add_recorded(application, &ids);
        return r < 0 ? r : json_set_strings(revisions, application->revision, ids);
}

int application_note_images(const struct application *application, struct machine_error *error)
{
        const char *directory = application->store.directory;
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_json_ json_t *revisions = NULL;
        int r = fd < 0 ? error_set(error, errno, "cannot open %s", directory)
                       : image_named_read(fd, &revisions, error);

        if (r < 0) {
                return r;
        }
        forget_removed_trees(application, revisions);
        r = set_revision(application, revisions);
        return r < 0 ? error_oom(error) : image_named_write(fd, revisions, error);
}
