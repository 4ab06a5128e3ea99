/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "network/firewall/set_elements.h"
#include "network/netlink/address.h"
#include "network/netlink/link.h"

static struct network_address address(const char *text)
{
        struct network_address parsed = { 0 };

        assert_int_equal(address_parse(text, &parsed), 0);
        return parsed;
}

static struct network_prefix prefix(const char *text)
{
        struct network_prefix parsed = { 0 };

        assert_int_equal(prefix_parse(text, &parsed), 0);
        return parsed;
}

static void test_addresses(void **state)
{
        static const char *const good[] = { "0.0.0.0", "10.88.0.1", "::", "fd00::1", "::1" };
        static const char *const bad[] = { "", "10.0.0", "10.0.0.256", "10.0.0.1/8", "fe80::1%lo" };
        char text[ADDRESS_TEXT_SIZE];

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(good); i++) {
                struct network_address parsed = address(good[i]);

                assert_string_equal(address_format(&parsed, text), good[i]);
        }
        for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
                struct network_address parsed;

                assert_int_equal(address_parse(bad[i], &parsed), -EINVAL);
        }
        assert_true(address_is_loopback(&(struct network_address){ AF_INET, { 127, 9 } }));
        struct network_address one = address("::1"), any = address("0.0.0.0");

        assert_true(address_is_loopback(&one));
        assert_false(address_is_loopback(&any));
        assert_true(address_is_wildcard(&any));
        assert_false(address_is_wildcard(&one));
        assert_string_equal(address_format(&(struct network_address){ 0 }, text), "");
}

static void test_prefixes(void **state)
{
        struct network_prefix lan = prefix("10.1.2.3/23");
        struct network_prefix six = prefix("fd00:1:2:3:4::/64");
        struct network_address at;
        char text[ADDRESS_TEXT_SIZE];

        (void)state;
        assert_string_equal(prefix_format(&lan, text), "10.1.2.0/23");
        assert_string_equal(prefix_format(&six, text), "fd00:1:2:3::/64");
        assert_int_equal(prefix_size(&lan), 512);
        assert_int_equal(prefix_size(&six), UINT64_C(1) << 32);
        at = address("10.1.3.255");
        assert_true(prefix_contains(&lan, &at));
        assert_false(prefix_is_usable(&lan, &at));
        at = address("10.1.4.0");
        assert_false(prefix_contains(&lan, &at));
        prefix_at(&lan, 300, &at);
        assert_string_equal(address_format(&at, text), "10.1.3.44");
        assert_true(prefix_is_usable(&lan, &at));
        prefix_at(&lan, 0, &at);
        assert_false(prefix_is_usable(&lan, &at));
        prefix_at(&six, 0x1abcd, &at);
        assert_string_equal(address_format(&at, text), "fd00:1:2:3::1:abcd");
        assert_true(prefix_is_usable(&six, &at));
}

static void test_overlap(void **state)
{
        struct network_prefix wide = prefix("10.0.0.0/8"), narrow = prefix("10.88.0.0/16");
        struct network_prefix other = prefix("10.89.0.0/16"), all = prefix("0.0.0.0/0");
        struct network_prefix six = prefix("::/0");

        (void)state;
        assert_true(prefix_overlaps(&wide, &narrow));
        assert_true(prefix_overlaps(&narrow, &wide));
        assert_true(prefix_overlaps(&all, &narrow));
        assert_false(prefix_overlaps(&other, &narrow));
        assert_false(prefix_overlaps(&six, &narrow));
        assert_false(prefix_overlaps(&(struct network_prefix){ 0 }, &narrow));
}

static void test_bad_prefixes(void **state)
{
        static const char *const bad[] = { "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "/8",
                                           "::/129",   "10.0.0.0/",   "10.0.0.0/8x" };
        struct network_prefix parsed;

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
                assert_int_equal(prefix_parse(bad[i], &parsed), -EINVAL);
        }
}

static void test_link_names(void **state)
{
        char name[IF_NAMESIZE], other[IF_NAMESIZE];
        uint8_t mac[LINK_MAC_SIZE], again[LINK_MAC_SIZE];

        (void)state;
        link_derive_name("mlb", "default", "x", name);
        assert_string_equal(name, "mlb-default");
        link_derive_name("mlb", "elevenchars", "x", name);
        assert_string_equal(name, "mlb-elevenchars");
        link_derive_name("mlb", "twelve-chars", "x", name);
        link_derive_name("mlb", "twelve-chars", "y", other);
        assert_int_equal(strlen(name), 15);
        assert_string_not_equal(name, other);
        link_derive_mac("web", mac);
        link_derive_mac("web", again);
        assert_memory_equal(mac, again, sizeof(mac));
        assert_int_equal(mac[0] & 3, 2);
        assert_int_equal(link_parse_mac("02:00:5e:10:00:0A", mac), 0);
        assert_memory_equal(mac, "\x02\x00\x5e\x10\x00\x0a", sizeof(mac));
        assert_int_equal(link_parse_mac("02:00:5e:10:00", mac), -EINVAL);
        assert_int_equal(link_parse_mac("02-00-5e-10-00-01", mac), -EINVAL);
}

static void test_element_keys(void **state)
{
        struct machine_port port = { .host_first = 8080,
                                     .host_last = 8080,
                                     .machine_first = 80,
                                     .protocol = MACHINE_PROTOCOL_UDP };
        struct set_element_key key;
        uint8_t packed[SET_ELEMENT_SIZE];

        (void)state;
        assert_true(set_elements_find_key(&port, AF_INET, &key));
        assert_string_equal(set_elements_map(&key, AF_INET), "dnat4");
        assert_int_equal(set_elements_pack_key(&key, packed), 8);
        assert_memory_equal(packed, "\x11\0\0\0\x1f\x90\0\0", 8);
        port.address = (char *)"192.0.2.1";
        assert_false(set_elements_find_key(&port, AF_INET6, &key));
        assert_true(set_elements_find_key(&port, AF_INET, &key));
        assert_string_equal(set_elements_map(&key, AF_INET), "bound4");
        assert_int_equal(set_elements_pack_key(&key, packed), 12);
        assert_memory_equal(packed, "\xc0\0\x02\x01\x11\0\0\0\x1f\x90\0\0", 12);
        port.address = (char *)"::";
        assert_true(set_elements_find_key(&port, AF_INET6, &key));
        assert_string_equal(set_elements_map(&key, AF_INET6), "dnat6");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),  cmocka_unit_test(test_prefixes),
                cmocka_unit_test(test_overlap),    cmocka_unit_test(test_bad_prefixes),
                cmocka_unit_test(test_link_names), cmocka_unit_test(test_element_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
