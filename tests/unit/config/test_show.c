/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "base/strings.h"
#include "config/keys/schema.h"
#include "config/kinds/kind.h"
#include "config/show.h"

/* A machine as a file again, and the format as a schema, a manual and a list. */

/* Every key with a value other than its default, as far as one definition allows. */
static const char everything[] =
        "overlay = [ \"/srv/a\", \"b\" ]; upper = \"/srv/upper\"; description = "
        "\"a\\n\\x01\\\"\\\\\";\n"
        "command = [ \"sh\", \"-c\", \"x y\" ]; environment = [ \"A=B\", \"C=\" ];\n"
        "environment_files = [ \"a.env\" ]; working_directory = \"/srv\"; user = \"1000:1000\";\n"
        "init = false; terminal = true; timezone = \"Europe/Berlin\"; hostname = \"www\";\n"
        "machine_id = \"0123456789abcdef0123456789abcdef\"; domainname = \"example.org\";\n"
        "user_namespace = \"1000000:65536\"; namespaces = { ipc = \"private\"; cgroup = \"host\"; "
        "};\n"
        "limits = { memory = \"256M\"; swap = \"max\"; cpu = \"50000 200000\"; tasks = 5;\n"
        "  io = ( { device = \"8:0\"; read_bandwidth = \"1M\"; }, { device = \"/dev/vda\"; "
        "write_iops = 5; } );\n"
        "  nice = -3; stack = \"8M:16M\"; open_files = \"1024:max\"; hugepages = [ \"2M=4M\" ]; "
        "};\n"
        "network = { address = \"10.0.0.1\"; mac = \"02:00:00:00:00:01\"; dns = [ \"::1\" ]; };\n"
        "ports = [ \"[::1]:5000-5009:6000-6009/udp\", \"80:80\" ];\n"
        "mounts = ( { source = \"a:b\"; target = \"/o\"; type = \"overlay\"; },\n"
        "  { type = \"tmpfs\"; target = \"/t\"; size = \"1M\"; mode = \"1777\"; },\n"
        "  { source = \"x\"; target = \"/x\"; read_only = true; options = [ \"noexec\" ]; } );\n"
        "devices = [ \"/dev/kvm:rw\" ]; credentials = ( { name = \"a\"; value = \"b\"; } );\n"
        "sysctl = [ \"net.a=1\" ]; masked_paths = [ ]; no_new_privileges = false;\n"
        "capabilities = { profile = \"minimal\"; add = [ \"all\" ]; drop = [ \"kill\" ]; };\n"
        "seccomp = { profile = \"a.json\"; allow = [ \"@timer\" ]; log = true; };\n"
        "stop = { signal = \"SIGRTMIN+3\"; timeout = \"1min 30s\"; };\n"
        "restart = { policy = \"always\"; limit = \"max\"; };\n"
        "health = { command = [ \"x\" ]; start_period = \"0\"; }; ready = \"health\";\n"
        "requires = [ \"db\" ]; log = { driver = \"file\"; max_size = \"1G\"; }; labels = [ "
        "\"a=b\" ];\n";

/* What a change takes in a running machine is said of every key that has a value. */
static void test_every_key_has_a_consequence(void **state)
{
        const struct config_table *const tables[] = { &config_machine_table,
                                                      &config_network_table };

        for (size_t i = 0; i < ELEMENTS_OF(tables); i++) {
                for (size_t j = 0; j < tables[i]->count; j++) {
                        const struct config_key *key = &tables[i]->keys[j];
                        bool group = key->kind == &config_kind_group;

                        if (group != (key->change == CONFIG_CHANGE_UNKNOWN)) {
                                fail_msg("%s of a %s", key->name, tables[i]->name);
                        }
                }
        }
}

static void test_round_trip(void **state)
{
        struct setting *setting = *state;
        json_t *first, *second;
        char *text, *again;

        assert_int_equal(load_text(setting, everything), 0);
        text = config_machine_text(machine_of(setting), false);
        assert_int_equal(config_machine_json(machine_of(setting), false, &first), 0);
        /* The shown file has the same meaning in another directory. */
        write_file(setting, "elsewhere/web.machine", text);
        if (load_with(setting, "elsewhere/web.machine", NULL) != 0) {
                fail_msg("%s", setting->findings);
        }
        assert_int_equal(config_machine_json(machine_of(setting), false, &second), 0);
        assert_true(json_equal(first, second));
        json_decref(second);
        json_decref(first);
        free(text);

        /* The same with its defaults as comments. */
        text = config_machine_text(machine_of(setting), true);
        write_file(setting, "defaults/web.machine", text);
        assert_int_equal(load_with(setting, "defaults/web.machine", NULL), 0);
        again = config_machine_text(machine_of(setting), true);
        assert_int_equal(strcspn(text, "="), strcspn(again, "="));
        free(again);
        free(text);
}

