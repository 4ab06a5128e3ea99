/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_REGISTRIES_H
#define IMAGE_TRUST_REGISTRIES_H

#include "image/trust/subject.h"

/* containers-registries.d(5): YAML files that say where the signatures of images are. */

struct registries_entry {
        char *lookaside;  /* URL of the store of simple signatures */
        bool attachments; /* sigstore's signatures are in the registry */
};

/**
 * Finds the settings for an image in ~/.config/containers/registries.d or, if that does not exist,
 * /etc/containers/registries.d. The default lookaside store is /var/lib/containers/sigstore, of a
 * user ~/.local/share/containers/sigstore. Returns 0 or -errno with error set.
 */
int registries_find(const struct trust_subject *subject, struct registries_entry *ret,
                    struct machine_error *error);

void registries_entry_clear(struct registries_entry *entry);
#define _cleanup_registries_entry_ _cleanup_(registries_entry_clear)

/** Adds a file's text to what earlier files say: an object of scopes, in which "" is
 * "default-docker". Returns 0, or -EINVAL with error set if it is not valid or repeats a scope. */
int registries_parse(const char *text, size_t length, const char *what, json_t *scopes,
                     struct machine_error *error);

#endif
