/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_OCI_OCI_H
#define CONVERT_OCI_OCI_H

#include "convert/document/node.h"
#include "convert/source.h"

/** Converts the config.json of an OCI bundle: the file, or its directory. What the file lists and a
 * machine has in any case, such as /proc, is left out. */
int oci_convert(struct conversion *conversion, const struct convert_source *source,
                struct machine_error *error);

struct oci {
        struct conversion *conversion;
        const struct convert_source *source;
        const char *directory;  /* of the bundle */
        const json_t *document; /* the same as the tree, for what is passed on as it is */
        bool user_namespace;
        bool network_namespace;
        bool namespaces; /* there is a list of them */
        const char *uid;
        const char *gid;
};

/** A setting by its dotted name, "process.cwd". */
struct oci_row {
        const char *name;
        void (*take)(struct oci *oci, const struct oci_row *row, const struct node *node);
        const char *key;
        const char *text; /* why it is lost */
};

#define OCI_TAKE(take_name)                                                   \
        void oci_take_##take_name(struct oci *oci, const struct oci_row *row, \
                                  const struct node *node)
OCI_TAKE(devices);
OCI_TAKE(device_rules);
OCI_TAKE(mounts);
OCI_TAKE(namespaces);
OCI_TAKE(id_maps);
OCI_TAKE(throttle);
OCI_TAKE(hugepages);

#endif
