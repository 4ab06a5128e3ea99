/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "network/lease.h"
#include "network/names.h"
#include "network/record.h"

struct fixture {
        struct network_state *state;
        struct process_identity owner;
        struct machine_error error;
};

static struct fixture make(const char *subnet)
{
        struct fixture fixture = { .state = network_state_new("lab"), .error = MACHINE_ERROR_INIT };

        assert_non_null(fixture.state);
        assert_int_equal(prefix_parse(subnet, &fixture.state->subnet), 0);
        prefix_at(&fixture.state->subnet, 1, &fixture.state->gateway);
        assert_int_equal(process_identify(0, &fixture.owner), 0);
        return fixture;
}

static void destroy(struct fixture *fixture)
{
        network_state_free(fixture->state);
        machine_error_clear(&fixture->error);
}

static int take(struct fixture *fixture, const char *name, const char *asked,
                struct network_lease **ret)
{
        struct machine *machine = machine_new(name);
        int r;

        assert_non_null(machine);
        assert_int_equal(string_replace(&machine->network.address, asked), 0);
        r = lease_take(fixture->state, machine, &fixture->owner, ret, &fixture->error);
        machine_free(machine);
        return r;
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
        assert_int_equal(fixture.state->lease_count, 2);
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
        /* Of those that do not run the one goes that has not run for longest. */
        give_up(network_state_find(fixture.state, "m3"));
        give_up(network_state_find(fixture.state, "m1"));
        network_state_find(fixture.state, "m1")->used = 99;
        assert_int_equal(take(&fixture, "late", NULL, &lease), 0);
        assert_null(network_state_find(fixture.state, "m3"));
        assert_non_null(network_state_find(fixture.state, "m1"));
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
        /* What is only remembered for another machine gives way. */
        give_up(network_state_find(fixture.state, "web"));
        assert_int_equal(take(&fixture, "db", "10.66.0.7", &lease), 0);
        assert_null(network_state_find(fixture.state, "web"));
        destroy(&fixture);
}

static void test_record(void **state)
{
        struct fixture fixture = make("10.66.0.0/24");
        struct network_state *again = NULL;
        struct network_lease *lease;
        char *text = NULL, *second = NULL;

        (void)state;
        assert_int_equal(take(&fixture, "web", NULL, &lease), 0);
        lease->ports = calloc(1, sizeof(*lease->ports));
        lease->ports[0] =
                (struct machine_port){ strdup("192.0.2.1"), 80, 90, 8080, MACHINE_PROTOCOL_SCTP };
        lease->port_count = 1;
        assert_int_equal(strv_append(&lease->hosts, "a:10.0.0.1"), 0);
        assert_int_equal(network_record_write(fixture.state, &text), 0);
        assert_int_equal(network_record_read(text, "f", "lab", &again, &fixture.error), 0);
        assert_int_equal(network_record_write(again, &second), 0);
        assert_string_equal(text, second);
        assert_true(lease_is_live(&again->leases[0]));
        assert_int_equal(again->leases[0].ports[0].host_last, 90);
        network_state_free(again);
        free(text);
        free(second);
        destroy(&fixture);
}

static void test_damaged(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"version\":2,\"name\":\"lab\"}",
                "{\"version\":1,\"name\":\"other\"}",
                "{\"version\":1,\"name\":\"lab\",\"foreign\":false,\"internal\":false,"
                "\"isolated\":false,\"stale\":0,\"mtu\":0,\"sequence\":0,\"leases\":[{}]}",
                "{\"version\":1,\"name\":\"lab\",\"foreign\":false,\"internal\":false,"
                "\"isolated\":false,\"stale\":0,\"mtu\":0,\"sequence\":0,\"subnet\":\"x\","
                "\"leases\":[]}",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                struct machine_error error = MACHINE_ERROR_INIT;
                struct network_state *read = NULL;

                assert_int_equal(network_record_read(texts[i], "/run/f.json", "lab", &read, &error),
                                 -EBADMSG);
                assert_non_null(strstr(error.message, "/run/f.json"));
                assert_null(read);
                machine_error_clear(&error);
        }
}

static void test_hosts(void **state)
{
        struct fixture fixture = make("10.66.0.0/24");
        struct network_lease *lease;
        char *text = NULL;

        (void)state;
        fixture.state->bridge = strdup("mlb-lab");
        assert_int_equal(take(&fixture, "db", "10.66.0.3", &lease), 0);
        lease->attached = true;
        assert_int_equal(take(&fixture, "web", "10.66.0.2", &lease), 0);
        assert_int_equal(string_replace(&lease->hostname, "www"), 0);
        assert_int_equal(string_replace(&lease->domainname, "example.org"), 0);
        assert_int_equal(strv_append(&lease->hosts, "six:fd00::1"), 0);
        assert_int_equal(names_write_hosts(fixture.state, lease, &text), 0);
        assert_non_null(strstr(text, "127.0.0.1 localhost\n"));
        assert_non_null(strstr(text, "\n10.66.0.2 www.example.org www web\n"));
        assert_non_null(strstr(text, "\n10.66.0.1 host.internal\n"));
        assert_non_null(strstr(text, "\nfd00::1 six\n"));
        assert_non_null(strstr(text, "\n10.66.0.3 db\n"));
        free(text);
        fixture.state->isolated = true;
        assert_int_equal(names_write_hosts(fixture.state, lease, &text), 0);
        assert_null(strstr(text, " db\n"));
        free(text);
        destroy(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_remembered), cmocka_unit_test(test_full),
                cmocka_unit_test(test_asked),      cmocka_unit_test(test_record),
                cmocka_unit_test(test_damaged),    cmocka_unit_test(test_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
