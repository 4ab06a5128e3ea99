/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "root" and "mounts": config.md, "Root" and "Mounts". What the options mean is for the room that
 * mounts: base/mount/option.h lists them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mount/option.h"
#include "base/path.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* ---- root ---- */

static int take_root_path(struct oci_reader *reader, const json_t *value)
{
        struct machine_root *root = &reader->machine->root;
        const char *path = json_string_value(value);

        if (!*path) {
                return oci_wrong(reader, "the path is empty");
        }
        root->source = MACHINE_ROOT_DIRECTORY;
        root->upper = MACHINE_UPPER_IN_PLACE;
        root->directory = path_join(reader->directory, path);
        return root->directory ? 0 : error_oom(reader->error);
}

static int take_read_only(struct oci_reader *reader, const json_t *value)
{
        reader->machine->root.read_only = json_is_true(value);
        return 0;
}

const struct oci_field oci_root_fields[] = {
        { "path", OCI_STRING, true, take_root_path },
        { "readonly", OCI_BOOLEAN, false, take_read_only },
        { 0 },
};

/* ---- mounts ---- */

static struct machine_mount *current(struct oci_reader *reader)
{
        return &reader->machine->mounts[reader->machine->mount_count - 1];
}

int oci_begin_mount(struct oci_reader *reader, const json_t *value)
{
        struct machine_mount *mount = oci_grow(reader, &reader->machine->mounts,
                                               &reader->machine->mount_count, sizeof *mount);

        if (!mount) {
                return -ENOMEM;
        }
        mount->type = MACHINE_MOUNT_FILE_SYSTEM;
        mount->size = mount->mode = MACHINE_UNSET;
        mount->create = true;
        return 0;
}

/* "For compatibility with old tools and configurations, it MAY be a relative path, in which case it
 * MUST be interpreted as relative to "/"." */
static int take_destination(struct oci_reader *reader, const json_t *value)
{
        _cleanup_free_ char *path = string_format("/%s", json_string_value(value));
        int r = path ? path_normalize(path, &current(reader)->target) : -ENOMEM;

        if (r == -EINVAL) {
                return oci_wrong(reader, "\"%s\" contains \"..\"", json_string_value(value));
        }
        if (r < 0) {
                return error_oom(reader->error);
        }
        return string_equal(current(reader)->target, "/")
                       ? oci_wrong(reader, "nothing can be mounted on \"/\": that is the root")
                       : 0;
}

static int take_type(struct oci_reader *reader, const json_t *value)
{
        return oci_take_string(reader, value, &current(reader)->file_system);
}

static int take_source(struct oci_reader *reader, const json_t *value)
{
        return oci_take_string(reader, value, &current(reader)->source);
}

static int take_options(struct oci_reader *reader, const json_t *value)
{
        return oci_take_strings(reader, value, &current(reader)->options);
}

static int begin_uid(struct oci_reader *reader, const json_t *value)
{
        struct machine_id_maps *maps = &current(reader)->maps;

        reader->item = oci_grow(reader, &maps->uids, &maps->uid_count, sizeof *maps->uids);
        return reader->item ? 0 : -ENOMEM;
}

static int begin_gid(struct oci_reader *reader, const json_t *value)
{
        struct machine_id_maps *maps = &current(reader)->maps;

        reader->item = oci_grow(reader, &maps->gids, &maps->gid_count, sizeof *maps->gids);
        return reader->item ? 0 : -ENOMEM;
}

static bool has_option(const struct machine_mount *mount, const char *name)
{
        return strv_contains(mount->options, name);
}

static int finish_bind(struct oci_reader *reader, struct machine_mount *mount)
{
        _cleanup_free_ char *source = TAKE_PTR(mount->source);

        if (!source || !*source) {
                return oci_wrong_member(reader, "source", "a bind mount needs a source");
        }
        mount->type = MACHINE_MOUNT_BIND;
        mount->source = path_join(reader->directory, source);
        return mount->source ? 0 : error_oom(reader->error);
}

static int check_maps(struct oci_reader *reader, const struct machine_mount *mount)
{
        bool mapped = has_option(mount, "idmap") || has_option(mount, "ridmap");
        bool uids = mount->maps.uid_count > 0, gids = mount->maps.gid_count > 0;

        if (uids != gids) {
                return oci_wrong_member(reader, uids ? "gidMappings" : "uidMappings",
                                        "this is required together with %s",
                                        uids ? "uidMappings" : "gidMappings");
        }
        if (mapped && !uids &&
            reader->machine->namespaces.given[MACHINE_NAMESPACE_USER].set ==
                    MACHINE_NAMESPACE_HOST) {
                return oci_wrong_member(reader, "options",
                                        "the option idmap needs uidMappings and gidMappings, or a "
                                        "user namespace of the container");
        }
        if ((mapped || uids) && mount->type != MACHINE_MOUNT_BIND) {
                return oci_wrong(reader, "only bind mounts can be mapped");
        }
        return 0;
}

/* With another file system a word that is not listed is an option of the file system. */
static int check_options(struct oci_reader *reader, const struct machine_mount *mount)
{
        STRV_FOREACH(option, mount->options) {
                const struct mount_option_known *known = mount_option_find(*option);
                char member[32];

                snprintf(member, sizeof member, "options[%zu]", (size_t)(option - mount->options));
                if (known && known->kind == MOUNT_OPTION_REFUSED) {
                        return oci_wrong_member(reader, member, "the option \"%s\" is refused: %s",
                                                *option, known->reason);
                }
                if (!known && mount->type == MACHINE_MOUNT_BIND) {
                        return oci_wrong_member(reader, member, "a bind mount has no option \"%s\"",
                                                *option);
                }
        }
        return 0;
}

int oci_finish_mount(struct oci_reader *reader, const json_t *value)
{
        struct machine_mount *mount = current(reader);
        bool bind = has_option(mount, "bind") || has_option(mount, "rbind") ||
                    string_equal(mount->file_system, "bind");
        int r = bind ? finish_bind(reader, mount) : 0;

        if (r == 0 && !bind && !has_option(mount, "remount") &&
            (!mount->file_system || !*mount->file_system ||
             string_equal(mount->file_system, "none"))) {
                r = oci_wrong_member(reader, "type", "this is required without the option bind");
        }
        if (r == 0) {
                r = check_maps(reader, mount);
        }
        return r < 0 ? r : check_options(reader, mount);
}

const struct oci_field oci_mount_fields[] = {
        { "destination", OCI_STRING, true, take_destination },
        { "type", OCI_STRING, false, take_type },
        { "source", OCI_STRING, false, take_source },
        { "options", OCI_STRINGS, false, take_options },
        { "uidMappings", OCI_LIST, false, begin_uid, oci_id_map_fields },
        { "gidMappings", OCI_LIST, false, begin_gid, oci_id_map_fields },
        { 0 },
};
