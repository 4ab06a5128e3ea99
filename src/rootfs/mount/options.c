/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/mount/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"

enum option_kind {
        OPTION_SET,
        OPTION_UNSET,
        OPTION_ACCESS_TIME,
        OPTION_PROPAGATION,
        OPTION_RECURSIVE,
        OPTION_MAP,
};

static const struct {
        const char *name;
        enum option_kind kind;
        uint64_t value;
} options_known[] = {
        { "ro", OPTION_SET, MOUNT_ATTR_RDONLY },
        { "rw", OPTION_UNSET, MOUNT_ATTR_RDONLY },
        { "nosuid", OPTION_SET, MOUNT_ATTR_NOSUID },
        { "suid", OPTION_UNSET, MOUNT_ATTR_NOSUID },
        { "nodev", OPTION_SET, MOUNT_ATTR_NODEV },
        { "dev", OPTION_UNSET, MOUNT_ATTR_NODEV },
        { "noexec", OPTION_SET, MOUNT_ATTR_NOEXEC },
        { "exec", OPTION_UNSET, MOUNT_ATTR_NOEXEC },
        { "nosymfollow", OPTION_SET, MOUNT_ATTR_NOSYMFOLLOW },
        { "symfollow", OPTION_UNSET, MOUNT_ATTR_NOSYMFOLLOW },
        { "nodiratime", OPTION_SET, MOUNT_ATTR_NODIRATIME },
        { "diratime", OPTION_UNSET, MOUNT_ATTR_NODIRATIME },
        { "noatime", OPTION_ACCESS_TIME, MOUNT_ATTR_NOATIME },
        { "relatime", OPTION_ACCESS_TIME, MOUNT_ATTR_RELATIME },
        { "strictatime", OPTION_ACCESS_TIME, MOUNT_ATTR_STRICTATIME },
        { "private", OPTION_PROPAGATION, MS_PRIVATE },
        { "rprivate", OPTION_PROPAGATION, MS_PRIVATE },
        { "slave", OPTION_PROPAGATION, MS_SLAVE },
        { "rslave", OPTION_PROPAGATION, MS_SLAVE },
        { "bind", OPTION_RECURSIVE, false },
        { "rbind", OPTION_RECURSIVE, true },
        { "idmap", OPTION_MAP, MACHINE_MOUNT_MAP_HOST },
        { "noidmap", OPTION_MAP, MACHINE_MOUNT_MAP_MACHINE },
};

static void apply(struct mount_options *options, enum option_kind kind, uint64_t value)
{
        switch (kind) {
        case OPTION_SET:
                options->set |= value;
                break;
        case OPTION_UNSET:
                options->set &= ~value;
                break;
        case OPTION_ACCESS_TIME:
                /* One field of several bits: the kernel wants all of it cleared to set one value
                 * (mount_setattr(2)). */
                options->clear = MOUNT_ATTR__ATIME;
                options->set = (options->set & ~(uint64_t)MOUNT_ATTR__ATIME) | value;
                break;
        case OPTION_PROPAGATION:
                options->propagation = value;
                break;
        case OPTION_RECURSIVE:
                options->recursive = value;
                break;
        case OPTION_MAP:
                options->map = (enum machine_mount_map)value;
                break;
        }
}

static bool apply_named(struct mount_options *options, const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(options_known); i++) {
                if (string_equal(options_known[i].name, name)) {
                        apply(options, options_known[i].kind, options_known[i].value);
                        return true;
                }
        }
        return false;
}

/* "size=", "mode=" and "nr_inodes=" of a tmpfs; the kernel judges the first two as it does for
 * mount(8), so that "size=10%" works as well. */
static bool apply_tmpfs(struct mount_options *options, const char *option)
{
        const struct {
                const char *prefix;
                char *place;
                size_t bytes;
        } keys[] = {
                { "size=", options->size, sizeof options->size },
                { "mode=", options->mode, sizeof options->mode },
                { "nr_inodes=", options->inodes, sizeof options->inodes },
        };

        for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
                const char *value = string_after(option, keys[i].prefix);

                if (value && *value && strlen(value) < keys[i].bytes) {
                        memcpy(keys[i].place, value, strlen(value) + 1);
                        return true;
                }
        }
        return false;
}

int mount_options_read(const struct machine_mount *mount, struct mount_options *ret,
                       struct machine_error *error)
{
        struct mount_options options = {
                .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                .propagation = MS_PRIVATE,
                .recursive = true,
                .map = mount->map,
        };

        if (mount->size != MACHINE_UNSET) {
                snprintf(options.size, sizeof options.size, "%" PRIu64, mount->size);
        }
        if (mount->mode != MACHINE_UNSET) {
                snprintf(options.mode, sizeof options.mode, "%" PRIo64, mount->mode);
        }
        STRV_FOREACH(option, mount->options) {
                if (apply_named(&options, *option)) {
                        continue;
                }
                if (mount->type != MACHINE_MOUNT_TMPFS || !apply_tmpfs(&options, *option)) {
                        return error_say(error, EINVAL, "mount on \"%s\": unknown option \"%s\"",
                                         mount->target, *option);
                }
        }
        if (mount->read_only) {
                options.set |= MOUNT_ATTR_RDONLY;
        }
        *ret = options;
        return 0;
}
