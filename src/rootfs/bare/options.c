/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/bare/options.h"

#include <errno.h>
#include <sys/mount.h>

#include "base/mount/option.h"
#include "base/strings.h"

static void set_bits(uint64_t *set, uint64_t *clear, uint64_t bits)
{
        *set |= bits;
        *clear &= ~bits;
}

/* One field of several bits: the kernel wants all of it cleared to set one value
 * (mount_setattr(2)). */
static void set_access_time(uint64_t *set, uint64_t *clear, uint64_t value)
{
        *clear |= MOUNT_ATTR__ATIME;
        *set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | value;
}

static void apply(struct bare_options *options, const struct mount_option_known *known)
{
        switch (known->kind) {
        case MOUNT_OPTION_SET:
                set_bits(&options->set, &options->clear, known->value);
                break;
        case MOUNT_OPTION_CLEAR:
                set_bits(&options->clear, &options->set, known->value);
                break;
        case MOUNT_OPTION_ACCESS_TIME:
                set_access_time(&options->set, &options->clear, known->value);
                break;
        case MOUNT_OPTION_SET_ALL:
                set_bits(&options->set_all, &options->clear_all, known->value);
                break;
        case MOUNT_OPTION_CLEAR_ALL:
                set_bits(&options->clear_all, &options->set_all, known->value);
                break;
        case MOUNT_OPTION_ACCESS_TIME_ALL:
                set_access_time(&options->set_all, &options->clear_all, known->value);
                break;
        case MOUNT_OPTION_PROPAGATION:
        case MOUNT_OPTION_PROPAGATION_ALL:
                options->propagation = known->value;
                options->propagation_all = known->kind == MOUNT_OPTION_PROPAGATION_ALL;
                break;
        case MOUNT_OPTION_BIND:
                options->recursive = options->recursive || known->value;
                break;
        case MOUNT_OPTION_SUPER:
                options->super |= known->value;
                break;
        case MOUNT_OPTION_SUPER_CLEAR:
                options->super &= ~known->value;
                break;
        case MOUNT_OPTION_MAP:
                options->map = true;
                options->map_all = options->map_all || known->value;
                break;
        case MOUNT_OPTION_COPY_UP:
                options->copy_up = true;
                break;
        case MOUNT_OPTION_REMOUNT:
                options->remount = true;
                break;
        case MOUNT_OPTION_NOTHING:
        case MOUNT_OPTION_REFUSED: /* not accepted by what reads the definition */
                break;
        }
}

int bare_options_read(const struct machine_mount *mount, struct bare_options *ret)
{
        struct bare_options options = { 0 };

        STRV_FOREACH(option, mount->options) {
                const struct mount_option_known *known = mount_option_find(*option);

                if (known) {
                        apply(&options, known);
                } else if (strv_append(&options.data, *option) < 0) {
                        strv_free(options.data);
                        return -ENOMEM;
                }
        }
        *ret = options;
        return 0;
}
