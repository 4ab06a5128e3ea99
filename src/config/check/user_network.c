/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process/sockets.h"
#include "base/strings.h"

#define WAY_OUT "use a bridge (the default), or network mode \"host\" or \"none\""

static int refuse_mode(struct config_definition *definition, char *message)
{
        return user_check_refuse(definition, (struct user_finding){ "network.mode", SIZE_MAX },
                                 message, strdup(WAY_OUT));
}

/* Whether a network namespace is owned by a user namespace of somebody else. One that cannot be
 * opened is an error of the start, for root as well. */
static bool is_foreign(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_close_ int owner = fd < 0 ? -EBADF : ioctl(fd, NS_GET_USERNS);
        uid_t uid;

        if (fd < 0) {
                return false;
        }
        if (owner < 0) {
                return errno == EPERM;
        }
        return ioctl(owner, NS_GET_OWNER_UID, &uid) == 0 && uid != geteuid();
}

static int check_mode(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;

        switch (network->mode) {
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                return refuse_mode(definition,
                                   string_format("network mode \"%s\" needs CAP_NET_ADMIN over the "
                                                 "host's network, which "
                                                 "only root has",
                                                 network->mode == MACHINE_NETWORK_MACVLAN
                                                         ? "macvlan"
                                                         : "ipvlan"));
        case MACHINE_NETWORK_PATH:
                return is_foreign(network->target)
                               ? refuse_mode(definition,
                                             string_format("joining %s needs CAP_NET_ADMIN over "
                                                           "it, which a user has only over "
                                                           "namespaces of his own",
                                                           network->target))
                               : 0;
        default:
                return 0;
        }
}

/* The start warns of the same, and goes on. */
static int warn_of_sockets(struct config_definition *definition)
{
        struct config_place place = config_definition_place(definition, "network.mode", SIZE_MAX);

        if (definition->loader.trust.required || sockets_can_be_closed() ||
            definition->machine->network.mode != MACHINE_NETWORK_HOST) {
                return 0;
        }
        return config_report(
                definition->diagnostics, DIAGNOSTIC_WARNING, &place,
                strdup("in the host's network, abstract sockets of your session are open to the "
                       "machine: closing them needs Linux 6.12"),
                strdup("use a bridge (the default), or network mode \"none\""));
}

static unsigned int first_port(void)
{
        _cleanup_free_ char *text = NULL;

        return file_read(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", 64, &text,
                         NULL) < 0
                       ? 0
                       : (unsigned int)strtoul(text, NULL, 10);
}

int user_check_network(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        /* Uid 0 is root of a container with a network of its own. */
        unsigned int first = network->port_count > 0 && geteuid() != 0 ? first_port() : 0;
        int r = check_mode(definition);

        if (r == 0) {
                r = warn_of_sockets(definition);
        }
        for (size_t i = 0; i < network->port_count && r == 0; i++) {
                unsigned int port = network->ports[i].host_first;

                if (port >= first) {
                        continue;
                }
                r = user_check_refuse(
                        definition, (struct user_finding){ "ports", i },
                        string_format("port %u is for root: it is below the sysctl "
                                      "net.ipv4.ip_unprivileged_port_start, %u",
                                      port, first),
                        string_format("publish a port from %u on, or let users have it: sysctl -w "
                                      "net.ipv4.ip_unprivileged_port_start=%u",
                                      first, port));
        }
        return r;
}
