/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each test runs in a network namespace of its own. */

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
#include "network/host/hosts_file.h"
#include "network/host/names.h"
#include "network/netlink/interface.h"
#include "network/netlink/link.h"
#include "network/netlink/route.h"
#include "network/state/port.h"

/* The host's own network is not touched: tests are skipped if they cannot leave it. */
static void own_network_or_skip(void)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;

        if (unshare(CLONE_NEWNET) < 0) {
                skip();
        }
        /* A namespace without addresses has no table of local ones, and bind(2) accepts all. */
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
        assert_int_equal(interface_list_load(socket, INTERFACE_ALL, &list), 0);
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
        assert_int_equal(interface_delete_condemned(socket), 0);
        assert_int_equal(interface_condemn(socket, bridge->index), 0);
        assert_int_equal(interface_delete_condemned(socket), 0);
        assert_int_equal(interface_delete(socket, bridge->index), 0);
        assert_int_equal(interface_up(socket, bridge->index, &reason), -ENODEV);
}

/* A network with machines, in a directory of its own. */
struct network {
        char directory[32];
        struct network_session session;
        struct network_state *state;
        int machines;
};

static struct network make_network(void)
{
        struct network network = { .directory = "/tmp/mlite-unit-XXXXXX",
                                   .session = NETWORK_SESSION_INIT };
        bool fresh = false;

        assert_non_null(mkdtemp(network.directory));
        network.session.path = strdup(network.directory);
        network.session.directory_fd = open(network.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(leases_open(network.session.directory_fd, network.directory,
                                     &network.session.leases, &fresh, NULL),
                         0);
        assert_true(fresh);
        network.state = leases_network(&network.session.leases, "lab");
        strcpy(network.state->bridge, "mlb-lab");
        assert_int_equal(address_parse("10.66.0.1", &network.state->gateway), 0);
        return network;
}

static void destroy_network(struct network *network)
{
        char command[64];

        (void)snprintf(command, sizeof command, "rm -r %s", network->directory);
        network_session_close(&network->session);
        assert_int_equal(system(command), 0);
}

static struct network_lease *enter(struct network *network, const char *name, const char *hostname,
                                   char **entries)
{
        struct lease_details details = { 0 };
        struct network_lease *lease =
                leases_add_lease(&network->session.leases, network->state, name);
        char address[ADDRESS_TEXT_SIZE];

        assert_non_null(lease);
        (void)snprintf(address, sizeof address, "10.66.0.%d", 2 + network->machines++);
        assert_int_equal(address_parse(address, &lease->address), 0);
        assert_int_equal(record_set_text(lease->hostname, sizeof lease->hostname, hostname), 0);
        assert_int_equal(process_identify(0, &lease->owner), 0);
        details.hosts = entries;
        assert_int_equal(details_save(network->session.directory_fd, &network->session.leases,
                                      lease, &details),
                         0);
        assert_int_equal(names_enter(&network->session, lease, entries, false, NULL), 0);
        return lease;
}

static char *read_hosts(struct network *network, const struct network_lease *lease,
                        ino_t *ret_inode)
{
        _cleanup_free_ char *path = names_path(&network->session, lease);
        struct stat status;
        char *text = NULL;

        assert_int_equal(stat(path, &status), 0);
        *ret_inode = status.st_ino;
        assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
        return text;
}

/* Where a name is found first. */
static void assert_resolves(struct network *network, const struct network_lease *reader,
                            const char *name, const char *address)
{
        ino_t inode;
        _cleanup_free_ char *text = read_hosts(network, reader, &inode);
        char *rest = NULL;

        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                if (hosts_file_has(line, name)) {
                        line[strcspn(line, " ")] = '\0';
                        assert_string_equal(line, address);
                        return;
                }
        }
        assert_string_equal("not found", address);
}

/* Bind mounts refer to inodes, so these must not change. */
static void test_hosts_are_shared(void **state)
{
        struct network network = make_network();
        struct network_lease *web = enter(&network, "web", "www", NULL);
        struct network_lease *db = enter(&network, "db", "db", NULL);
        ino_t one, other, later;

        (void)state;
        free(read_hosts(&network, web, &one));
        free(read_hosts(&network, db, &other));
        assert_int_equal(one, other);
        assert_int_equal(names_list(&network.session, web, NULL), 0);
        assert_int_equal(names_list(&network.session, db, NULL), 0);
        assert_resolves(&network, web, "db", "10.66.0.3");
        assert_resolves(&network, web, "host.internal", "10.66.0.1");
        assert_resolves(&network, db, "www", "10.66.0.2");
        names_leave(&network.session, db);
        leases_remove(&network.session.leases, db);
        assert_resolves(&network, web, "db", "not found");
        assert_resolves(&network, web, "web", "10.66.0.2");
        free(read_hosts(&network, web, &later));
        assert_int_equal(one, later);
        names_leave(&network.session, web);
        assert_int_equal(access("hosts/@lab", F_OK), -1);
        destroy_network(&network);
}

