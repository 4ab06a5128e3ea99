/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What `features` prints: features.md and features-linux.md of the runtime specification. It is
 * read from the tables that config.json is read along. */

#include <stdlib.h>

#include "base/json.h"
#include "base/mount/option.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

static json_t *strings(const char *const *words, size_t count)
{
        json_t *array = json_array();

        for (size_t i = 0; i < count; i++) {
                if (words[i]) {
                        (void)json_array_append_new(array, json_string(words[i]));
                }
        }
        return array;
}

static json_t *list(char *const *words)
{
        return strings((const char *const *)words, strv_length(words));
}

/* The members of an object that are not refused. */
static json_t *members(const struct oci_field *fields)
{
        json_t *array = json_array();

        for (const struct oci_field *field = fields; field->name; field++) {
                if (!field->refused) {
                        (void)json_array_append_new(array, json_string(field->name));
                }
        }
        return array;
}

static bool has_member(const struct oci_field *fields, const char *name)
{
        for (const struct oci_field *field = fields; field->name; field++) {
                if (string_equal(field->name, name)) {
                        return !field->refused;
                }
        }
        return false;
}

static json_t *mount_options(void)
{
        json_t *array = json_array();

        for (size_t i = 0; i < mount_options_known_count; i++) {
                if (mount_options_known[i].kind != MOUNT_OPTION_REFUSED) {
                        (void)json_array_append_new(array,
                                                    json_string(mount_options_known[i].name));
                }
        }
        return array;
}

static json_t *enabled(bool value)
{
        return json_pack("{s:b}", "enabled", (int)value);
}

static json_t *seccomp(const struct oci_feature_lists *lists)
{
        return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled",
                         (int)has_member(oci_linux_fields, "seccomp"), "actions",
                         list(lists->seccomp_actions), "operators", list(lists->seccomp_operators),
                         "archs", list(lists->seccomp_architectures), "knownFlags",
                         list(lists->seccomp_flags), "supportedFlags", list(lists->seccomp_flags));
}

static json_t *memory_policy(void)
{
        return json_pack("{s:o, s:o}", "modes",
                         strings(oci_memory_policy_modes, oci_memory_policy_mode_count), "flags",
                         strings(oci_memory_policy_flags, oci_memory_policy_flag_count));
}

static json_t *linux_features(const struct oci_feature_lists *lists)
{
        return json_pack(
                "{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:o, s:o, s:o, s:o, s:{s:o}, s:o}",
                "namespaces", strings(oci_namespace_names, MACHINE_NAMESPACES), "capabilities",
                list(lists->capabilities), "cgroup", "v1", 0, "v2", 1, "systemd", 1, "systemdUser",
                1, "rdma", (int)has_member(oci_resources_fields, "rdma"), "seccomp", seccomp(lists),
                "apparmor", enabled(has_member(oci_process_fields, "apparmorProfile")), "selinux",
                enabled(has_member(oci_process_fields, "selinuxLabel")), "memoryPolicy",
                memory_policy(), "intelRdt", enabled(has_member(oci_linux_fields, "intelRdt")),
                "mountExtensions", "idmap", enabled(has_member(oci_mount_fields, "uidMappings")),
                "netDevices", enabled(has_member(oci_linux_fields, "netDevices")));
}

char *oci_features(const struct oci_feature_lists *lists)
{
        _cleanup_json_ json_t *features =
                json_pack("{s:s, s:s, s:o, s:o, s:o}", "ociVersionMin", OCI_VERSION_MINIMUM,
                          "ociVersionMax", OCI_VERSION_MAXIMUM, "hooks", members(oci_hooks_fields),
                          "mountOptions", mount_options(), "linux", linux_features(lists));

        return features ? json_dumps(features, JSON_INDENT(2)) : NULL;
}
