/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"
#include "network/firewall/guard.h"
#include "network/host/names.h"
#include "network/state/claim.h"
#include "network/state/details.h"
#include "network/state/lease.h"

struct fixture {
        struct network_table table;
        struct network_state *state;
        struct process_identity owner;
        struct machine_error error;
};

static struct fixture make(const char *subnet)
{
        struct fixture fixture = { .table = NETWORK_TABLE_INIT, .error = MACHINE_ERROR_INIT };

        assert_int_equal(leases_new(&fixture.table), 0);
        fixture.state = leases_network(&fixture.table, "lab");
        assert_non_null(fixture.state);
        assert_int_equal(prefix_parse(subnet, &fixture.state->subnet), 0);
        prefix_at(&fixture.state->subnet, 1, &fixture.state->gateway);
        assert_int_equal(process_identify(0, &fixture.owner), 0);
        return fixture;
}

static void destroy(struct fixture *fixture)
{
        leases_close(&fixture->table);
        machine_error_clear(&fixture->error);
}

static int take(struct fixture *fixture, const char *name, const char *asked,
                struct network_lease **ret)
{
        struct machine *machine = machine_new(name);
        const struct lease_request request = { .machine = machine,
                                               .address = asked,
                                               .owner = &fixture->owner };
        int r;

        assert_non_null(machine);
        r = lease_take(&fixture->table, fixture->state, &request, ret, &fixture->error);
        machine_free(machine);
        return r;
}

static struct network_lease *find(struct fixture *fixture, const char *name)
{
        return leases_find(&fixture->table, fixture->state, name);
}

static void give_up(struct network_lease *lease)
{
        lease->owner = (struct process_identity){ 0 };
}

static void test_remembered(void **state)
{
        struct fixture fixture = make("10.66.0.0/24");
        struct network_lease *lease;
        struct network_address first;

        (void)state;
        assert_int_equal(take(&fixture, "web", NULL, &lease), 0);
        first = lease->address;
        give_up(lease);
        assert_int_equal(take(&fixture, "db", NULL, &lease), 0);
        assert_false(address_equal(&first, &lease->address));
        assert_int_equal(take(&fixture, "web", NULL, &lease), 0);
        assert_true(address_equal(&first, &lease->address));
        destroy(&fixture);
}

static void test_full(void **state)
{
        struct fixture fixture = make("10.66.0.0/29");
        struct network_lease *lease;
        char name[8];

        (void)state;
        for (int i = 0; i < 5; i++) {
                (void)snprintf(name, sizeof(name), "m%d", i);
                assert_int_equal(take(&fixture, name, NULL, &lease), 0);
        }
        assert_int_equal(take(&fixture, "late", NULL, &lease), -ENOSPC);
        assert_non_null(strstr(fixture.error.message, "10.66.0.0/29"));
        /* Of the machines that do not run, the one that has not run for longest is dropped. */
        give_up(find(&fixture, "m3"));
        give_up(find(&fixture, "m1"));
        find(&fixture, "m1")->used = 99;
        assert_int_equal(take(&fixture, "late", NULL, &lease), 0);
        assert_null(find(&fixture, "m3"));
        assert_non_null(find(&fixture, "m1"));
        destroy(&fixture);
}

static void test_asked(void **state)
{
        static const struct {
                const char *address;
                int result;
        } cases[] = {
                { "10.66.0.7", -EADDRINUSE },
                { "10.66.0.1", -EADDRINUSE },
                { "10.66.0.0", -EADDRNOTAVAIL },
                { "10.66.0.255", -EADDRNOTAVAIL },
                { "10.67.0.7", -EADDRNOTAVAIL },
                { "fd00::1", -EINVAL },
                { "10.66.0.8", 0 },
        };
        struct fixture fixture = make("10.66.0.0/24");
        struct network_lease *lease;

        (void)state;
        assert_int_equal(take(&fixture, "web", "10.66.0.7", &lease), 0);
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                assert_int_equal(take(&fixture, "db", cases[i].address, &lease), cases[i].result);
        }
        /* An address only remembered for another machine is given up. */
        give_up(find(&fixture, "web"));
        assert_int_equal(take(&fixture, "db", "10.66.0.7", &lease), 0);
        assert_null(find(&fixture, "web"));
        destroy(&fixture);
}

/* A table as a file, opened like by one process after another. */
struct file {
        char directory[32];
        int fd;
        struct network_table table;
        bool fresh;
};

