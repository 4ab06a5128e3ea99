/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a supervisor does for the network of a user's machine while it runs. */

#include "network/network.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "network/firewall/nftables.h"
#include "network/forward/transparent.h"
#include "network/inside.h"
#include "network/user/namespace.h"
#include "network/user/setup.h"
#include "network/user/uplink.h"

int network_publish(struct network *network, struct machine_error *error)
{
        return network->sockets.count == 0
                       ? 0
                       : forward_start(&network->sockets, &network->target, network->inside_fd,
                                       &network->forwarder, error);
}

void network_unpublish(struct network *network)
{
        forward_stop(TAKE_PTR(network->forwarder));
}

bool network_has_uplink(const struct network *network)
{
        return network && network->inside_fd >= 0 && network->mode == MACHINE_NETWORK_BRIDGE &&
               !network->internal;
}

const char *network_forwarder(const struct network *network)
{
        return network_has_uplink(network) ? USER_UPLINK_RESOLVER : NULL;
}

bool network_started_uplink(const struct network *network)
{
        return network->started_uplink;
}

/* What is known of the program, after an attempt to start it. */
static void describe(const struct network *network, const struct user_record *record,
                     struct network_uplink *uplink)
{
        const struct user_program *program =
                user_record_program(record, user_namespace_inode(network->inside_fd));

        uplink->pid = program->process.pid;
        uplink->name = uplink_program();
        uplink->proven = program->failures == 0;
        uplink->pidfd = uplink->wait > 0 ? -ESRCH : process_open(&program->process);
}

int network_open_uplink(const struct network *network, bool soon, struct network_uplink *ret,
                        struct machine_error *error)
{
        _cleanup_inside_record_ struct inside_record locked = INSIDE_RECORD_INIT;
        _cleanup_free_ char *last_words = NULL;
        struct uplink_place place;
        int r;

        if (!network_has_uplink(network)) {
                return -ENOENT;
        }
        r = inside_lock(network->runtime_directory, &locked, error);
        if (r < 0) {
                return r;
        }
        place = (struct uplink_place){ locked.directory_fd, locked.path, network->inside_fd };
        last_words = uplink_last_words(locked.directory_fd);
        r = uplink_start(&locked.record, &place, soon, &ret->wait, error);
        if (r < 0) {
                return r;
        }
        ret->started = r > 0;
        ret->last_words = ret->started || ret->wait > 0 ? TAKE_PTR(last_words) : NULL;
        describe(network, &locked.record, ret);
        return 0;
}

static int look_at_tap(void *data, struct machine_error *error)
{
        return user_network_is_served() ? 1 : 0;
}

bool network_prove_uplink(const struct network *network)
{
        _cleanup_inside_record_ struct inside_record locked = INSIDE_RECORD_INIT;
        struct user_program *program;

        if (user_namespace_call(network->inside_fd, look_at_tap, NULL, NULL) <= 0) {
                return false;
        }
        if (inside_lock(network->runtime_directory, &locked, NULL) == 0) {
                program = user_record_program(&locked.record,
                                              user_namespace_inode(network->inside_fd));
                if (program && program->failures > 0) {
                        program->failures = 0;
                        (void)user_record_save(locked.directory_fd, &locked.record, NULL);
                }
        }
        return true;
}

int network_watch_routes(void)
{
        static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
        _cleanup_close_ int fd =
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK };

        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                return -errno;
        }
        for (size_t i = 0; i < ELEMENTS_OF(groups); i++) {
                if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
                               sizeof(groups[i])) < 0) {
                        return -errno;
                }
        }
        return TAKE_FD(fd);
}

const char *network_program_name(void)
{
        return uplink_program();
}

static int try_uplink(void *data, struct machine_error *error)
{
        return user_network_set_up_uplink(error);
}

int network_try_user(struct machine_error *error)
{
        _cleanup_close_ int fd = user_namespace_make_network(error);

        return fd < 0 ? fd : user_namespace_call(fd, try_uplink, NULL, error);
}

static int try_ports(void *data, struct machine_error *error)
{
        int r = transparent_check(error);

        return r == 0 && !nftables_has_transparent_sockets() ? nftables_explain_transparent(error)
                                                             : r;
}

int network_try_ports(struct machine_error *error)
{
        _cleanup_close_ int fd = user_namespace_make_network(error);

        return fd < 0 ? fd : user_namespace_call(fd, try_ports, NULL, error);
}
