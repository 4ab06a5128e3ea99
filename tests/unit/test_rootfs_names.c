/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "rootfs/names.h"

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
                cmocka_unit_test(test_host_resolver),
                cmocka_unit_test(test_given_resolver),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
