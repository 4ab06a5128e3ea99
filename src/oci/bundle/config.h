/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OCI_BUNDLE_CONFIG_H
#define OCI_BUNDLE_CONFIG_H

#include "oci/bundle/field.h"

/** Checks what members of a config.json that has been read must agree about, and fills in what
 * follows from them. 0 or -errno with the error set. */
int oci_config_settle(struct oci_reader *reader);

#endif