/* A machine finds itself first, and its entries before peers. */
static void test_hosts_of_ambiguous_names(void **state)
{
        char *entries[] = { (char *)"db:192.0.2.1", NULL };
        struct network network = make_network();
        struct network_lease *one = enter(&network, "one", "same", NULL);
        struct network_lease *two = enter(&network, "two", "SAME", NULL);
        struct network_lease *app = enter(&network, "app", "app", entries);
        struct network_lease *db = enter(&network, "db", "db", entries);

        (void)state;
        assert_int_equal(one->names, LEASE_NAMES_SHARED);
        assert_int_equal(two->names, LEASE_NAMES_OWN);
        assert_int_equal(app->names, LEASE_NAMES_SHARED);
        assert_int_equal(db->names, LEASE_NAMES_OWN);
        /* The one that shares a file is attached later. */
        assert_int_equal(names_list(&network.session, two, NULL), 0);
        assert_int_equal(names_list(&network.session, one, NULL), 0);
        assert_int_equal(names_list(&network.session, db, NULL), 0);
        for (int round = 0; round < 2; round++) {
                assert_resolves(&network, one, "same", "10.66.0.2");
                assert_resolves(&network, two, "same", "10.66.0.3");
                assert_resolves(&network, one, "two", "10.66.0.3");
                assert_resolves(&network, app, "db", "192.0.2.1");
                assert_resolves(&network, db, "db", "10.66.0.5");
                assert_resolves(&network, one, "db", "10.66.0.5");
                /* Also when they are written anew. */
                assert_int_equal(names_rebuild(&network.session, NULL), 0);
        }
        destroy_network(&network);
}

static void test_hosts_after_a_crash(void **state)
{
        struct network network = make_network();
        struct network_lease *web = enter(&network, "web", "web", NULL);
        struct network_lease *db = enter(&network, "db", "db", NULL);
        _cleanup_free_ char *path = names_path(&network.session, web);
        ino_t before, after;

        (void)state;
        assert_int_equal(names_list(&network.session, web, NULL), 0);
        free(read_hosts(&network, web, &before));
        /* Half of a line was written, and the list of another file as well. */
        assert_int_equal(hosts_file_add(AT_FDCWD, path, "10.66.0.3 d", false), 0);
        assert_true(leases_names_are_busy(&network.session.leases));
        assert_int_equal(names_rebuild(&network.session, NULL), 0);
        assert_false(leases_names_are_busy(&network.session.leases));
        assert_resolves(&network, db, "d", "not found");
        assert_resolves(&network, db, "web", "10.66.0.2");
        free(read_hosts(&network, web, &after));
        assert_int_equal(before, after);
        destroy_network(&network);
}

/* A thousand restarts do not make the file longer. */
static void test_blank_lines_go(void **state)
{
        struct network network = make_network();
        struct network_lease *web = enter(&network, "web", "web", NULL);
        struct network_lease *db = enter(&network, "db", "db", NULL);
        char *text;
        ino_t inode;

        (void)state;
        assert_int_equal(names_list(&network.session, web, NULL), 0);
        for (int i = 0; i < 1000; i++) {
                assert_int_equal(names_list(&network.session, db, NULL), 0);
                names_unlist(&network.session, db);
        }
        text = read_hosts(&network, web, &inode);
        assert_true(strlen(text) < 8192);
        assert_null(strstr(text, "\n\n"));
        free(text);
        assert_resolves(&network, db, "web", "10.66.0.2");
        destroy_network(&network);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reservation),
                cmocka_unit_test(test_conflict),
                cmocka_unit_test(test_port_texts),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_hosts_are_shared),
                cmocka_unit_test(test_hosts_of_ambiguous_names),
                cmocka_unit_test(test_hosts_after_a_crash),
                cmocka_unit_test(test_blank_lines_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
