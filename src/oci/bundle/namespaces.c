/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "linux.namespaces", "linux.uidMappings", "linux.gidMappings" and "linux.timeOffsets". */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* ---- namespaces ---- */

const char *const oci_namespace_names[MACHINE_NAMESPACES] = {
        [MACHINE_NAMESPACE_PID] = "pid",     [MACHINE_NAMESPACE_NETWORK] = "network",
        [MACHINE_NAMESPACE_MOUNT] = "mount", [MACHINE_NAMESPACE_IPC] = "ipc",
        [MACHINE_NAMESPACE_UTS] = "uts",     [MACHINE_NAMESPACE_CGROUP] = "cgroup",
        [MACHINE_NAMESPACE_TIME] = "time",   [MACHINE_NAMESPACE_USER] = "user",
};

static int take_namespace_type(struct oci_reader *reader, const json_t *value)
{
        size_t kind;
        struct machine_namespace_choice *choice;
        int r = oci_take_word(reader, value, oci_namespace_names, MACHINE_NAMESPACES, &kind);

        if (r < 0) {
                return r;
        }
        choice = &reader->machine->namespaces.given[kind];
        if (choice->set != MACHINE_NAMESPACE_HOST) {
                return oci_wrong(reader, "the %s namespace is here for the second time",
                                 oci_namespace_names[kind]);
        }
        choice->set = MACHINE_NAMESPACE_NEW;
        reader->item = choice;
        return 0;
}

/* Tools write an empty path for a new namespace. */
static int take_namespace_path(struct oci_reader *reader, const json_t *value)
{
        struct machine_namespace_choice *choice = reader->item;

        if (!*json_string_value(value)) {
                return 0;
        }
        if (*json_string_value(value) != '/') {
                return oci_wrong(reader, "\"%s\" is not an absolute path",
                                 json_string_value(value));
        }
        choice->set = MACHINE_NAMESPACE_JOINED;
        return oci_take_string(reader, value, &choice->path);
}

const struct oci_field oci_namespace_fields[] = {
        { "type", OCI_STRING, true, take_namespace_type },
        { "path", OCI_STRING, false, take_namespace_path },
        { 0 },
};

/* ---- id maps ---- */

static int take_container_id(struct oci_reader *reader, const json_t *value)
{
        return oci_take_id(reader, value, &((struct machine_id_map *)reader->item)->machine);
}

static int take_host_id(struct oci_reader *reader, const json_t *value)
{
        return oci_take_id(reader, value, &((struct machine_id_map *)reader->item)->host);
}

static int take_id_count(struct oci_reader *reader, const json_t *value)
{
        struct machine_id_map *map = reader->item;
        int64_t count;
        int r = oci_take_number(reader, value, 1, UINT32_MAX, &count);

        if (r == 0 && ((uint64_t)map->machine + (uint64_t)count > UINT32_MAX ||
                       (uint64_t)map->host + (uint64_t)count > UINT32_MAX)) {
                r = oci_wrong(reader, "the ids end above the kernel's maximum");
        }
        if (r == 0) {
                map->count = (uint32_t)count;
        }
        return r;
}

const struct oci_field oci_id_map_fields[] = {
        { "containerID", OCI_INTEGER, true, take_container_id },
        { "hostID", OCI_INTEGER, true, take_host_id },
        { "size", OCI_INTEGER, true, take_id_count },
        { 0 },
};

int oci_begin_uid_map(struct oci_reader *reader, const json_t *value)
{
        struct machine_id_maps *maps = &reader->machine->namespaces.maps;

        reader->item = oci_grow(reader, &maps->uids, &maps->uid_count, sizeof *maps->uids);
        return reader->item ? 0 : -ENOMEM;
}

int oci_begin_gid_map(struct oci_reader *reader, const json_t *value)
{
        struct machine_id_maps *maps = &reader->machine->namespaces.maps;

        reader->item = oci_grow(reader, &maps->gids, &maps->gid_count, sizeof *maps->gids);
        return reader->item ? 0 : -ENOMEM;
}

/* ---- clocks ---- */

int oci_take_clock(struct oci_reader *reader, const json_t *value)
{
        struct machine_namespaces *namespaces = &reader->machine->namespaces;
        struct machine_time_offset *offset =
                string_equal(reader->key, "monotonic")  ? &namespaces->monotonic
                : string_equal(reader->key, "boottime") ? &namespaces->boottime
                                                        : NULL;

        if (!offset) {
                return oci_wrong(reader,
                                 "time namespaces have no clock \"%s\", but monotonic and boottime",
                                 reader->key);
        }
        offset->set = true;
        reader->item = offset;
        return 0;
}

static int take_seconds(struct oci_reader *reader, const json_t *value)
{
        return oci_take_number(reader, value, INT64_MIN, INT64_MAX,
                               &((struct machine_time_offset *)reader->item)->seconds);
}

static int take_nanoseconds(struct oci_reader *reader, const json_t *value)
{
        int64_t nanoseconds;
        int r = oci_take_number(reader, value, 0, 999999999, &nanoseconds);

        if (r == 0) {
                ((struct machine_time_offset *)reader->item)->nanoseconds = (uint32_t)nanoseconds;
        }
        return r;
}

const struct oci_field oci_clock_fields[] = {
        { "secs", OCI_INTEGER, false, take_seconds },
        { "nanosecs", OCI_INTEGER, false, take_nanoseconds },
        { 0 },
};
