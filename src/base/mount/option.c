/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/mount/option.h"

#include <stdbool.h>
#include <sys/mount.h>

#include "base/strings.h"

#define MANDATORY_LOCKS "Linux 5.15 has no mandatory locks any more"

const struct mount_option_known mount_options_known[] = {
        { "async", MOUNT_OPTION_SUPER_CLEAR, MS_SYNCHRONOUS },
        { "atime", MOUNT_OPTION_ACCESS_TIME, MOUNT_ATTR_RELATIME },
        { "bind", MOUNT_OPTION_BIND, false },
        { "defaults", MOUNT_OPTION_NOTHING, 0 },
        { "dev", MOUNT_OPTION_CLEAR, MOUNT_ATTR_NODEV },
        { "diratime", MOUNT_OPTION_CLEAR, MOUNT_ATTR_NODIRATIME },
        { "dirsync", MOUNT_OPTION_SUPER, MS_DIRSYNC },
        { "exec", MOUNT_OPTION_CLEAR, MOUNT_ATTR_NOEXEC },
        { "idmap", MOUNT_OPTION_MAP, false },
        { "iversion", MOUNT_OPTION_SUPER, MS_I_VERSION },
        { "lazytime", MOUNT_OPTION_SUPER, MS_LAZYTIME },
        { "loud", MOUNT_OPTION_SUPER_CLEAR, MS_SILENT },
        { "mand", MOUNT_OPTION_REFUSED, 0, MANDATORY_LOCKS },
        { "noatime", MOUNT_OPTION_ACCESS_TIME, MOUNT_ATTR_NOATIME },
        { "nodev", MOUNT_OPTION_SET, MOUNT_ATTR_NODEV },
        { "nodiratime", MOUNT_OPTION_SET, MOUNT_ATTR_NODIRATIME },
        { "noexec", MOUNT_OPTION_SET, MOUNT_ATTR_NOEXEC },
        { "noiversion", MOUNT_OPTION_SUPER_CLEAR, MS_I_VERSION },
        { "nolazytime", MOUNT_OPTION_SUPER_CLEAR, MS_LAZYTIME },
        { "nomand", MOUNT_OPTION_NOTHING, 0 },
        { "norelatime", MOUNT_OPTION_ACCESS_TIME, MOUNT_ATTR_STRICTATIME },
        { "nostrictatime", MOUNT_OPTION_ACCESS_TIME, MOUNT_ATTR_RELATIME },
        { "nosuid", MOUNT_OPTION_SET, MOUNT_ATTR_NOSUID },
        { "nosymfollow", MOUNT_OPTION_SET, MOUNT_ATTR_NOSYMFOLLOW },
        { "private", MOUNT_OPTION_PROPAGATION, MS_PRIVATE },
        { "ratime", MOUNT_OPTION_ACCESS_TIME_ALL, MOUNT_ATTR_RELATIME },
        { "rbind", MOUNT_OPTION_BIND, true },
        { "rdev", MOUNT_OPTION_CLEAR_ALL, MOUNT_ATTR_NODEV },
        { "rdiratime", MOUNT_OPTION_CLEAR_ALL, MOUNT_ATTR_NODIRATIME },
        { "relatime", MOUNT_OPTION_ACCESS_TIME, MOUNT_ATTR_RELATIME },
        { "remount", MOUNT_OPTION_REMOUNT, 0 },
        { "rexec", MOUNT_OPTION_CLEAR_ALL, MOUNT_ATTR_NOEXEC },
        { "ridmap", MOUNT_OPTION_MAP, true },
        { "rnoatime", MOUNT_OPTION_ACCESS_TIME_ALL, MOUNT_ATTR_NOATIME },
        { "rnodev", MOUNT_OPTION_SET_ALL, MOUNT_ATTR_NODEV },
        { "rnodiratime", MOUNT_OPTION_SET_ALL, MOUNT_ATTR_NODIRATIME },
        { "rnoexec", MOUNT_OPTION_SET_ALL, MOUNT_ATTR_NOEXEC },
        { "rnorelatime", MOUNT_OPTION_ACCESS_TIME_ALL, MOUNT_ATTR_STRICTATIME },
        { "rnostrictatime", MOUNT_OPTION_ACCESS_TIME_ALL, MOUNT_ATTR_RELATIME },
        { "rnosuid", MOUNT_OPTION_SET_ALL, MOUNT_ATTR_NOSUID },
        { "rnosymfollow", MOUNT_OPTION_SET_ALL, MOUNT_ATTR_NOSYMFOLLOW },
        { "ro", MOUNT_OPTION_SET, MOUNT_ATTR_RDONLY },
        { "rprivate", MOUNT_OPTION_PROPAGATION_ALL, MS_PRIVATE },
        { "rrelatime", MOUNT_OPTION_ACCESS_TIME_ALL, MOUNT_ATTR_RELATIME },
        { "rro", MOUNT_OPTION_SET_ALL, MOUNT_ATTR_RDONLY },
        { "rrw", MOUNT_OPTION_CLEAR_ALL, MOUNT_ATTR_RDONLY },
        { "rshared", MOUNT_OPTION_PROPAGATION_ALL, MS_SHARED },
        { "rslave", MOUNT_OPTION_PROPAGATION_ALL, MS_SLAVE },
        { "rstrictatime", MOUNT_OPTION_ACCESS_TIME_ALL, MOUNT_ATTR_STRICTATIME },
        { "rsuid", MOUNT_OPTION_CLEAR_ALL, MOUNT_ATTR_NOSUID },
        { "rsymfollow", MOUNT_OPTION_CLEAR_ALL, MOUNT_ATTR_NOSYMFOLLOW },
        { "runbindable", MOUNT_OPTION_PROPAGATION_ALL, MS_UNBINDABLE },
        { "rw", MOUNT_OPTION_CLEAR, MOUNT_ATTR_RDONLY },
        { "shared", MOUNT_OPTION_PROPAGATION, MS_SHARED },
        { "silent", MOUNT_OPTION_SUPER, MS_SILENT },
        { "slave", MOUNT_OPTION_PROPAGATION, MS_SLAVE },
        { "strictatime", MOUNT_OPTION_ACCESS_TIME, MOUNT_ATTR_STRICTATIME },
        { "suid", MOUNT_OPTION_CLEAR, MOUNT_ATTR_NOSUID },
        { "symfollow", MOUNT_OPTION_CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
        { "sync", MOUNT_OPTION_SUPER, MS_SYNCHRONOUS },
        { "tmpcopyup", MOUNT_OPTION_COPY_UP, 0 },
        { "unbindable", MOUNT_OPTION_PROPAGATION, MS_UNBINDABLE },
};

const size_t mount_options_known_count = ELEMENTS_OF(mount_options_known);

const struct mount_option_known *mount_option_find(const char *name)
{
        for (size_t i = 0; i < mount_options_known_count; i++) {
                if (string_equal(mount_options_known[i].name, name)) {
                        return &mount_options_known[i];
                }
        }
        return NULL;
}