static struct file make_file(void)
{
        struct file file = { .directory = "/tmp/mlite-unit-XXXXXX", .table = NETWORK_TABLE_INIT };

        assert_non_null(mkdtemp(file.directory));
        file.fd = open(file.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(leases_open(file.fd, file.directory, &file.table, &file.fresh, NULL), 0);
        return file;
}

static void reopen(struct file *file)
{
        leases_close(&file->table);
        assert_int_equal(leases_open(file->fd, file->directory, &file->table, &file->fresh, NULL),
                         0);
}

static void destroy_file(struct file *file)
{
        leases_close(&file->table);
        assert_int_equal(unlinkat(file->fd, "leases", 0), 0);
        close(file->fd);
        assert_int_equal(rmdir(file->directory), 0);
}

/* What was not committed is dropped; the table grows, and records keep their places. */
static void test_commit(void **state)
{
        struct file file = make_file();
        struct network_state *network = leases_network(&file.table, "lab");
        struct network_lease *lease = NULL;
        uint32_t number;
        char name[16];

        (void)state;
        assert_true(file.fresh);
        for (int i = 0; i < 500; i++) {
                (void)snprintf(name, sizeof(name), "m%d", i);
                lease = leases_add_lease(&file.table, network, name);
                assert_non_null(lease);
        }
        number = leases_number(&file.table, lease);
        leases_commit(&file.table);
        assert_non_null(leases_add_lease(&file.table, network, "late"));
        leases_remove(&file.table, leases_find(&file.table, network, "m7"));
        reopen(&file);
        assert_false(file.fresh);
        network = leases_find_network(&file.table, "lab");
        assert_null(leases_find(&file.table, network, "late"));
        assert_non_null(leases_find(&file.table, network, "m7"));
        lease = leases_find(&file.table, network, "m499");
        assert_int_equal(leases_number(&file.table, lease), number);
        destroy_file(&file);
}

/* A commit that a crash has interrupted after the journal was written is completed. */
static void test_interrupted_commit(void **state)
{
        struct file file = make_file();
        struct network_state *network = leases_network(&file.table, "lab");
        struct network_lease *lease = leases_add_lease(&file.table, network, "web");
        uint64_t old = 0;
        uint32_t one = 1;
        off_t place;

        (void)state;
        lease->used = 1;
        leases_commit(&file.table);
        lease->used = 2;
        leases_commit(&file.table);
        /* The journal is that of the last commit; the record is as before it. */
        place = leases_word_place(&file.table, lease) - TABLE_WORD_OFFSET +
                (off_t)offsetof(struct network_lease, used);
        assert_int_equal(pwrite(file.table.fd, &old, sizeof old, place), sizeof old);
        assert_int_equal(pwrite(file.table.fd, &one, sizeof one, LEASES_JOURNAL_COUNT_OFFSET),
                         sizeof one);
        reopen(&file);
        lease = leases_find(&file.table, leases_find_network(&file.table, "lab"), "web");
        assert_int_equal(lease->used, 2);
        destroy_file(&file);
}

/* The kernel marks the word of an owner that ends, and of one that executes a program. */
static void test_claim(void **state)
{
        struct file file = make_file();
        struct network_lease *lease =
                leases_add_lease(&file.table, leases_network(&file.table, "lab"), "web");
        struct claim claim = { 0 };
        char boot_id[37];
        int ready[2], status;
        char byte;
        pid_t child;

        (void)state;
        assert_int_equal(process_boot_id(boot_id), 0);
        assert_int_equal(pipe(ready), 0);
        child = fork();
        if (child == 0) {
                assert_int_equal(process_identify(0, &lease->owner), 0);
                leases_commit(&file.table);
                claim_take(&claim, &file.table, "web", &lease->owner);
                assert_int_equal(leases_word(&file.table, lease), getpid());
                assert_int_equal(write(ready[1], "x", 1), 1);
                pause();
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        reopen(&file);
        lease = leases_find(&file.table, leases_find_network(&file.table, "lab"), "web");
        assert_int_equal(leases_word(&file.table, lease), child);
        assert_false(claim_is_dead(&file.table, lease, boot_id));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_not_equal(leases_word(&file.table, lease), child);
        assert_true(claim_is_dead(&file.table, lease, boot_id));
        /* Without a word, /proc is asked. */
        assert_int_equal(process_identify(0, &lease->owner), 0);
        assert_false(claim_is_dead(&file.table, lease, boot_id));
        claim_take(&claim, &file.table, "web", &lease->owner);
        claim_release(&claim);
        assert_int_equal(leases_word(&file.table, lease), 0);
        destroy_file(&file);
}

static void test_damaged(void **state)
{
        struct machine_error error = MACHINE_ERROR_INIT;
        struct network_table table = NETWORK_TABLE_INIT;
        struct file file = make_file();

        (void)state;
        assert_int_equal(pwrite(file.table.fd, "XXXX", 4, 0), 4);
        leases_close(&file.table);
        assert_int_equal(leases_open(file.fd, file.directory, &table, &file.fresh, &error),
                         -EBADMSG);
        assert_non_null(strstr(error.message, file.directory));
        machine_error_clear(&error);
        assert_int_equal(leases_look(file.fd, file.directory, &table, &error), -EBADMSG);
        machine_error_clear(&error);
        destroy_file(&file);
}

static void test_details(void **state)
{
        struct machine_port ports[] = {
                { (char *)"192.0.2.1", 80, 90, 8080, MACHINE_PROTOCOL_SCTP },
                { NULL, 53, 53, 5353, MACHINE_PROTOCOL_UDP },
        };
        char *hosts[] = { (char *)"a:10.0.0.1", (char *)"b:fd00::1", NULL };
        const struct machine_network settings = { .ports = ports, .port_count = 2, .hosts = hosts };
        struct lease_details details, again;
        struct file file = make_file();
        struct network_lease *lease =
                leases_add_lease(&file.table, leases_network(&file.table, "lab"), "web");

        (void)state;
        assert_int_equal(details_copy(&settings, &details), 0);
        assert_int_equal(details_save(file.fd, &file.table, lease, &details), 0);
        assert_true(lease->detailed && lease->ports);
        assert_int_equal(details_load(file.fd, &file.table, lease, &again), 0);
        assert_true(details_have_same_ports(&details, &again));
        assert_string_equal(again.hosts[1], "b:fd00::1");
        again.ports[0].host_last = 91;
        assert_false(details_have_same_ports(&details, &again));
        details_remove(file.fd, &file.table, lease);
        assert_false(lease->detailed || lease->ports);
        details_clear(&details);
        details_clear(&again);
        assert_int_equal(unlinkat(file.fd, "details", AT_REMOVEDIR), 0);
        destroy_file(&file);
}

/* A link has an element for each address that it may use. */
static void test_guard_elements(void **state)
{
        static const uint8_t link_local[] = { 0xfe, 0x80, 0, 0,    0,    0,    0, 0,
                                              0,    0,    0, 0xff, 0xfe, 0xab, 0, 0x0f };
        struct network_lease lease = { .link = "mlv1",
                                       .guarded = true,
                                       .mac = { 2, 0, 0, 0xab, 0, 0x0f } };
        struct guard_element elements[GUARD_ELEMENTS_MAXIMUM];

        (void)state;
        assert_int_equal(guard_list(&lease, elements), 3);
        assert_string_equal(elements[0].set, GUARD_LINKS);
        assert_string_equal(elements[1].set, "macs");
        assert_int_equal(elements[1].length, IF_NAMESIZE + 8);
        assert_string_equal(elements[2].set, "own6");
        assert_memory_equal(elements[2].key + IF_NAMESIZE, link_local, sizeof link_local);
        assert_int_equal(address_parse("10.66.0.2", &lease.address), 0);
        assert_int_equal(address_parse("fd00::2", &lease.address6), 0);
        assert_int_equal(guard_list(&lease, elements), 5);
        assert_int_equal(elements[2].length, IF_NAMESIZE + 4);
        lease.guarded = false;
        assert_int_equal(guard_list(&lease, elements), 0);
}

static void test_hosts_alone(void **state)
{
        struct network_lease lease = { .machine = "web",
                                       .hostname = "www",
                                       .domainname = "example.org" };
        char *entries[] = { (char *)"six:fd00::1", NULL };
        char *text = NULL;

        (void)state;
        assert_int_equal(names_write_alone(&lease, entries, &text), 0);
        assert_non_null(strstr(text, "127.0.0.1 localhost\n"));
        assert_non_null(strstr(text, "\n127.0.1.1 www.example.org www web\n"));
        assert_non_null(strstr(text, "\nfd00::1 six\n"));
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_remembered),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_asked),
                cmocka_unit_test(test_commit),
                cmocka_unit_test(test_interrupted_commit),
                cmocka_unit_test(test_claim),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_details),
                cmocka_unit_test(test_guard_elements),
                cmocka_unit_test(test_hosts_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
