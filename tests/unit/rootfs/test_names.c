/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "rootfs/inside/names.h"

static const struct rootfs_reach own = { .ipv4 = true, .ipv6 = true };
static const struct rootfs_reach of_host = { .host = true };

static void check(const char *host, struct rootfs_reach reach, const char *expected,
                  unsigned int servers)
{
        const struct names_source source = { .host = host, .reach = reach };
        _cleanup_names_resolver_ struct names_resolver made = { 0 };

        assert_int_equal(names_resolver(&source, &made), 0);
        assert_string_equal(made.text, expected);
        assert_int_equal(made.servers, servers);
}

static void test_host_resolver(void **state)
{
        (void)state;
        check(NULL, own, "", 0);
        check("# a comment\nnameserver 9.9.9.9\n", own, "nameserver 9.9.9.9\n", 1);
        check("nameserver\t9.9.9.9 # mine\noptions edns0\nsearch a b\n", own,
              "nameserver 9.9.9.9\noptions edns0\nsearch a b\n", 1);
        check("nameserver 127.0.0.53\nnameserver ::1\n", own, "", 0);
        check("nameserver 127.0.0.53\n", of_host, "nameserver 127.0.0.53\n", 1);
        check("nameserver 1.1.1.1\nnameserver 127.0.0.1\nnameserver 2.2.2.2", own,
              "nameserver 1.1.1.1\nnameserver 2.2.2.2\n", 2);
        check("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4", own,
              "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n", 3);
        check("nameservers 1.1.1.1\nnameserver\nnameserver \n", own, "", 0);
}

static void test_given_resolver(void **state)
{
        char *servers[] = { "10.0.0.1", "fd00::1", NULL };
        char *search[] = { "example.org", "example.net", NULL };
        const struct names_source source = {
                .servers = servers,
                .search = search,
                .host = "nameserver 9.9.9.9\nsearch x\noptions rotate\n",
                .reach = own,
        };
        _cleanup_names_resolver_ struct names_resolver made = { 0 };

        (void)state;
        assert_int_equal(names_resolver(&source, &made), 0);
        assert_string_equal(made.text, "nameserver 10.0.0.1\nnameserver fd00::1\n"
                                       "search example.org example.net\noptions rotate\n");
        assert_int_equal(made.servers, 2);
        assert_null(made.left_out);
}

/* Servers that answer on the host only, or of a family that the machine lacks. */
static void test_unreachable(void **state)
{
        const struct rootfs_reach ipv4 = { .ipv4 = true }, ipv6 = { .ipv6 = true };
        const char *all = "nameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver fe80::1\n"
                          "nameserver ::ffff:127.0.0.1\nnameserver 0.0.0.0\nnameserver fd00::1\n"
                          "nameserver 192.0.2.1\nnameserver a.name\n";
        const struct names_source source = { .host = all, .reach = ipv4 };
        _cleanup_names_resolver_ struct names_resolver made = { 0 };

        (void)state;
        check(all, own, "nameserver fd00::1\nnameserver 192.0.2.1\n", 2);
        check(all, ipv4, "nameserver 192.0.2.1\n", 1);
        check(all, ipv6, "nameserver fd00::1\n", 1);
        check("nameserver fe80::1%eth0\n", of_host, "nameserver fe80::1%eth0\n", 1);
        assert_int_equal(names_resolver(&source, &made), 0);
        assert_int_equal(strv_length(made.left_out), 7);
}

static void test_public(void **state)
{
        const struct names_source source = {
                .host = "nameserver 127.0.0.53\noptions edns0\n",
                .reach = { .ipv4 = true },
        };
        _cleanup_names_resolver_ struct names_resolver made = { 0 };

        (void)state;
        assert_int_equal(names_resolver(&source, &made), 0);
        assert_int_equal(names_add_public(&source, &made), 0);
        assert_string_equal(made.text, "options edns0\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

/* Carriage returns of other editors. */
static void test_carriage_returns(void **state)
{
        (void)state;
        check("nameserver 192.0.2.1\r\nsearch a b\r\noptions edns0\r\n", own,
              "nameserver 192.0.2.1\nsearch a b\noptions edns0\n", 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_host_resolver),    cmocka_unit_test(test_given_resolver),
                cmocka_unit_test(test_unreachable),      cmocka_unit_test(test_public),
                cmocka_unit_test(test_carriage_returns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
