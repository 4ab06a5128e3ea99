/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_CAPABILITIES_PROFILES_H
#define SECURITY_CAPABILITIES_PROFILES_H

#include <stdint.h>

#include <linux/capability.h>
#include <machine/machine.h>

#include "security/capabilities/capabilities.h"

/* For a service that only uses its own files, ports and children. */
#define CAPABILITIES_MINIMAL                                    \
        (CAPABILITY_BIT(CAP_CHOWN) | CAPABILITY_BIT(CAP_KILL) | \
         CAPABILITY_BIT(CAP_NET_BIND_SERVICE))

/* podman's default for application containers, which images expect. */
#define CAPABILITIES_SERVICE                                                                     \
        (CAPABILITIES_MINIMAL | CAPABILITY_BIT(CAP_DAC_OVERRIDE) | CAPABILITY_BIT(CAP_FOWNER) |  \
         CAPABILITY_BIT(CAP_FSETID) | CAPABILITY_BIT(CAP_SETFCAP) | CAPABILITY_BIT(CAP_SETGID) | \
         CAPABILITY_BIT(CAP_SETPCAP) | CAPABILITY_BIT(CAP_SETUID) |                              \
         CAPABILITY_BIT(CAP_SYS_CHROOT))

/* For a booted systemd, which does not start without MKNOD or SYS_ADMIN. */
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
