/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/namespace.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <sched.h>

#include "base/rights/caller.h"
#include "network/netlink/interface.h"
#include "network/netlink/link.h"
#include "network/state/setting.h"
#include "network/user/namespace.h"

#define LOOPBACK_INDEX 1 /* the first interface of every network namespace */

int namespace_open_own(void)
{
        int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int add_route(struct nl_sock *socket, int index, const struct network_address *gateway,
                     struct machine_error *error)
{
        _cleanup_nl_message_ struct nl_msg *message =
                nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
        struct netlink_reason reason;
        struct rtmsg route = {
                .rtm_family = (uint8_t)gateway->family,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };
        char text[ADDRESS_TEXT_SIZE];
        int r;

        if (!message || nlmsg_append(message, &route, sizeof(route), NLMSG_ALIGNTO) < 0 ||
            nla_put(message, RTA_GATEWAY, (int)address_size(gateway->family), gateway->bytes) < 0 ||
            nla_put_u32(message, RTA_OIF, (uint32_t)index) < 0) {
                return error_oom(error);
        }
        r = netlink_request(socket, message, &reason);
        if (r < 0 && r != -EEXIST) {
                return netlink_fail(error, r, &reason,
                                    "cannot add the machine's default route by %s",
                                    address_format(gateway, text));
        }
        return 0;
}

static int add_address(struct nl_sock *socket, int index, const struct network_address *address,
                       unsigned int length, struct machine_error *error)
{
        struct netlink_reason reason;
        char text[ADDRESS_TEXT_SIZE];
        int r;

        if (!address_is_set(address)) {
                return 0;
        }
        r = interface_add_address(socket, index, address, length, &reason);
        if (r < 0) {
                return netlink_fail(error, r, &reason,
                                    "cannot give the machine's link the address %s/%u",
                                    address_format(address, text), length);
        }
        return 0;
}

/* Settings that must be in effect before the link comes up; otherwise its link-local address goes
 * through duplicate address detection, and router advertisements add routes. A namespace without
 * IPv6 lacks them. */
static int set_ipv6(const struct namespace_settings *settings, struct machine_error *error)
{
        char name[IF_NAMESIZE];
        int r = setting_write(AF_INET6, link_name_inside(settings->index, name), "accept_dad", 0);

        if (r == 0 && !settings->automatic) {
                r = setting_write(AF_INET6, name, "accept_ra", 0);
        }
        if (r < 0 && r != -ENOENT) {
                return error_set(error, r, "cannot set up IPv6 of the machine's %s", name);
        }
        return 0;
}

static int configure_interface(struct nl_sock *socket, const struct namespace_settings *settings,
                               struct machine_error *error)
{
        struct netlink_reason reason;
        char name[IF_NAMESIZE];
        int index, r = 0;

        (void)link_name_inside(settings->index, name);
        index = (int)if_nametoindex(settings->made_as ? settings->made_as : name);
        if (index == 0) {
                return error_set(error, errno, "cannot find the machine's %s", name);
        }
        if (settings->made_as) {
                r = interface_rename(socket, index, name, &reason);
        }
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot name the machine's %s", name);
        }
        r = set_ipv6(settings, error);
        if (r < 0) {
                return r;
        }
        r = interface_up(socket, index, &reason);
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot bring the machine's %s up", name);
        }
        r = add_address(socket, index, &settings->address, settings->length, error);
        if (r == 0) {
                r = add_address(socket, index, &settings->address6, settings->length6, error);
        }
        if (r == 0 && address_is_set(&settings->gateway)) {
                r = add_route(socket, index, &settings->gateway, error);
        }
        if (r == 0 && address_is_set(&settings->gateway6)) {
                r = add_route(socket, index, &settings->gateway6, error);
        }
        return r;
}

/* Runs in the machine's namespace. */
static int configure_here(const struct namespace_settings *settings, struct machine_error *error)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        struct netlink_reason reason;
        int r = netlink_open(NETLINK_ROUTE, &socket);

        if (r < 0) {
                return error_set(error, r, "cannot open a netlink socket in the machine's network");
        }
        r = interface_up(socket, LOOPBACK_INDEX, &reason);
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot bring the machine's loopback up");
        }
        return settings->interface ? configure_interface(socket, settings, error) : 0;
}

/* A user could not return to the host's network namespace. */
struct visit {
        int namespace_fd;
        int (*act)(const struct namespace_settings *settings, struct machine_error *error);
        const struct namespace_settings *settings;
};

static int visit_for_good(void *data, struct machine_error *error)
{
        const struct visit *visit = data;

        return setns(visit->namespace_fd, CLONE_NEWNET) < 0
                       ? error_set(error, errno, "cannot enter the machine's network namespace")
                       : visit->act(visit->settings, error);
}

/* Runs a function while the thread is in the machine's namespace. */
static int visit(int namespace_fd,
                 int (*act)(const struct namespace_settings *settings, struct machine_error *error),
                 const struct namespace_settings *settings, struct machine_error *error)
{
        struct visit visit = { namespace_fd, act, settings };
        _cleanup_close_ int own = -EBADF;
        int r;

        if (caller_is_inside()) {
                return user_namespace_call(-EBADF, visit_for_good, &visit, error);
        }
        own = namespace_open_own();
        if (own < 0) {
                return error_set(error, own, "cannot open the host's network namespace");
        }
        if (setns(namespace_fd, CLONE_NEWNET) < 0) {
                return error_set(error, errno, "cannot enter the machine's network namespace");
        }
        r = act(settings, error);
        if (setns(own, CLONE_NEWNET) < 0) {
                return error_set(error, errno,
                                 "cannot return from the machine's network namespace");
        }
        return r;
}

int namespace_configure(int namespace_fd, const struct namespace_settings *settings,
                        struct machine_error *error)
{
        return visit(namespace_fd, configure_here, settings, error);
}

static int clear_here(const struct namespace_settings *settings, struct machine_error *error)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        char name[IF_NAMESIZE];
        int index = (int)if_nametoindex(link_name_inside(settings->index, name));
        int r = index == 0 ? 0 : netlink_open(NETLINK_ROUTE, &socket);

        if (r == 0 && index != 0) {
                r = interface_delete(socket, index);
        }
        return r < 0 ? error_set(error, r,
                                 "cannot remove the %s of the network shared by other machines",
                                 name)
                     : 0;
}

int namespace_clear(int namespace_fd, unsigned int index, struct machine_error *error)
{
        const struct namespace_settings settings = { .index = index };

        return visit(namespace_fd, clear_here, &settings, error);
}
