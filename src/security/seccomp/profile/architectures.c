/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/profile/reader.h"

#include <string.h>

#include "base/json.h"

/* Those that have no effect on this processor are valid, too. */
static const char *const architectures[] = {
        "SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
        "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
        "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
        "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
        "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",     "SCMP_ARCH_LOONGARCH64",
        "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",
};

const struct profile_names profile_architectures = { architectures, ELEMENTS_OF(architectures),
                                                     sizeof architectures[0] };

static bool is_architecture(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(architectures); i++) {
                if (strcmp(architectures[i], name) == 0) {
                        return true;
                }
        }
        return false;
}

static int use_architecture(struct profile_reader *reader, const char *name)
{
        if (!name || !is_architecture(name)) {
                return profile_wrong(reader, "\"%s\" is not an architecture", name ? name : "");
        }
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                if (strcmp(syscall_architectures[i].name, name) == 0) {
                        reader->policy.architectures[i] = true;
                }
        }
        return 0;
}

static int read_architectures(struct profile_reader *reader, const json_t *array)
{
        size_t i;
        json_t *name;

        if (!json_is_array(array)) {
                return profile_wrong(reader, "a list of architectures is not an array");
        }
        json_array_foreach(array, i, name)
        {
                int r = use_architecture(reader, json_string_value(name));

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Docker's form: the additional conventions of each processor. */
static int read_architecture_map(struct profile_reader *reader, const json_t *map)
{
        size_t i;
        json_t *entry;

        if (!json_is_array(map)) {
                return profile_wrong(reader, "\"archMap\" is not an array");
        }
        json_array_foreach(map, i, entry)
        {
                const char *name = json_get_string(entry, "architecture");
                const json_t *more = json_object_get(entry, "subArchitectures");
                int r;

                if (!name) {
                        return profile_wrong(reader, "archMap[%zu]: \"architecture\" is missing",
                                             i);
                }
                if (strcmp(name, syscall_architectures[0].name) != 0) {
                        continue;
                }
                r = use_architecture(reader, name);
                if (r == 0 && more && !json_is_null(more)) {
                        r = read_architectures(reader, more);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int profile_read_architectures(struct profile_reader *reader, const json_t *profile)
{
        const json_t *list = json_object_get(profile, "architectures");
        const json_t *map = json_object_get(profile, "archMap");
        int r = 0;

        if (list && !json_is_null(list)) {
                r = read_architectures(reader, list);
        }
        if (r == 0 && map && !json_is_null(map)) {
                r = read_architecture_map(reader, map);
        }
        /* The native architecture is always in use, as the machine's programs need it. */
        reader->policy.architectures[0] = true;
        return r;
}
