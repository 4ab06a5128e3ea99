/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* config.json as a whole: its members, and what several of them must agree about. */

#include "oci/bundle/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* ---- members ---- */

static int take_version(struct oci_reader *reader, const json_t *value)
{
        unsigned int major, minor, patch;

        if (sscanf(json_string_value(value), "%5u.%5u.%5u", &major, &minor, &patch) != 3) {
                return oci_wrong(reader, "\"%s\" is not a version like \"%s\"",
                                 json_string_value(value), OCI_VERSION_MAXIMUM);
        }
        if (major != 1) {
                return oci_wrong(reader, "version %s is not supported, but %s to %s",
                                 json_string_value(value), OCI_VERSION_MINIMUM,
                                 OCI_VERSION_MAXIMUM);
        }
        return oci_take_string(reader, value, &reader->bundle->version);
}

static int take_hostname(struct oci_reader *reader, const json_t *value)
{
        return *json_string_value(value)
                       ? oci_take_string(reader, value, &reader->machine->hostname)
                       : 0;
}

static int take_domainname(struct oci_reader *reader, const json_t *value)
{
        return *json_string_value(value)
                       ? oci_take_string(reader, value, &reader->machine->domainname)
                       : 0;
}

/* What Podman's --group-add=keep-groups sets, for crun. */
#define KEEP_GROUPS "run.oci.keep_original_groups"

static int take_annotation(struct oci_reader *reader, const json_t *value)
{
        if (string_equal(reader->key, KEEP_GROUPS)) {
                reader->machine->process.identity.keep_groups =
                        string_equal(json_string_value(value), "1");
        }
        return strv_take(&reader->bundle->annotations,
                         string_format("%s=%s", reader->key, json_string_value(value))) < 0
                       ? error_oom(reader->error)
                       : 0;
}

const struct oci_field oci_config_fields[] = {
        { "ociVersion", OCI_STRING, true, take_version },
        { "process", OCI_OBJECT, false, NULL, oci_process_fields, oci_finish_process },
        { "root", OCI_OBJECT, true, NULL, oci_root_fields },
        { "hostname", OCI_STRING, false, take_hostname },
        { "domainname", OCI_STRING, false, take_domainname },
        /* Before the mounts, whose id maps depend on the user namespace. */
        { "linux", OCI_OBJECT, false, NULL, oci_linux_fields },
        { "mounts", OCI_LIST, false, oci_begin_mount, oci_mount_fields, oci_finish_mount },
        { "hooks", OCI_OBJECT, false, NULL, oci_hooks_fields },
        { "annotations", OCI_MAP, false, take_annotation, .value = OCI_STRING },
        { 0 },
};

/* ---- what members must agree about ---- */

static int wrong_at(struct oci_reader *reader, const char *path, const char *message)
{
        snprintf(reader->path, sizeof reader->path, "%s", path);
        return oci_wrong(reader, "%s", message);
}

static bool is_new(const struct machine *machine, enum machine_namespace kind)
{
        return machine->namespaces.given[kind].set == MACHINE_NAMESPACE_NEW;
}

static bool is_host(const struct machine *machine, enum machine_namespace kind)
{
        return machine->namespaces.given[kind].set == MACHINE_NAMESPACE_HOST;
}

/* Whether a map has an id of the machine. */
static bool maps_id(const struct machine_id_map *lines, size_t count, uint32_t id)
{
        for (size_t i = 0; i < count; i++) {
                if (id >= lines[i].machine && id - lines[i].machine < lines[i].count) {
                        return true;
                }
        }
        return false;
}

static int check_user_namespace(struct oci_reader *reader)
{
        const struct machine *machine = reader->machine;
        const struct machine_id_maps *maps = &machine->namespaces.maps;
        bool given = maps->uid_count > 0 || maps->gid_count > 0;

        switch (machine->namespaces.given[MACHINE_NAMESPACE_USER].set) {
        case MACHINE_NAMESPACE_HOST:
                return given ? wrong_at(reader, "linux.uidMappings",
                                        "ids can be mapped only in a user namespace, which "
                                        "linux.namespaces does not have")
                             : 0;
        case MACHINE_NAMESPACE_JOINED:
                return 0;
        case MACHINE_NAMESPACE_NEW:
                break;
        }
        if (!maps_id(maps->uids, maps->uid_count, 0)) {
                return wrong_at(reader, "linux.uidMappings",
                                "a new user namespace needs a mapping of user 0 of the container");
        }
        if (!maps_id(maps->gids, maps->gid_count, 0)) {
                return wrong_at(reader, "linux.gidMappings",
                                "a new user namespace needs a mapping of group 0 of the container");
        }
        /* The process that creates the namespaces would have to enter the other pid namespace with
         * the host's rights, before it gives them up. */
        if (machine->namespaces.given[MACHINE_NAMESPACE_PID].set == MACHINE_NAMESPACE_JOINED) {
                return wrong_at(reader, "linux.namespaces",
                                "a pid namespace can be joined only together with its user "
                                "namespace, or without one");
        }
        return 0;
}

/* Ids of the process that the container does not have would fail when it is too late for a message
 * with a path. */
