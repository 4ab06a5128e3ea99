/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OCI_BUNDLE_FIELDS_H
#define OCI_BUNDLE_FIELDS_H

#include "oci/bundle/field.h"

/* The tables of config.json, by the object that they describe. Each ends with a field without a
 * name. */

extern const struct oci_field oci_config_fields[];
extern const struct oci_field oci_root_fields[];
extern const struct oci_field oci_mount_fields[];
extern const struct oci_field oci_process_fields[];
extern const struct oci_field oci_hooks_fields[];
extern const struct oci_field oci_linux_fields[];
extern const struct oci_field oci_resources_fields[];
extern const struct oci_field oci_namespace_fields[];
extern const struct oci_field oci_id_map_fields[];
extern const struct oci_field oci_clock_fields[];
extern const struct oci_field oci_node_fields[];
extern const struct oci_field oci_interface_fields[];

/** Names of values that `features` lists, as long as the arrays say. */
extern const char *const oci_namespace_names[MACHINE_NAMESPACES];
extern const char *const oci_memory_policy_modes[];
extern const size_t oci_memory_policy_mode_count;
extern const char *const oci_memory_policy_flags[];
extern const size_t oci_memory_policy_flag_count;

/* What starts an element of a list or a map and checks it at its end. */

int oci_begin_mount(struct oci_reader *reader, const json_t *value);
int oci_finish_mount(struct oci_reader *reader, const json_t *value);
int oci_begin_uid_map(struct oci_reader *reader, const json_t *value);
int oci_begin_gid_map(struct oci_reader *reader, const json_t *value);
int oci_take_clock(struct oci_reader *reader, const json_t *value);
int oci_begin_node(struct oci_reader *reader, const json_t *value);
int oci_finish_node(struct oci_reader *reader, const json_t *value);
int oci_take_interface(struct oci_reader *reader, const json_t *value);
int oci_finish_process(struct oci_reader *reader, const json_t *value);

#endif
