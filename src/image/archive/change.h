/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_CHANGE_H
#define IMAGE_ARCHIVE_CHANGE_H

#include <jansson.h>

#include <machine/error.h>

/**
 * Applies changes to an image's config, each an instruction of a Dockerfile that concerns it, such
 * as "CMD ["/bin/server"]": CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR.
 * As with Docker, ENTRYPOINT drops the command of the base unless CMD is among the changes. Returns
 * 0, or -EINVAL or -ENOMEM with error set.
 */
int change_config(json_t *document, char *const *changes, struct machine_error *error);

#endif
