/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_CAPABILITY_PROFILES_H
#define SECURITY_CAPABILITY_PROFILES_H

#include <stdint.h>

#include <linux/capability.h>
#include <machine/machine.h>

#include "security/capabilities.h"

/* What a program needs that only serves: its own files, its own port, its own children. */
#define CAPABILITIES_MINIMAL                                    \
        (CAPABILITY_BIT(CAP_CHOWN) | CAPABILITY_BIT(CAP_KILL) | \
         CAPABILITY_BIT(CAP_NET_BIND_SERVICE))

/* What podman gives an application container: images are written against it. */
#define CAPABILITIES_SERVICE                                                                     \
        (CAPABILITIES_MINIMAL | CAPABILITY_BIT(CAP_DAC_OVERRIDE) | CAPABILITY_BIT(CAP_FOWNER) |  \
         CAPABILITY_BIT(CAP_FSETID) | CAPABILITY_BIT(CAP_SETFCAP) | CAPABILITY_BIT(CAP_SETGID) | \
         CAPABILITY_BIT(CAP_SETPCAP) | CAPABILITY_BIT(CAP_SETUID) |                              \
         CAPABILITY_BIT(CAP_SYS_CHROOT))

/* What a booted systemd needs: without MKNOD or SYS_ADMIN it does not come up. */
#define CAPABILITIES_SYSTEM                                                      \
        (CAPABILITIES_SERVICE | CAPABILITY_BIT(CAP_AUDIT_CONTROL) |              \
         CAPABILITY_BIT(CAP_AUDIT_WRITE) | CAPABILITY_BIT(CAP_DAC_READ_SEARCH) | \
         CAPABILITY_BIT(CAP_IPC_OWNER) | CAPABILITY_BIT(CAP_LEASE) |             \
         CAPABILITY_BIT(CAP_LINUX_IMMUTABLE) | CAPABILITY_BIT(CAP_MKNOD) |       \
         CAPABILITY_BIT(CAP_NET_BROADCAST) | CAPABILITY_BIT(CAP_NET_RAW) |       \
         CAPABILITY_BIT(CAP_SYS_ADMIN) | CAPABILITY_BIT(CAP_SYS_BOOT) |          \
         CAPABILITY_BIT(CAP_SYS_NICE) | CAPABILITY_BIT(CAP_SYS_PTRACE) |         \
         CAPABILITY_BIT(CAP_SYS_RESOURCE) | CAPABILITY_BIT(CAP_SYS_TTY_CONFIG))

/** The sets by enum machine_capability_profile. */
#define CAPABILITY_PROFILES                                            \
        {                                                              \
                [MACHINE_CAPABILITIES_MINIMAL] = CAPABILITIES_MINIMAL, \
                [MACHINE_CAPABILITIES_SERVICE] = CAPABILITIES_SERVICE, \
                [MACHINE_CAPABILITIES_SYSTEM] = CAPABILITIES_SYSTEM,   \
        }

#endif