static int check_ids(struct oci_reader *reader)
{
        const struct machine *machine = reader->machine;
        const struct machine_id_maps *maps = &machine->namespaces.maps;
        const struct machine_identity *identity = &machine->process.identity;

        if (!is_new(machine, MACHINE_NAMESPACE_USER)) {
                return 0;
        }
        if (!maps_id(maps->uids, maps->uid_count, identity->uid)) {
                return wrong_at(reader, "process.user.uid", "linux.uidMappings does not map this");
        }
        if (!maps_id(maps->gids, maps->gid_count, identity->gid)) {
                return wrong_at(reader, "process.user.gid", "linux.gidMappings does not map this");
        }
        for (size_t i = 0; i < identity->group_count; i++) {
                if (!maps_id(maps->gids, maps->gid_count, identity->groups[i])) {
                        return wrong_at(reader, "process.user.additionalGids",
                                        "linux.gidMappings does not map all of them");
                }
        }
        return 0;
}

static int check_namespaces(struct oci_reader *reader)
{
        const struct machine *machine = reader->machine;
        bool clocks = machine->namespaces.monotonic.set || machine->namespaces.boottime.set;

        if (!is_new(machine, MACHINE_NAMESPACE_MOUNT)) {
                return wrong_at(reader, "linux.namespaces",
                                "a new mount namespace is required: the container's mounts would "
                                "be the host's, or another container's");
        }
        if (clocks && !is_new(machine, MACHINE_NAMESPACE_TIME)) {
                return wrong_at(reader, "linux.timeOffsets",
                                "this needs a new time namespace in linux.namespaces");
        }
        if (machine->hostname && is_host(machine, MACHINE_NAMESPACE_UTS)) {
                return wrong_at(reader, "hostname",
                                "this would change the host's name: linux.namespaces has no uts "
                                "namespace");
        }
        if (machine->domainname && is_host(machine, MACHINE_NAMESPACE_UTS)) {
                return wrong_at(reader, "domainname",
                                "this would change the host's name: linux.namespaces has no uts "
                                "namespace");
        }
        if (machine->network.device_count > 0 && is_host(machine, MACHINE_NAMESPACE_NETWORK)) {
                return wrong_at(reader, "linux.netDevices",
                                "linux.namespaces has no network namespace to move them to");
        }
        return 0;
}

/* The settings that other definitions have instead of `given`. */
static int settle_namespaces(struct oci_reader *reader)
{
        struct machine *machine = reader->machine;
        struct machine_namespaces *namespaces = &machine->namespaces;
        const struct machine_namespace_choice *network =
                &namespaces->given[MACHINE_NAMESPACE_NETWORK];

        namespaces->ipc = !is_host(machine, MACHINE_NAMESPACE_IPC);
        namespaces->uts = !is_host(machine, MACHINE_NAMESPACE_UTS);
        namespaces->cgroup = !is_host(machine, MACHINE_NAMESPACE_CGROUP);
        namespaces->time = !is_host(machine, MACHINE_NAMESPACE_TIME);
        namespaces->user = is_host(machine, MACHINE_NAMESPACE_USER) ? MACHINE_USER_NAMESPACE_NONE
                                                                    : MACHINE_USER_NAMESPACE_MAPS;
        switch (network->set) {
        case MACHINE_NAMESPACE_HOST:
                machine->network.mode = MACHINE_NETWORK_HOST;
                break;
        case MACHINE_NAMESPACE_NEW:
                machine->network.mode = MACHINE_NETWORK_NONE;
                break;
        case MACHINE_NAMESPACE_JOINED:
                machine->network.mode = MACHINE_NETWORK_PATH;
                return string_replace(&machine->network.target, network->path) < 0
                               ? error_oom(reader->error)
                               : 0;
        }
        return 0;
}

/* "Runtimes SHOULD change the cgroup ownership if and only if the cgroup filesystem is to be
 * mounted read/write", with a new cgroup namespace ("Cgroup ownership"). */
static bool owns_cgroup(const struct machine *machine)
{
        for (size_t i = 0; i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];

                if (mount->type == MACHINE_MOUNT_FILE_SYSTEM &&
                    (string_equal(mount->file_system, "cgroup") ||
                     string_equal(mount->file_system, "cgroup2")) &&
                    string_equal(mount->target, "/sys/fs/cgroup")) {
                        return is_new(machine, MACHINE_NAMESPACE_CGROUP) &&
                               !strv_contains(mount->options, "ro") &&
                               !strv_contains(mount->options, "rro");
                }
        }
        return false;
}

/* "This property is REQUIRED when start is called": a container can be created without. */
static int settle_process(struct oci_reader *reader)
{
        char **directory = &reader->machine->process.working_directory;

        return !*directory && string_replace(directory, "/") < 0 ? error_oom(reader->error) : 0;
}

int oci_config_settle(struct oci_reader *reader)
{
        int r = check_namespaces(reader);

        if (r == 0) {
                r = check_user_namespace(reader);
        }
        if (r == 0) {
                r = check_ids(reader);
        }
        if (r == 0) {
                r = settle_namespaces(reader);
        }
        if (r == 0) {
                r = settle_process(reader);
        }
        reader->bundle->owns_cgroup = owns_cgroup(reader->machine);
        return r;
}
