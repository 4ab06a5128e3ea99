/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "linux": config-linux.md, without "resources". */

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* ---- memory policy ---- */

#define NODES_MAXIMUM 1024
/* Linux 6.9; not in every host's headers. */
#define POLICY_WEIGHTED_INTERLEAVE 6

const char *const oci_memory_policy_modes[] = {
        [MPOL_DEFAULT] = "MPOL_DEFAULT",
        [MPOL_PREFERRED] = "MPOL_PREFERRED",
        [MPOL_BIND] = "MPOL_BIND",
        [MPOL_INTERLEAVE] = "MPOL_INTERLEAVE",
        [MPOL_LOCAL] = "MPOL_LOCAL",
        [MPOL_PREFERRED_MANY] = "MPOL_PREFERRED_MANY",
        [POLICY_WEIGHTED_INTERLEAVE] = "MPOL_WEIGHTED_INTERLEAVE",
};
const size_t oci_memory_policy_mode_count = ELEMENTS_OF(oci_memory_policy_modes);

const char *const oci_memory_policy_flags[] = {
        "MPOL_F_NUMA_BALANCING",
        "MPOL_F_RELATIVE_NODES",
        "MPOL_F_STATIC_NODES",
};
const size_t oci_memory_policy_flag_count = ELEMENTS_OF(oci_memory_policy_flags);

static int take_policy_mode(struct oci_reader *reader, const json_t *value)
{
        size_t mode;
        int r = oci_take_word(reader, value, oci_memory_policy_modes, oci_memory_policy_mode_count,
                              &mode);

        if (r == 0) {
                reader->machine->limits.memory_policy.mode = (int)mode;
                reader->machine->limits.memory_policy.set = true;
        }
        return r;
}

static int take_policy_nodes(struct oci_reader *reader, const json_t *value)
{
        return oci_take_set(reader, value, NODES_MAXIMUM,
                            &reader->machine->limits.memory_policy.nodes);
}

static int take_policy_flags(struct oci_reader *reader, const json_t *value)
{
        /* In the order of the names. */
        static const int flags[] = { MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES,
                                     MPOL_F_STATIC_NODES };
        size_t index, flag;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                int r = oci_take_word(reader, element, oci_memory_policy_flags,
                                      oci_memory_policy_flag_count, &flag);

                if (r < 0) {
                        return r;
                }
                reader->machine->limits.memory_policy.flags |= flags[flag];
        }
        return 0;
}

static const struct oci_field memory_policy_fields[] = {
        { "mode", OCI_STRING, true, take_policy_mode },
        { "nodes", OCI_STRING, false, take_policy_nodes },
        { "flags", OCI_STRINGS, false, take_policy_flags },
        { 0 },
};

/* ---- system calls ---- */

static int take_listener(struct oci_reader *reader, const json_t *value)
{
        if (!*json_string_value(value)) {
                return 0;
        }
        if (*json_string_value(value) != '/') {
                return oci_wrong(reader, "\"%s\" is not an absolute path",
                                 json_string_value(value));
        }
        return oci_take_string(reader, value, &reader->machine->security.seccomp.listener);
}

static int take_listener_metadata(struct oci_reader *reader, const json_t *value)
{
        return oci_take_string(reader, value, &reader->machine->security.seccomp.listener_metadata);
}

/* The profile stays text for the room that compiles it, which names its rules; listed here is what
 * it has. */
static int finish_seccomp(struct oci_reader *reader, const json_t *value)
{
        struct machine_seccomp *seccomp = &reader->machine->security.seccomp;

        if (seccomp->listener_metadata && !seccomp->listener) {
                return oci_wrong_member(reader, "listenerMetadata",
                                        "this must not be set without listenerPath");
        }
        seccomp->profile = MACHINE_SECCOMP_TEXT;
        seccomp->text = json_dumps(value, JSON_COMPACT);
        return !seccomp->text || string_replace(&seccomp->file, "linux.seccomp") < 0
                       ? error_oom(reader->error)
                       : 0;
}

static const struct oci_field syscall_argument_fields[] = {
        { "index", OCI_INTEGER, true },
        { "value", OCI_INTEGER, true },
        { "valueTwo", OCI_INTEGER, false },
        { "op", OCI_STRING, true },
        { 0 },
};

static const struct oci_field syscall_fields[] = {
        { "names", OCI_STRINGS, true },
        { "action", OCI_STRING, true },
        { "errnoRet", OCI_INTEGER, false },
        { "args", OCI_LIST, false, NULL, syscall_argument_fields },
        { 0 },
};

static const struct oci_field seccomp_fields[] = {
        { "defaultAction", OCI_STRING, true },
        { "defaultErrnoRet", OCI_INTEGER, false },
        { "architectures", OCI_STRINGS, false },
        { "flags", OCI_STRINGS, false },
        { "listenerPath", OCI_STRING, false, take_listener },
        { "listenerMetadata", OCI_STRING, false, take_listener_metadata },
        { "syscalls", OCI_LIST, false, NULL, syscall_fields },
        { 0 },
};

