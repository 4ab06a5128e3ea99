/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the kernel itself takes for the network of a machine beside others: makes network namespaces
 * with a veth into one bridge each, with an address and a default route, and at last removes all.
 *
 * usage: scale_floor COUNT
 *
 * Prints a line "NUMBER MILLISECONDS" for each namespace, and "all MILLISECONDS" for the removal.
 * Runs in a network namespace of its own.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct request {
        struct nlmsghdr header;
        char data[1024];
};

static double now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void begin(struct request *request, int type, int flags, const void *header, size_t size)
{
        memset(request, 0, sizeof *request);
        request->header.nlmsg_type = (unsigned short)type;
        request->header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
        request->header.nlmsg_len = (unsigned int)NLMSG_LENGTH(size);
        memcpy(NLMSG_DATA(&request->header), header, size);
}

static struct rtattr *put(struct request *request, int type, const void *data, size_t size)
{
        struct rtattr *attribute =
                (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

        attribute->rta_type = (unsigned short)type;
        attribute->rta_len = (unsigned short)RTA_LENGTH(size);
        if (size > 0) {
                memcpy(RTA_DATA(attribute), data, size);
        }
        request->header.nlmsg_len =
                (unsigned int)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_LENGTH(size));
        return attribute;
}

static void end(struct request *request, struct rtattr *nest)
{
        nest->rta_len =
                (unsigned short)((char *)request + request->header.nlmsg_len - (char *)nest);
}

static void send_request(int socket, struct request *request, const char *what)
{
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[1024];
        } answer;

        if (send(socket, request, request->header.nlmsg_len, 0) < 0 ||
            recv(socket, &answer, sizeof answer, 0) < 0) {
                err(1, "%s", what);
        }
        if (answer.error.error != 0 && answer.error.error != -EEXIST) {
                errno = -answer.error.error;
                err(1, "%s", what);
        }
}

static int open_socket(void)
{
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        return fd < 0 ? (err(1, "netlink"), -1) : fd;
}

static void set_up(int socket, int index)
{
        const struct ifinfomsg link = { .ifi_index = index,
                                        .ifi_flags = IFF_UP,
                                        .ifi_change = IFF_UP };
        struct request request;

        begin(&request, RTM_NEWLINK, 0, &link, sizeof link);
        send_request(socket, &request, "cannot bring a link up");
}

static void add_address(int socket, int index, uint32_t address)
{
        const struct ifaddrmsg header = { .ifa_family = AF_INET,
                                          .ifa_prefixlen = 16,
                                          .ifa_index = (unsigned int)index };
        struct request request;

        address = htonl(address);
        begin(&request, RTM_NEWADDR, NLM_F_CREATE, &header, sizeof header);
        put(&request, IFA_LOCAL, &address, sizeof address);
        put(&request, IFA_ADDRESS, &address, sizeof address);
        send_request(socket, &request, "cannot add an address");
}

static void add_route(int socket, uint32_t gateway)
{
        const struct rtmsg header = { .rtm_family = AF_INET,
                                      .rtm_table = RT_TABLE_MAIN,
                                      .rtm_protocol = RTPROT_STATIC,
                                      .rtm_type = RTN_UNICAST };
        struct request request;

        gateway = htonl(gateway);
        begin(&request, RTM_NEWROUTE, NLM_F_CREATE, &header, sizeof header);
        put(&request, RTA_GATEWAY, &gateway, sizeof gateway);
        send_request(socket, &request, "cannot add a route");
}

static int make_bridge(int socket)
{
        const struct ifinfomsg link = { 0 };
        struct request request;
        struct rtattr *nest;

        begin(&request, RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link);
        put(&request, IFLA_IFNAME, "br", 3);
        nest = put(&request, IFLA_LINKINFO, NULL, 0);
        put(&request, IFLA_INFO_KIND, "bridge", 6);
        end(&request, nest);
        send_request(socket, &request, "cannot make a bridge");
        set_up(socket, (int)if_nametoindex("br"));
        add_address(socket, (int)if_nametoindex("br"), 0x0a580001);
        return (int)if_nametoindex("br");
}

static void make_veth(int socket, int bridge, int number, int namespace)
{
        const struct ifinfomsg up = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, down = { 0 };
        struct rtattr *information, *data, *peer;
        struct request request;
        char name[IF_NAMESIZE];

        snprintf(name, sizeof name, "v%d", number);
        begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
        put(&request, IFLA_IFNAME, name, strlen(name) + 1);
        put(&request, IFLA_MASTER, &bridge, sizeof bridge);
        information = put(&request, IFLA_LINKINFO, NULL, 0);
        put(&request, IFLA_INFO_KIND, "veth", 4);
        data = put(&request, IFLA_INFO_DATA, NULL, 0);
        peer = put(&request, VETH_INFO_PEER, &down, sizeof down);
        put(&request, IFLA_IFNAME, "eth0", 5);
        put(&request, IFLA_NET_NS_FD, &namespace, sizeof namespace);
        end(&request, peer);
        end(&request, data);
        end(&request, information);
        send_request(socket, &request, "cannot make a veth");
}

static int make_namespace(int socket, int bridge, int number, int own)
{
        int namespace, inside;

        if (unshare(CLONE_NEWNET) < 0 ||
            (namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0) {
                err(1, "cannot make a network namespace");
        }
        inside = open_socket();
        make_veth(socket, bridge, number, namespace);
        set_up(inside, 1);
        set_up(inside, (int)if_nametoindex("eth0"));
        add_address(inside, (int)if_nametoindex("eth0"), 0x0a580002 + (uint32_t)number);
        add_route(inside, 0x0a580001);
        close(inside);
        if (setns(own, CLONE_NEWNET) < 0) {
                err(1, "cannot return");
        }
        return namespace;
}

static void remove_all(const int *namespaces, int count)
{
        for (int i = 0; i < count; i++) {
                close(namespaces[i]);
        }
        /* The kernel removes the links with their namespaces, in the background. */
        for (int i = 0; i < count; i++) {
                char name[IF_NAMESIZE];

                snprintf(name, sizeof name, "v%d", i);
                while (if_nametoindex(name) > 0) {
                        usleep(1000);
                }
        }
}

int main(int argc, char **argv)
{
        int count = argc == 2 ? atoi(argv[1]) : 0;
        int *namespaces = calloc((size_t)count + 1, sizeof *namespaces);
        int own, socket, bridge;
        double before;

        if (count <= 0 || !namespaces || unshare(CLONE_NEWNET) < 0 ||
            (own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0) {
                err(1, "usage: scale_floor COUNT, as root");
        }
        socket = open_socket();
        set_up(socket, 1);
        bridge = make_bridge(socket);
        for (int i = 0; i < count; i++) {
                before = now();
                namespaces[i] = make_namespace(socket, bridge, i, own);
                printf("%d %.3f\n", i + 1, now() - before);
        }
        before = now();
        remove_all(namespaces, count);
        printf("all %.3f\n", now() - before);
        return 0;
}
