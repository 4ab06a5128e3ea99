/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/user.h"

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "security/ids/id_map.h"
#include "security/user/user.h"

/* His own id takes no other program to map. */
static bool maps_only(const struct machine_id_map *lines, size_t count, uint32_t id)
{
        return count == 1 && lines[0].host == id && lines[0].count == 1;
}

static int make_namespace(const struct machine_id_maps *maps, struct machine_error *error)
{
        _cleanup_subordinate_ids_ struct subordinate_ids ids = { 0 };
        int r;

        if (maps_only(maps->uids, maps->uid_count, geteuid()) &&
            maps_only(maps->gids, maps->gid_count, getegid())) {
                return user_namespace_make(NULL, error);
        }
        r = subordinate_ids_find(&ids, error);
        return r < 0 ? r : user_namespace_make(&ids, error);
}

int user_enter(struct machine *machine, struct machine_error *error)
{
        struct machine_namespaces *namespaces = &machine->namespaces;
        int r;

        if (geteuid() == 0) {
                return 0;
        }
        if (namespaces->given[MACHINE_NAMESPACE_USER].set != MACHINE_NAMESPACE_NEW) {
                error_say(error, EPERM,
                          "linux.namespaces has no new user namespace, without which only root can "
                          "create containers");
                error_hint(error, "machine-oci spec --rootless shows what a bundle of a user has");
                return -EPERM;
        }
        /* The maps of this process and of the maker, which shares its memory, are the host's root's
         * to write as long as it is not dumpable. It stays out of every container's sight: that of
         * somebody else cannot be joined together with a new user namespace. */
        (void)prctl(PR_SET_DUMPABLE, 1);
        r = make_namespace(&namespaces->maps, error);
        return r < 0 ? r : id_maps_translate(&namespaces->maps, error);
}
