/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "security/ids/id_extent.h"
#include "security/ids/id_map.h"

/* ---- the namespace of a process ---- */

static const char *const own_maps[] = { "/proc/self/uid_map", "/proc/self/gid_map" };

static uint32_t map_size(const char *path)
{
        _cleanup_free_ struct machine_id_map *extents = NULL;
        size_t count = 0;

        return id_extents_read(path, &extents, &count) < 0 ? 0 : id_extents_size(extents, count);
}

uint32_t user_namespace_size(void)
{
        uint32_t users = map_size(own_maps[0]), groups = map_size(own_maps[1]);

        return users < groups ? users : groups;
}

uint32_t user_namespace_size_of(pid_t pid)
{
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
        return map_size(path);
}

int user_namespace_translate(const struct id_range *outside, struct id_range *ret)
{
        struct id_range ranges[ELEMENTS_OF(own_maps)];

        for (size_t i = 0; i < ELEMENTS_OF(own_maps); i++) {
                _cleanup_free_ struct machine_id_map *extents = NULL;
                size_t count = 0;
                int r = id_extents_read(own_maps[i], &extents, &count);

                if (r == 0) {
                        r = id_extents_translate(extents, count, outside, &ranges[i]);
                }
                if (r < 0) {
                        return r;
                }
        }
        if (ranges[0].base != ranges[1].base) {
                return -ERANGE;
        }
        *ret = ranges[0];
        return 0;
}

static int translate_lines(const char *own, const char *name, struct machine_id_map *lines,
                           size_t count, struct machine_error *error)
{
        _cleanup_free_ struct machine_id_map *extents = NULL;
        size_t extent_count = 0;
        int r = id_extents_read(own, &extents, &extent_count);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", own);
        }
        for (size_t i = 0; i < count; i++) {
                const struct id_range outside = { lines[i].host, lines[i].count };
                struct id_range inside;

                if (id_extents_translate(extents, extent_count, &outside, &inside) < 0) {
                        error_say(error, ERANGE,
                                  "linux.%s[%zu]: %u ids from %u on are not all this user's", name,
                                  i, outside.count, outside.base);
                        error_hint(error, "his own id is one line, subordinate ids (subuid(5)) are "
                                          "others");
                        return -ERANGE;
                }
                lines[i].host = inside.base;
        }
        return 0;
}

int id_maps_translate(struct machine_id_maps *maps, struct machine_error *error)
{
        int r = translate_lines(own_maps[0], "uidMappings", maps->uids, maps->uid_count, error);

        return r < 0 ? r
                     : translate_lines(own_maps[1], "gidMappings", maps->gids, maps->gid_count,
                                       error);
}

/* ---- the range of a machine ---- */

/* The least that a machine with several users needs; a namespace of the kind SELF has one. */
#define SEVERAL 2

static int refuse_none(struct machine_error *error)
{
        error_say(error, EPERM,
                  "user_namespace: \"none\" gives the machine the host's ids, which needs root");
        error_hint(error, "remove it, or run the machine as root");
        return -EPERM;
}

static int all_ids(uint32_t size, struct id_range *ret, struct machine_error *error)
{
        if (size < SEVERAL) {
                error_say(error, ENOENT,
                          "user_namespace: \"auto\" needs more ids than the caller's user "
                          "namespace has, which is one");
                error_hint(error, "root adds subordinate ids with usermod --add-subuids and "
                                  "--add-subgids; or set user_namespace = \"self\"");
                return -ENOENT;
        }
        *ret = (struct id_range){ 0, size };
        return 0;
}

static int given_ids(const struct machine_namespaces *given, struct id_range *ret,
                     struct machine_error *error)
{
        const struct id_range outside = { given->user_base, given->user_count };

        if (user_namespace_translate(&outside, ret) == 0) {
                return 0;
        }
        error_say(error, EPERM,
                  "user_namespace: ids %" PRIu32 ":%" PRIu32
                  " are not in one range of the user's subordinate ids, at the same place for "
                  "users and groups",
                  outside.base, outside.count);
        error_hint(error, "choose a part of a range in /etc/subuid and /etc/subgid, or \"auto\"");
        return -EPERM;
}

int id_range_of_user(const struct machine_namespaces *given, struct id_range *ret,
                     struct machine_error *error)
{
        switch (given->user) {
        case MACHINE_USER_NAMESPACE_NONE:
                return refuse_none(error);
        case MACHINE_USER_NAMESPACE_SELF:
                *ret = (struct id_range){ 0, 1 };
                return 0;
        case MACHINE_USER_NAMESPACE_RANGE:
                return given_ids(given, ret, error);
        case MACHINE_USER_NAMESPACE_AUTO:
        case MACHINE_USER_NAMESPACE_MAPS:
                break;
        }
        return all_ids(user_namespace_size(), ret, error);
}