/* ---- the rest ---- */

static int take_sysctl(struct oci_reader *reader, const json_t *value)
{
        return strv_take(&reader->machine->sysctl,
                         string_format("%s=%s", reader->key, json_string_value(value))) < 0
                       ? error_oom(reader->error)
                       : 0;
}

static int take_cgroups_path(struct oci_reader *reader, const json_t *value)
{
        if (!*json_string_value(value)) {
                return 0;
        }
        return oci_take_string(reader, value, &reader->bundle->cgroups_path);
}

static const struct {
        const char *name;
        enum machine_propagation propagation;
        bool recursive;
} propagations[] = {
        { "private", MACHINE_PROPAGATION_PRIVATE, false },
        { "rprivate", MACHINE_PROPAGATION_PRIVATE, true },
        { "slave", MACHINE_PROPAGATION_SLAVE, false },
        { "rslave", MACHINE_PROPAGATION_SLAVE, true },
        { "shared", MACHINE_PROPAGATION_SHARED, false },
        { "rshared", MACHINE_PROPAGATION_SHARED, true },
        { "unbindable", MACHINE_PROPAGATION_UNBINDABLE, false },
        { "runbindable", MACHINE_PROPAGATION_UNBINDABLE, true },
};

static int take_propagation(struct oci_reader *reader, const json_t *value)
{
        const char *name = json_string_value(value);

        if (!*name) {
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(propagations); i++) {
                if (string_equal(propagations[i].name, name)) {
                        reader->machine->root.propagation = propagations[i].propagation;
                        reader->machine->root.propagation_recursive = propagations[i].recursive;
                        return 0;
                }
        }
        return oci_wrong(reader, "\"%s\" is none of shared, slave, private, unbindable", name);
}

static int take_paths(struct oci_reader *reader, const json_t *value, char ***place)
{
        size_t index;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                if (*json_string_value(element) != '/') {
                        return oci_wrong(reader, "\"%s\" is not an absolute path",
                                         json_string_value(element));
                }
        }
        return oci_take_strings(reader, value, place);
}

static int take_masked(struct oci_reader *reader, const json_t *value)
{
        return take_paths(reader, value, &reader->machine->security.masked_paths);
}

static int take_read_only(struct oci_reader *reader, const json_t *value)
{
        return take_paths(reader, value, &reader->machine->security.read_only_paths);
}

static int take_mount_label(struct oci_reader *reader, const json_t *value)
{
        return *json_string_value(value)
                       ? oci_take_string(reader, value, &reader->machine->security.mount_label)
                       : 0;
}

static int take_domain(struct oci_reader *reader, const json_t *value)
{
        static const char *const domains[] = { "LINUX", "LINUX32" };
        size_t domain;
        int r = oci_take_word(reader, value, domains, ELEMENTS_OF(domains), &domain);

        if (r == 0) {
                reader->machine->limits.personality = domain == 1 ? PER_LINUX32 : PER_LINUX;
                reader->machine->limits.personality_set = true;
        }
        return r;
}

static int take_personality_flags(struct oci_reader *reader, const json_t *value)
{
        return json_array_size(value) > 0
                       ? oci_wrong(reader, "the specification has no flags of a personality yet")
                       : 0;
}

static const struct oci_field personality_fields[] = {
        { "domain", OCI_STRING, true, take_domain },
        { "flags", OCI_STRINGS, false, take_personality_flags },
        { 0 },
};

const struct oci_field oci_linux_fields[] = {
        { "namespaces", OCI_LIST, false, NULL, oci_namespace_fields },
        { "uidMappings", OCI_LIST, false, oci_begin_uid_map, oci_id_map_fields },
        { "gidMappings", OCI_LIST, false, oci_begin_gid_map, oci_id_map_fields },
        { "timeOffsets", OCI_MAP, false, oci_take_clock, oci_clock_fields, .value = OCI_OBJECT },
        { "devices", OCI_LIST, false, oci_begin_node, oci_node_fields, oci_finish_node },
        { "netDevices", OCI_MAP, false, oci_take_interface, oci_interface_fields,
          .value = OCI_OBJECT },
        { "cgroupsPath", OCI_STRING, false, take_cgroups_path },
        { "resources", OCI_OBJECT, false, NULL, oci_resources_fields },
        { "intelRdt", OCI_OBJECT,
          .refused = "cache and memory bandwidth allocation (resctrl) are not supported" },
        { "memoryPolicy", OCI_OBJECT, false, NULL, memory_policy_fields },
        { "sysctl", OCI_MAP, false, take_sysctl, .value = OCI_STRING },
        { "seccomp", OCI_OBJECT, false, NULL, seccomp_fields, finish_seccomp },
        { "rootfsPropagation", OCI_STRING, false, take_propagation },
        { "maskedPaths", OCI_STRINGS, false, take_masked },
        { "readonlyPaths", OCI_STRINGS, false, take_read_only },
        { "mountLabel", OCI_STRING, false, take_mount_label },
        { "personality", OCI_OBJECT, false, NULL, personality_fields },
        { 0 },
};
