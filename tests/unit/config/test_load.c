/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/quantity.h"
#include "base/strings.h"

static const char web[] =
        "description = \"Static web site\";\n"
        "overlay  = [ \"/srv/layers/site\", \"layers/debian-12\" ];\n"
        "command  = [ \"/usr/sbin/nginx\", \"-g\", \"daemon off;\" ];\n"
        "hostname = \"www\";\n"
        "ports    = [ \"8080:80\" ];\n"
        "limits   = { memory = \"256M\"; cpu = \"50%\"; tasks = 128; };\n"
        "capabilities = { profile = \"minimal\"; add = [ \"CAP_SETUID\", \"setgid\" ]; }; # why\n";

static void test_example(void **state)
{
        struct setting *setting = *state;
        char *layer = path_join(setting->directory, "layers/debian-12");
        const struct machine *machine;

        assert_int_equal(load_text(setting, web), 0);
        assert_string_equal(setting->findings, "");
        machine = machine_of(setting);
        assert_string_equal(machine->name, "web");
        assert_string_equal(machine->hostname, "www");
        assert_int_equal(machine->root.source, MACHINE_ROOT_OVERLAY);
        assert_int_equal(machine->root.upper, MACHINE_UPPER_PERSISTENT);
        assert_string_equal(machine->root.layers[0], "/srv/layers/site");
        assert_string_equal(machine->root.layers[1], layer);
        assert_null(machine->root.layers[2]);
        assert_string_equal(machine->process.command[2], "daemon off;");
        assert_int_equal(machine->network.port_count, 1);
        assert_int_equal(machine->network.ports[0].host_first, 8080);
        assert_int_equal(machine->network.ports[0].machine_first, 80);
        assert_int_equal(machine->limits.memory, 256 << 20);
        assert_int_equal(machine->limits.swap, 0);
        assert_int_equal(machine->limits.cpu_quota, 50000);
        assert_int_equal(machine->limits.cpu_period, 100000);
        assert_int_equal(machine->limits.tasks, 128);
        assert_int_equal(machine->security.capabilities.profile, MACHINE_CAPABILITIES_MINIMAL);
        assert_string_equal(machine->security.capabilities.add[1], "CAP_SETGID");
        assert_int_equal(machine_origin_of(machine, "limits.memory")->line, 6);
        assert_null(machine_origin_of(machine, "limits.swap"));
        free(layer);
}

static void test_no_such_file(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_with(setting, "none.machine", NULL), -ENOENT);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_NO_INPUT);
}

static void test_all_errors_sorted(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_rooted(setting, "\nlimits = {\n"
                                              "  memroy = \"512M\";\n"
                                              "  tasks = 0; };\n"
                                              "hostname = \"-\";\n"),
                         -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_DEFINITION);
        assert_int_equal(setting->diagnostics.errors, 3);
        assert_int_equal(setting->diagnostics.items[0].place.line, 3);
        assert_int_equal(setting->diagnostics.items[0].place.column, 3);
        assert_int_equal(setting->diagnostics.items[1].place.line, 4);
        assert_int_equal(setting->diagnostics.items[2].place.line, 5);
        assert_finds(setting, "web.machine:3:3: error: unknown key \"memroy\" in \"limits\"\n"
                              "    3 |   memroy = \"512M\";\n"
                              "      |   ^^^^^^ did you mean \"memory\"?\n");
}

static void test_one_root(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_text(setting, "hostname = \"a\";"), -EINVAL);
        assert_finds(setting, "no root");
        assert_int_equal(load_rooted(setting, "overlay = [ \"/a\" ];"), -EINVAL);
        assert_finds(setting, "has only one root");
}

static void test_duplicate(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_rooted(setting, "\nhostname = \"a\";\nhostname = \"b\";\n"), -EINVAL);
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(setting, "web.machine:3:1: error: duplicate key \"hostname\"");
        assert_finds(setting, "web.machine:2:1: note: the first one is here");
}

static void test_network(void **state)
{
        struct setting *setting = *state;
        struct config_options options = { .search_path = setting->directory };
        struct network_definition *network;

        write_file(setting, "back.network",
                   "bridge = \"br-back\"; subnet = \"10.89.0.0/24\"; internal = true;\n"
                   "gateway = \"10.89.0.254\"; mtu = 1400;");
        assert_int_equal(config_load_network("back", &options, &setting->diagnostics, &network,
                                             &setting->error),
                         0);
        assert_string_equal(network->name, "back");
        assert_string_equal(network->subnet, "10.89.0.0/24");
        assert_string_equal(network->gateway, "10.89.0.254");
        assert_int_equal(network->mtu, 1400);
        assert_true(network->internal);
        assert_false(network->isolated);
        assert_int_equal(network->origin_count, 5);
        network_definition_free(network);

        assert_int_equal(config_load_network("default", &options, &setting->diagnostics, &network,
                                             &setting->error),
                         0);
        assert_null(network->definition);
        assert_null(network->subnet);
        network_definition_free(network);

        assert_int_equal(config_load_network("none", &options, &setting->diagnostics, &network,
                                             &setting->error),
                         -ENOENT);
        write_file(setting, "bad.network", "subnet = \"10.89.0.7/24\"; gateway6 = \"fd00::1\";");
        assert_int_equal(config_load_network("bad", &options, &setting->diagnostics, &network,
                                             &setting->error),
                         -EINVAL);
        assert_int_equal(setting->diagnostics.errors, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_example, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_such_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_all_errors_sorted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one_root, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_duplicate, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_network, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
