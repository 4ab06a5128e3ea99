/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A veth pair between two network namespaces, by rtnetlink(7), and a connection over it. It makes
 * both namespaces itself, so the host's interfaces stay as they are. Run it as root. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct request {
        struct nlmsghdr header;
        union {
                struct ifinfomsg link;
                struct ifaddrmsg address;
        };
        char room[512];
};

static struct rtattr *append(struct request *request, int type, const void *data, size_t length)
{
        struct rtattr *attribute =
                (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

        attribute->rta_type = (unsigned short)type;
        attribute->rta_len = (unsigned short)RTA_LENGTH(length);
        if (length > 0) {
                memcpy(RTA_DATA(attribute), data, length);
        }
        request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) +
                                    (unsigned int)RTA_ALIGN(attribute->rta_len);
        return attribute;
}

/* Ends an attribute that contains those appended since. */
static void end(const struct request *request, struct rtattr *attribute)
{
        attribute->rta_len = (unsigned short)((const char *)request + request->header.nlmsg_len -
                                              (const char *)attribute);
}

static void ask(struct request *request, const char *what)
{
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
        } answer = { 0 };

        request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
        if (fd < 0 || send(fd, request, request->header.nlmsg_len, 0) < 0 ||
            recv(fd, &answer, sizeof answer, 0) < 0 || answer.error.error != 0) {
                fprintf(stderr, "%s: %s\n", what, strerror(-answer.error.error));
                exit(1);
        }
        close(fd);
}

/* "machinectl-lite" does the same; the other end is put into the namespace of a process. */
static void add_cable(const char *name, const char *other, int pid)
{
        struct request request = {
                .header = { .nlmsg_len = NLMSG_LENGTH(sizeof request.link),
                            .nlmsg_type = RTM_NEWLINK,
                            .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL },
        };
        const struct ifinfomsg peer = { 0 };
        struct rtattr *info, *data, *inner;

        append(&request, IFLA_IFNAME, name, strlen(name) + 1);
        info = append(&request, IFLA_LINKINFO, NULL, 0);
        append(&request, IFLA_INFO_KIND, "veth", strlen("veth") + 1);
        data = append(&request, IFLA_INFO_DATA, NULL, 0);
        inner = append(&request, VETH_INFO_PEER, &peer, sizeof peer);
        append(&request, IFLA_IFNAME, other, strlen(other) + 1);
        append(&request, IFLA_NET_NS_PID, &pid, sizeof pid);
        end(&request, inner);
        end(&request, data);
        end(&request, info);
        ask(&request, "add the link");
}

static void set_up(const char *name, const char *address)
{
        struct request link = {
                .header = { .nlmsg_len = NLMSG_LENGTH(sizeof link.link),
                            .nlmsg_type = RTM_NEWLINK },
                .link = { .ifi_index = (int)if_nametoindex(name),
                          .ifi_flags = IFF_UP,
                          .ifi_change = IFF_UP },
        };
        struct request add = {
                .header = { .nlmsg_len = NLMSG_LENGTH(sizeof add.address),
                            .nlmsg_type = RTM_NEWADDR,
                            .nlmsg_flags = NLM_F_CREATE },
                .address = { .ifa_family = AF_INET,
                             .ifa_prefixlen = 24,
                             .ifa_index = if_nametoindex(name) },
        };
        struct in_addr number;

        inet_pton(AF_INET, address, &number);
        append(&add, IFA_LOCAL, &number, sizeof number);
        ask(&add, "add the address");
        ask(&link, "set the link up");
}

static struct sockaddr_in at(const char *address)
{
        struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(80) };

        inet_pton(AF_INET, address, &place.sin_addr);
        return place;
}

/* The machine: waits for its cable, and greets who calls. */
static int child(int socket_to_parent)
{
        const struct sockaddr_in here = at("10.9.8.2");
        char byte;
        int fd;

        if (unshare(CLONE_NEWNET) < 0 || write(socket_to_parent, "", 1) != 1 ||
            read(socket_to_parent, &byte, 1) != 1) {
                return 1;
        }
        set_up("eth0", "10.9.8.2");
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(fd, (const struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 1) < 0 ||
            write(socket_to_parent, "", 1) != 1) {
                perror("listen");
                return 1;
        }
        return write(accept(fd, NULL, NULL), "hello from the machine\n", 23) != 23;
}

int main(void)
{
        const struct sockaddr_in there = at("10.9.8.2");
        char text[64] = "", byte;
        int ends[2], fd;
        pid_t pid;

        if (unshare(CLONE_NEWNET) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
                perror("unshare");
                return 1;
        }
        pid = fork();
        if (pid == 0) {
                close(ends[0]);
                _exit(child(ends[1]));
        }
        close(ends[1]);
        if (read(ends[0], &byte, 1) != 1) {
                return 1;
        }
        add_cable("machine", "eth0", pid);
        set_up("machine", "10.9.8.1");
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (write(ends[0], "", 1) != 1 || read(ends[0], &byte, 1) != 1 ||
            connect(fd, (const struct sockaddr *)&there, sizeof there) < 0 ||
            read(fd, text, sizeof text - 1) < 0) {
                perror("connect");
                return 1;
        }
        printf("%s", text);
        return waitpid(pid, NULL, 0) < 0;
}
