/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "rootfs/names.h"

static void test_hosts(void **state)
{
        struct machine *machine = machine_new("web");
        char *text;

        (void)state;
        text = names_hosts(machine, NULL, NULL);
        assert_non_null(strstr(text, "127.0.0.1 localhost\n"));
        assert_non_null(strstr(text, "\n127.0.1.1 web\n"));
        free(text);
        assert_int_equal(string_replace(&machine->hostname, "www"), 0);
        assert_int_equal(string_replace(&machine->domainname, "example.org"), 0);
        assert_int_equal(strv_append(&machine->network.hosts, "db:10.1.2.3"), 0);
        assert_int_equal(strv_append(&machine->network.hosts, "six:fd00::1"), 0);
        text = names_hosts(machine, "10.88.0.2", "fd00::2");
        assert_non_null(strstr(text, "\n10.88.0.2 www.example.org www\n"));
        assert_non_null(strstr(text, "\nfd00::2 www.example.org www\n"));
        assert_non_null(strstr(text, "\n10.1.2.3 db\n"));
        assert_non_null(strstr(text, "\nfd00::1 six\n"));
        assert_null(strstr(text, "127.0.1.1"));
        free(text);
        machine_free(machine);
}

static void check(const char *host, bool keep_local, const char *expected, unsigned int servers)
{
        unsigned int count = 99;
        char *text = names_resolver(NULL, NULL, host, keep_local, &count);

        assert_string_equal(text, expected);
        assert_int_equal(count, servers);
        free(text);
}

static void test_host_resolver(void **state)
{
        (void)state;
        check(NULL, false, "", 0);
        check("# a comment\nnameserver 9.9.9.9\n", false, "nameserver 9.9.9.9\n", 1);
        check("nameserver\t9.9.9.9 # mine\noptions edns0\nsearch a b\n", false,
              "nameserver 9.9.9.9\noptions edns0\nsearch a b\n", 1);
        check("nameserver 127.0.0.53\nnameserver ::1\n", false, "", 0);
        check("nameserver 127.0.0.53\n", true, "nameserver 127.0.0.53\n", 1);
        check("nameserver 1.1.1.1\nnameserver 127.0.0.1\nnameserver 2.2.2.2", false,
              "nameserver 1.1.1.1\nnameserver 2.2.2.2\n", 2);
        check("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4",
              false, "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n", 3);
        check("nameservers 1.1.1.1\nnameserver\nnameserver \n", false, "", 0);
}

static void test_given_resolver(void **state)
{
        char *servers[] = { "10.0.0.1", "fd00::1", NULL };
        char *search[] = { "example.org", "example.net", NULL };
        unsigned int count;
        char *text;

        (void)state;
        text = names_resolver(servers, search, "nameserver 9.9.9.9\nsearch x\noptions rotate\n",
                              false, &count);
        assert_string_equal(text, "nameserver 10.0.0.1\nnameserver fd00::1\n"
                                  "search example.org example.net\noptions rotate\n");
        assert_int_equal(count, 2);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_host_resolver),
                cmocka_unit_test(test_given_resolver),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
