/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process/sockets.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Of <linux/landlock.h> of Linux 6.12. */
#define RULESET_VERSION     1U
#define SCOPES_SINCE        6
#define SCOPE_ABSTRACT_UNIX 1U

struct ruleset_attributes {
        uint64_t handled_access_fs;
        uint64_t handled_access_net;
        uint64_t scoped;
};

bool sockets_can_be_closed(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION) >= SCOPES_SINCE;
}

int sockets_close_abstract(void)
{
        const struct ruleset_attributes attributes = { .scoped = SCOPE_ABSTRACT_UNIX };
        _cleanup_close_ int ruleset = -EBADF;

        if (!sockets_can_be_closed()) {
                return -EOPNOTSUPP;
        }
        ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
        return ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
