/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What needs a network namespace, which each test has for itself. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/interface.h"
#include "network/link.h"
#include "network/names.h"
#include "network/port.h"
#include "network/route.h"

/* The host's own network is not touched: what cannot get away from it is skipped. */
static void own_network_or_skip(void)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;

        if (unshare(CLONE_NEWNET) < 0) {
                skip();
        }
        /* A namespace without any address has no table that says which are local, and bind(2) takes
         * them all. */
        assert_int_equal(netlink_open(NETLINK_ROUTE, &socket), 0);
        assert_int_equal(interface_up(socket, 1, NULL), 0);
}

static int bind_port(uint16_t number, bool reuse)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(number) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int on = reuse;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0) {
                close(fd);
                return -errno;
        }
        return fd;
}

static void test_reservation(void **state)
{
        struct machine_port port = { .host_first = 8000, .host_last = 8599, .machine_first = 1 };
        struct port_families both = { .ipv4 = true, .ipv6 = true };
        struct port_reservation reservation = PORT_RESERVATION_INIT, second;
        struct port_conflict conflict = { 0 };
        int next, after, fd;

        (void)state;
        own_network_or_skip();
        next = dup(0);
        close(next);
        assert_int_equal(port_reserve(&port, 1, both, &reservation, &conflict), 0);
        after = dup(0);
        close(after);
        assert_in_range(after, next, next + 2);
        assert_int_equal(bind_port(8000, false), -EADDRINUSE);
        assert_int_equal(bind_port(8599, true), -EADDRINUSE);
        assert_int_equal(port_reserve(&port, 1, both, &second, &conflict), -EADDRINUSE);
        assert_int_equal(conflict.number, 8000);
        port_release(&reservation);
        fd = bind_port(8599, true);
        assert_true(fd >= 0);
        close(fd);
}

static void test_conflict(void **state)
{
        struct machine_port port = { .host_first = 8000, .host_last = 8010, .machine_first = 1 };
        struct port_families four = { .ipv4 = true };
        struct port_reservation reservation = PORT_RESERVATION_INIT;
        struct port_conflict conflict = { 0 };
        char *owner = NULL, number[32];
        int fd;

        (void)state;
        own_network_or_skip();
        fd = bind_port(8005, false);
        assert_int_equal(port_reserve(&port, 1, four, &reservation, &conflict), -EADDRINUSE);
        assert_int_equal(conflict.number, 8005);
        assert_int_equal(reservation.holder, -EBADF);
        assert_int_equal(port_find_process(MACHINE_PROTOCOL_TCP, 8005, &owner), 0);
        (void)snprintf(number, sizeof(number), "(process %d)", getpid());
        assert_non_null(strstr(owner, number));
        free(owner);
        close(fd);
        assert_int_equal(port_find_process(MACHINE_PROTOCOL_TCP, 8005, &owner), -ENOENT);
        port.address = (char *)"203.0.113.1";
        assert_int_equal(port_reserve(&port, 1, four, &reservation, &conflict), -EADDRNOTAVAIL);
}

static void test_port_texts(void **state)
{
        struct machine_port port = { (char *)"fd00::1", 8000, 8010, 80, MACHINE_PROTOCOL_UDP };
        struct machine_port plain = { NULL, 8080, 8080, 80, MACHINE_PROTOCOL_TCP };
        struct machine_error error = MACHINE_ERROR_INIT;
        char *text;

        (void)state;
        text = port_format(&port);
        assert_string_equal(text, "[fd00::1]:8000-8010/udp");
        free(text);
        text = port_format_pair(&port);
        assert_string_equal(text, "[fd00::1]:8000-8010:80-90/udp");
        free(text);
        text = port_format_pair(&plain);
        assert_string_equal(text, "8080:80/tcp");
        free(text);
        assert_int_equal(port_check(&plain, 1, (struct port_families){ true, false }, &error), 0);
        assert_int_equal(port_check(&port, 1, (struct port_families){ true, false }, &error),
                         -EINVAL);
        port.address = (char *)"::1";
        assert_int_equal(port_check(&port, 1, (struct port_families){ true, true }, &error),
                         -EINVAL);
        assert_non_null(strstr(error.hint, "127.0.0.1"));
        machine_error_clear(&error);
}

static void test_links(void **state)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_interface_list_ struct interface_list list = { 0 };
        struct link_settings settings = { .name = "mlb-unit", .mtu = 1300, .mac = { 2, 1 } };
        struct network_address address = { AF_INET, { 10, 66, 0, 1 } };
        struct netlink_reason reason;
        const struct interface *bridge;
        struct route *routes;
        size_t count;

        (void)state;
        own_network_or_skip();
        assert_int_equal(netlink_open(NETLINK_ROUTE, &socket), 0);
        assert_int_equal(link_add_bridge(socket, &settings, &reason), 0);
        assert_int_equal(link_add_bridge(socket, &settings, &reason), -EEXIST);
        assert_int_equal(interface_list_load(socket, &list), 0);
        bridge = interface_by_name(&list, "mlb-unit");
        assert_non_null(bridge);
        assert_string_equal(bridge->kind, "bridge");
        assert_int_equal(bridge->mtu, 1300);
        assert_int_equal(interface_tag(socket, bridge->index, "tag", &reason), 0);
        assert_int_equal(interface_up(socket, bridge->index, &reason), 0);
        assert_int_equal(interface_add_address(socket, bridge->index, &address, 24, &reason), 0);
        assert_int_equal(interface_add_address(socket, bridge->index, &address, 24, &reason), 0);
        assert_int_equal(route_list(socket, &routes, &count), 0);
        assert_true(count >= 1);
        assert_int_equal(routes[0].interface, bridge->index);
        assert_int_equal(routes[0].destination.length, 24);
        free(routes);
        assert_int_equal(interface_delete(socket, bridge->index), 0);
        assert_int_equal(interface_delete(socket, bridge->index), 0);
        assert_int_equal(interface_up(socket, bridge->index, &reason), -ENODEV);
}

/* A machine's bind mount goes to the inode, so that it has to stay. */
static void test_hosts_in_place(void **state)
{
        char directory[] = "/tmp/mlite-unit-XXXXXX", path[64];
        struct network_state *network = network_state_new("lab");
        struct network_room room = { .path = directory };
        struct network_lease *lease;
        struct stat before, after;
        char *text = NULL;

        (void)state;
        assert_non_null(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/hosts", directory);
        assert_int_equal(mkdir(path, 0755), 0);
        lease = network_state_add(network, "web");
        assert_int_equal(strv_append(&lease->hosts, "a-long-name-that-goes:10.0.0.1"), 0);
        assert_int_equal(names_update(&room, network, lease, NULL), 0);
        (void)snprintf(path, sizeof(path), "%s/hosts/web", directory);
        assert_int_equal(stat(path, &before), 0);
        strv_free(TAKE_PTR(lease->hosts));
        assert_int_equal(names_update(&room, network, lease, NULL), 0);
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_true(after.st_size < before.st_size);
        assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, NULL), 0);
        assert_true(string_ends_with(text, "web\n"));
        free(text);
        network_state_free(network);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/hosts", directory);
        (void)rmdir(path);
        (void)rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reservation),    cmocka_unit_test(test_conflict),
                cmocka_unit_test(test_port_texts),     cmocka_unit_test(test_links),
                cmocka_unit_test(test_hosts_in_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
