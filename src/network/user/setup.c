/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/user/setup.h"

#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/netlink/interface.h"
#include "network/state/setting.h"

#define LOOPBACK_INDEX    1
#define TRANSPARENT_TABLE 100

/* How often the kernel asks for the gateway, and how many times: five seconds in all. */
#define PROBE_MILLISECONDS "50"
#define PROBE_COUNT        "100"

/* ---- packets for transparent sockets ---- */

static struct nl_msg *new_message(int type, const void *header, size_t size)
{
        struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_CREATE | NLM_F_EXCL);

        if (message && nlmsg_append(message, (void *)header, size, NLMSG_ALIGNTO) < 0) {
                nlmsg_free(message);
                return NULL;
        }
        return message;
}

/* "ip rule add fwmark 1 lookup 100" */
static int add_rule(struct nl_sock *socket, sa_family_t family, struct netlink_reason *reason)
{
        const struct fib_rule_hdr rule = {
                .family = (uint8_t)family,
                .table = TRANSPARENT_TABLE,
                .action = FR_ACT_TO_TBL,
        };
        _cleanup_nl_message_ struct nl_msg *message = new_message(RTM_NEWRULE, &rule, sizeof(rule));

        if (!message || nla_put_u32(message, FRA_FWMARK, USER_TRANSPARENT_MARK) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

/* "ip route add local default dev lo table 100" */
static int add_local_route(struct nl_sock *socket, sa_family_t family,
                           struct netlink_reason *reason)
{
        const struct rtmsg route = {
                .rtm_family = (uint8_t)family,
                .rtm_table = TRANSPARENT_TABLE,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_HOST,
                .rtm_type = RTN_LOCAL,
        };
        _cleanup_nl_message_ struct nl_msg *message =
                new_message(RTM_NEWROUTE, &route, sizeof(route));

        if (!message || nla_put_u32(message, RTA_OIF, LOOPBACK_INDEX) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

static int deliver_marked(struct nl_sock *socket, sa_family_t family, struct machine_error *error)
{
        struct netlink_reason reason = { "" };
        int r = add_rule(socket, family, &reason);

        if (r == 0) {
                r = add_local_route(socket, family, &reason);
        }
        return r == 0 ? 0
                      : netlink_fail(error, r, &reason,
                                     "cannot add the routing rule for published ports");
}

static int forward(sa_family_t family, struct machine_error *error)
{
        int r = setting_write(family, "all", "forwarding", 1);

        return r == 0 ? 0
                      : error_set(error, r,
                                  "cannot enable forwarding in the network of your machines");
}

int user_network_set_up(struct machine_error *error)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        struct netlink_reason reason = { "" };
        int r = netlink_open(NETLINK_ROUTE, &socket);

        if (r < 0) {
                return error_set(error, r, "cannot open a netlink socket");
        }
        r = interface_up(socket, LOOPBACK_INDEX, &reason);
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot bring the loopback up");
        }
        r = forward(AF_INET, error);
        if (r == 0) {
                r = deliver_marked(socket, AF_INET, error);
        }
        if (r == 0 && setting_has_ipv6()) {
                r = forward(AF_INET6, error);
                if (r == 0) {
                        r = deliver_marked(socket, AF_INET6, error);
                }
        }
        return r;
}

/* ---- the way out ---- */

static int explain_tun(int number, struct machine_error *error)
{
        error_set(error, number,
                  "cannot open /dev/net/tun, which the way out of your machines' "
                  "networks needs");
        error_hint(error, number == ENOENT || number == ENODEV
                                  ? "load the kernel module: modprobe tun; or use an internal "
                                    "network or network mode \"host\" or \"none\""
                                  : "let all users open it, as udev does: chmod 0666 /dev/net/tun; "
                                    "or use an internal network or network mode \"host\" or "
                                    "\"none\"");
        return -number;
}

static int make_tap(struct machine_error *error)
{
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        struct ifreq request = { .ifr_name = USER_UPLINK, .ifr_flags = IFF_TAP | IFF_NO_PI };

        if (fd < 0) {
                return explain_tun(errno, error);
        }
        return ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0
                       ? error_set(error, errno, "cannot make the tap interface " USER_UPLINK)
                       : 0;
}

static int write_neighbour(const char *family, const char *key, const char *value)
{
        _cleanup_free_ char *path =
                string_format("/proc/sys/net/%s/neigh/" USER_UPLINK "/%s", family, key);

        return path ? file_write_value(AT_FDCWD, path, value) : -ENOMEM;
}

/* The program answers for its gateway as soon as it runs. */
static int ask_patiently(const char *family, struct machine_error *error)
{
        int r = write_neighbour(family, "retrans_time_ms", PROBE_MILLISECONDS);

        if (r == 0) {
                r = write_neighbour(family, "mcast_solicit", PROBE_COUNT);
        }
        return r == 0 ? 0 : error_set(error, r, "cannot set up the interface " USER_UPLINK);
}

static int set_mtu(struct nl_sock *socket, int index, struct netlink_reason *reason)
{
        const struct ifinfomsg link = { .ifi_index = index };
        _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

        if (!message || nlmsg_append(message, (void *)&link, sizeof(link), NLMSG_ALIGNTO) < 0 ||
            nla_put_u32(message, IFLA_MTU, USER_UPLINK_MTU) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

static int add_default_route(struct nl_sock *socket, int index, const struct network_address *by,
                             struct netlink_reason *reason)
{
        const struct rtmsg route = {
                .rtm_family = (uint8_t)by->family,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };
        _cleanup_nl_message_ struct nl_msg *message =
                new_message(RTM_NEWROUTE, &route, sizeof(route));

        if (!message ||
            nla_put(message, RTA_GATEWAY, (int)address_size(by->family), by->bytes) < 0 ||
            nla_put_u32(message, RTA_OIF, (uint32_t)index) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

/* One family of the way out. */
struct way {
        const char *address, *gateway;
        unsigned int length;
};

static int add_way(struct nl_sock *socket, int index, const struct way *way,
                   struct machine_error *error)
{
        struct netlink_reason reason = { "" };
        struct network_address address, gateway;
        int r = address_parse(way->address, &address);

        if (r == 0) {
                r = address_parse(way->gateway, &gateway);
        }
        if (r == 0) {
                r = interface_add_address(socket, index, &address, way->length, &reason);
        }
        if (r == 0) {
                r = add_default_route(socket, index, &gateway, &reason);
        }
        return r == 0 ? 0
                      : netlink_fail(error, r, &reason, "cannot add the route by %s", way->gateway);
}

static int set_up_tap(struct nl_sock *socket, bool ipv6, struct machine_error *error)
{
        static const struct way way = { USER_UPLINK_ADDRESS, USER_UPLINK_GATEWAY,
                                        USER_UPLINK_LENGTH };
        static const struct way way6 = { USER_UPLINK_ADDRESS6, USER_UPLINK_GATEWAY6,
                                         USER_UPLINK_LENGTH6 };
        struct netlink_reason reason = { "" };
        int index = (int)if_nametoindex(USER_UPLINK);
        int r = set_mtu(socket, index, &reason);

        if (r == 0) {
                r = interface_up(socket, index, &reason);
        }
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot bring " USER_UPLINK " up");
        }
        r = add_way(socket, index, &way, error);
        return r == 0 && ipv6 ? add_way(socket, index, &way6, error) : r;
}

/* Before the interface comes up. */
static int settle_tap(bool ipv6, struct machine_error *error)
{
        int r = ask_patiently("ipv4", error);

        if (r == 0 && ipv6) {
                r = ask_patiently("ipv6", error);
                if (r == 0 && (setting_write(AF_INET6, USER_UPLINK, "accept_dad", 0) < 0 ||
                               setting_write(AF_INET6, USER_UPLINK, "accept_ra", 0) < 0)) {
                        r = error_say(error, EIO, "cannot set up IPv6 of " USER_UPLINK);
                }
        }
        return r;
}

int user_network_set_up_uplink(struct machine_error *error)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        bool ipv6;
        int r;

        if (if_nametoindex(USER_UPLINK) > 0) {
                return 0;
        }
        ipv6 = setting_has_ipv6();
        r = netlink_open(NETLINK_ROUTE, &socket);
        if (r < 0) {
                return error_set(error, r, "cannot open a netlink socket");
        }
        r = make_tap(error);
        if (r == 0) {
                r = settle_tap(ipv6, error);
        }
        return r == 0 ? set_up_tap(socket, ipv6, error) : r;
}

bool user_network_is_served(void)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = { .ifr_name = USER_UPLINK };

        return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 &&
               (request.ifr_flags & IFF_RUNNING);
}
