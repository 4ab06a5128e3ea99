/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The functions of libnl-3 and libnl-route-3 that this room calls, under their own names, so that
 * the libraries are loaded when the first socket is opened and not by machines without a network of
 * their own. The compiler holds each line against the prototype in the library's header. */

#include "network/libnl.h"

#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/library.h"
#include "base/strings.h"

/* It brings libnl-3 along, and dlsym(3) finds the functions of both. */
#define LIBRARY "libnl-route-3.so.200"

/* X(type of result, name, parameters, arguments) */
/* clang-format off */
#define FUNCTIONS(X) \
        X(struct nl_addr *, nl_addr_build, (int a, const void *b, size_t c), (a, b, c)) \
        X(void, nl_addr_put, (struct nl_addr *a), (a)) \
        X(struct nl_cb *, nl_cb_alloc, (enum nl_cb_kind a), (a)) \
        X(int, nl_cb_err, \
          (struct nl_cb *a, enum nl_cb_kind b, nl_recvmsg_err_cb_t c, void *d), (a, b, c, d)) \
        X(void, nl_cb_put, (struct nl_cb *a), (a)) \
        X(int, nl_cb_set, \
          (struct nl_cb *a, enum nl_cb_type b, enum nl_cb_kind c, nl_recvmsg_msg_cb_t d, void *e), \
          (a, b, c, d, e)) \
        X(int, nl_connect, (struct nl_sock *a, int b), (a, b)) \
        X(int, nl_recvmsgs, (struct nl_sock *a, struct nl_cb *b), (a, b)) \
        X(int, nl_send_auto, (struct nl_sock *a, struct nl_msg *b), (a, b)) \
        X(int, nl_sendto, (struct nl_sock *a, void *b, size_t c), (a, b, c)) \
        X(struct nl_sock *, nl_socket_alloc, (void), ()) \
        X(void, nl_socket_free, (struct nl_sock *a), (a)) \
        X(int, nl_socket_get_fd, (const struct nl_sock *a), (a)) \
        X(uint32_t, nl_socket_get_local_port, (const struct nl_sock *a), (a)) \
        X(int, nl_socket_set_buffer_size, (struct nl_sock *a, int b, int c), (a, b, c)) \
        X(unsigned int, nl_socket_use_seq, (struct nl_sock *a), (a)) \
        X(void *, nla_data, (const struct nlattr *a), (a)) \
        X(struct nlattr *, nla_find, (const struct nlattr *a, int b, int c), (a, b, c)) \
        X(char *, nla_get_string, (const struct nlattr *a), (a)) \
        X(uint16_t, nla_get_u16, (const struct nlattr *a), (a)) \
        X(uint32_t, nla_get_u32, (const struct nlattr *a), (a)) \
        X(int, nla_len, (const struct nlattr *a), (a)) \
        X(int, nla_memcpy, (void *a, const struct nlattr *b, int c), (a, b, c)) \
        X(int, nla_nest_end, (struct nl_msg *a, struct nlattr *b), (a, b)) \
        X(struct nlattr *, nla_nest_start, (struct nl_msg *a, int b), (a, b)) \
        X(int, nla_parse_nested, \
          (struct nlattr **a, int b, struct nlattr *c, const struct nla_policy *d), (a, b, c, d)) \
        X(int, nla_put, (struct nl_msg *a, int b, int c, const void *d), (a, b, c, d)) \
        X(int, nla_put_string, (struct nl_msg *a, int b, const char *c), (a, b, c)) \
        X(int, nla_put_u32, (struct nl_msg *a, int b, uint32_t c), (a, b, c)) \
        X(int, nla_put_u8, (struct nl_msg *a, int b, uint8_t c), (a, b, c)) \
        X(char *, nla_strdup, (const struct nlattr *a), (a)) \
        X(size_t, nla_strlcpy, (char *a, const struct nlattr *b, size_t c), (a, b, c)) \
        X(struct nl_msg *, nlmsg_alloc_simple, (int a, int b), (a, b)) \
        X(struct nl_msg *, nlmsg_alloc_size, (size_t a), (a)) \
        X(int, nlmsg_append, (struct nl_msg *a, void *b, size_t c, int d), (a, b, c, d)) \
        X(void *, nlmsg_data, (const struct nlmsghdr *a), (a)) \
        X(int, nlmsg_datalen, (const struct nlmsghdr *a), (a)) \
        X(void, nlmsg_free, (struct nl_msg *a), (a)) \
        X(struct nlmsghdr *, nlmsg_hdr, (struct nl_msg *a), (a)) \
        X(struct nlmsghdr *, nlmsg_next, (struct nlmsghdr *a, int *b), (a, b)) \
        X(int, nlmsg_ok, (const struct nlmsghdr *a, int b), (a, b)) \
        X(int, nlmsg_parse, \
          (struct nlmsghdr *a, int b, struct nlattr **c, int d, const struct nla_policy *e), \
          (a, b, c, d, e)) \
        X(struct nlmsghdr *, nlmsg_put, \
          (struct nl_msg *a, uint32_t b, uint32_t c, int d, int e, int f), (a, b, c, d, e, f)) \
        X(struct rtnl_link *, rtnl_link_bridge_alloc, (void), ()) \
        X(int, rtnl_link_build_add_request, \
          (struct rtnl_link *a, int b, struct nl_msg **c), (a, b, c)) \
        X(struct rtnl_link *, rtnl_link_ipvlan_alloc, (void), ()) \
        X(int, rtnl_link_ipvlan_set_mode, (struct rtnl_link *a, uint16_t b), (a, b)) \
        X(int, rtnl_link_ipvlan_str2mode, (const char *a), (a)) \
        X(struct rtnl_link *, rtnl_link_macvlan_alloc, (void), ()) \
        X(int, rtnl_link_macvlan_set_mode, (struct rtnl_link *a, uint32_t b), (a, b)) \
        X(int, rtnl_link_macvlan_str2mode, (const char *a), (a)) \
        X(void, rtnl_link_put, (struct rtnl_link *a), (a)) \
        X(void, rtnl_link_set_addr, (struct rtnl_link *a, struct nl_addr *b), (a, b)) \
        X(void, rtnl_link_set_flags, (struct rtnl_link *a, unsigned int b), (a, b)) \
        X(void, rtnl_link_set_group, (struct rtnl_link *a, uint32_t b), (a, b)) \
        X(void, rtnl_link_set_link, (struct rtnl_link *a, int b), (a, b)) \
        X(void, rtnl_link_set_master, (struct rtnl_link *a, int b), (a, b)) \
        X(void, rtnl_link_set_mtu, (struct rtnl_link *a, unsigned int b), (a, b)) \
        X(void, rtnl_link_set_name, (struct rtnl_link *a, const char *b), (a, b)) \
        X(void, rtnl_link_set_ns_fd, (struct rtnl_link *a, int b), (a, b)) \
        X(struct rtnl_link *, rtnl_link_veth_alloc, (void), ()) \
        X(struct rtnl_link *, rtnl_link_veth_get_peer, (struct rtnl_link *a), (a))
/* clang-format on */

struct libnl {
#define MEMBER(type, name, parameters, arguments) __typeof__(name) *name;
        FUNCTIONS(MEMBER)
#undef MEMBER
};

#define ENTRY(type, name, parameters, arguments) { #name, offsetof(struct libnl, name) },
static const struct library_function functions[] = { FUNCTIONS(ENTRY) };
#undef ENTRY

/* Where the libraries were loaded to: of the process, as they are, and written once. */
static struct libnl libnl;

int libnl_load(void)
{
        static bool loaded;
        int r = 0;

        if (!loaded) {
                r = library_load(LIBRARY, functions, ELEMENTS_OF(functions), &libnl, NULL);
                loaded = r == 0;
        }
        return r;
}

/* netlink_open() loads before anything is made with the library, and says what is missing. A caller
 * that made a message without a socket is a fault of the program. */
#define FORWARD(type, name, parameters, arguments)     \
        type name parameters                           \
        {                                              \
                if (!libnl.name && libnl_load() < 0) { \
                        abort();                       \
                }                                      \
                return libnl.name arguments;           \
        }
FUNCTIONS(FORWARD)
#undef FORWARD