static void test_origins(void **state)
{
        struct setting *setting = *state;
        char *text, *expected;
        json_t *origins;

        assert_int_equal(load_rooted(setting, "\nlimits = {\n  tasks = 5;\n};"), 0);
        text = config_machine_text(machine_of(setting), false);
        expected = string_format("  tasks = 5;%*s# %s/web.machine:3\n", 44, "", setting->directory);
        if (!strstr(text, expected)) {
                fail_msg("%s is not in\n%s", expected, text);
        }
        origins = config_origins_json(machine_of(setting));
        assert_int_equal(json_object_size(origins), 2);
        assert_int_equal(json_integer_value(
                                 json_object_get(json_object_get(origins, "limits.tasks"), "line")),
                         3);
        json_decref(origins);
        free(text);
        free(expected);
}

/* Each on its own line, so that the result can still be read. */
static void test_origins_of_elements(void **state)
{
        struct setting *setting = *state;
        char *text;

        write_file(
                setting, "web.machine.d/a.machine",
                "append = { environment = [ \"B=2\" ]; capabilities = { add = [ \"kill\" ]; }; };");
        assert_int_equal(load_text(setting, "rootfs = \"/r\"; environment = [ \"A=1\" ];\n"
                                            "capabilities = { add = [ \"chown\" ]; };\n"),
                         0);
        text = config_machine_text(machine_of(setting), false);
        assert_non_null(strstr(text, "environment = [\n  \"A=1\", "));
        assert_non_null(strstr(text, "web.machine:1\n  \"B=2\" "));
        assert_non_null(strstr(text, "web.machine.d/a.machine:1\n];\n"));
        write_file(setting, "elsewhere/web.machine", text);
        assert_int_equal(load_with(setting, "elsewhere/web.machine", NULL), 0);
        free(text);
}

static void test_defaults_shown(void **state)
{
        struct setting *setting = *state;
        json_t *value;
        char *text;

        assert_int_equal(load_rooted(setting, ""), 0);
        text = config_machine_text(machine_of(setting), true);
        assert_non_null(strstr(text, "# user_namespace = \"auto\";"));
        assert_non_null(strstr(text, "# hostname = \"web\";"));
        free(text);
        assert_int_equal(config_machine_json(machine_of(setting), true, &value), 0);
        assert_string_equal(
                json_string_value(json_object_get(json_object_get(value, "network"), "mode")),
                "bridge");
        json_decref(value);
}

static void test_schema(void **state)
{
        json_t *schema = config_schema(&config_machine_table);
        json_t *properties = json_object_get(schema, "properties"), *limits;

        assert_non_null(properties);
        limits = json_object_get(json_object_get(properties, "limits"), "properties");
        assert_non_null(json_object_get(limits, "memory"));
        assert_false(json_is_true(json_object_get(schema, "additionalProperties")));
        assert_int_equal(json_array_size(json_object_get(schema, "oneOf")), 3);
        json_decref(schema);
}

/* Everything generated from the table contains all keys. */
static void test_lists(void **state)
{
        const struct config_table *tables[] = { &config_machine_table, &config_network_table };

        for (size_t t = 0; t < ELEMENTS_OF(tables); t++) {
                char *manual = config_manual(tables[t]), *keys = config_key_list(tables[t]);

                assert_non_null(manual);
                for (size_t i = 0; i < tables[t]->count; i++) {
                        const char *name = tables[t]->keys[i].name;
                        const char *point = strrchr(name, '.');
                        char item[128];

                        snprintf(item, sizeof item, ".It Ic %s ", point ? point + 1 : name);
                        assert_non_null(strstr(manual, item));
                        assert_true(tables[t]->keys[i].kind == &config_kind_group ||
                                    strstr(keys, name));
                }
                free(manual);
                free(keys);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_key_has_a_consequence),
                cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_origins, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_origins_of_elements, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_defaults_shown, set_up, tear_down),
                cmocka_unit_test(test_schema),
                cmocka_unit_test(test_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
