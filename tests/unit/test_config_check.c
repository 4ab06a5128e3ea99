/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>

#include "base/strings.h"
#include "config/check.h"

/* What no single key can get wrong: within one definition, against the host, and between several.
 */

static void assert_warns(struct setting *setting, const char *definition, const char *finding)
{
        if (load_rooted(setting, definition) != 0) {
                fail_msg("%s", setting->findings);
        }
        assert_int_equal(setting->diagnostics.warnings, 1);
        assert_finds(setting, finding);
}

static void assert_refuses(struct setting *setting, const char *definition, const char *finding)
{
        if (load_rooted(setting, definition) != -EINVAL) {
                fail_msg("accepted: %s", definition);
        }
        assert_finds(setting, finding);
}

static void test_within(void **state)
{
        struct setting *setting = *state;

        assert_refuses(setting, "network = { mode = \"none\"; }; ports = [ \"80:80\" ];",
                       "no ports can be published with the network mode \"none\"");
        assert_refuses(setting, "network = { mode = \"host\"; }; ports = [ \"80:80\" ];",
                       "the machine uses the host's ports itself");
        assert_refuses(setting, "network = { mode = \"machine:db\"; }; ports = [ \"80:80\" ];",
                       "whose network it shares");
        assert_refuses(setting, "network = { mode = \"host\"; mac = \"02:00:00:00:00:01\"; };",
                       "no link of its own");
        assert_refuses(setting, "network = { mode = \"none\"; name = \"x\"; };",
                       "only the mode \"bridge\" has a network");
        assert_refuses(setting, "network = { address6 = \"fd00::1\"; mtu = 1000; };",
                       "IPv6 needs an \"mtu\" of at least 1280");
        assert_refuses(setting, "namespaces = { uts = \"host\"; }; hostname = \"x\";",
                       "would change the host's");
        assert_refuses(setting, "network = { mode = \"host\"; }; sysctl = [ \"net.a=1\" ];",
                       "whose namespace the machine shares");
        assert_refuses(setting, "namespaces = { ipc = \"host\"; }; sysctl = [ \"kernel.sem=1\" ];",
                       "whose namespace the machine shares");
        assert_refuses(setting, "ready = \"health\";", "the machine is never ready");
        assert_refuses(setting, "upper = \"/srv/root/up\";", "lie in each other");
        assert_refuses(setting, "upper = \"/srv/root\";", "lie in each other");
        assert_int_equal(load_rooted(setting, "upper = \"/srv\";"), 0);
        assert_refuses(setting, "command = [ \"\", \"x\" ];", "has no name");
        assert_refuses(setting, "masked_paths = [ \"/a\", \"/\" ];", "cannot have the whole root");
        assert_refuses(setting, "read_only_paths = [ \"//\" ];", "write read_only = true;");
        assert_refuses(setting, "devices = [ \"/dev/a\", \"/dev/b:/dev/a\" ];", "two devices are");
        assert_refuses(setting, "devices = [ \"/dev/a:/dev/shm/a\" ];", "another place below /dev");
        assert_refuses(setting, "limits = { io = ( { device = \"/dev/a\"; } ); };",
                       "nothing is limited on /dev/a");
        assert_refuses(setting,
                       "limits = { io = ( { device = \"/dev/a\"; read_iops = 1; }, "
                       "{ device = \"/dev/a\"; write_iops = 1; } ); };",
                       "/dev/a is limited twice");
        assert_refuses(setting, "mounts = ( { source = \"/a\"; target = \"/run/host/a\"; } );",
                       "lies in /run/host");
        assert_refuses(
                setting,
                "mounts = ( { source = \"/a\"; target = \"/b\"; options = [ \"noexc\" ]; } );",
                "did you mean \"noexec\"?");
        assert_refuses(setting, "ports = [ \"80:80\", \"1.2.3.4:80:81\" ];", "published already");
        assert_int_equal(load_rooted(setting, "ports = [ \"1.2.3.5:80:80\", \"1.2.3.4:80:81\", "
                                              "\"80:80/udp\" ];"),
                         0);
}

static void test_layers(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_text(setting, "overlay = [ \"/a\", \"/b\", \"/a/\" ];"), -EINVAL);
        assert_finds(setting, ":1:25: error: this layer is given twice");
        assert_finds(setting, ":1:13: note: the first one is here");
        assert_int_equal(load_text(setting, "overlay = [ \"/a/b\", \"/a\" ];"), -EINVAL);
        assert_finds(setting, "of two layers one lies in the other");
        assert_int_equal(load_text(setting, "overlay = [ \"/ab\", \"/a\" ];"), 0);
        assert_int_equal(load_text(setting, "overlay = [ \"/b\", \"/a\" ]; upper = \"/a/up\";"),
                         -EINVAL);
        assert_finds(setting, "the upper directory and /a, which is never written to");
        assert_int_equal(load_text(setting, "overlay = [ \"/up/upper\" ]; upper = \"/up\";"),
                         -EINVAL);
        assert_finds(setting, "lie in each other");
        assert_int_equal(load_text(setting, "overlay = [ \"/up/base\" ]; upper = \"/up\";"), 0);
}

static void test_ineffective(void **state)
{
        struct setting *setting = *state;

        assert_warns(setting, "read_only = true; upper = \"volatile\";", "has no effect");
        assert_warns(setting, "pull = \"never\";", "no effect without \"image\"");
        assert_warns(setting, "arguments = [ \"a\" ];", "put them into \"command\"");
        assert_warns(setting, "boot = true; user = \"x\";", "no effect with \"boot\"");
        assert_warns(setting, "limits = { memory = \"1M\"; memory_high = \"2M\"; };", "above");
        assert_warns(setting, "health = { retries = 5; };", "without \"health.command\"");
        assert_warns(setting, "restart = { delay = \"1s\"; };", "where \"policy\" is \"no\"");
        assert_warns(setting, "log = { driver = \"none\"; max_size = \"1M\"; };", "no file");
        assert_warns(setting, "seccomp = { profile = \"off\"; allow = [ \"ptrace\" ]; };",
                     "with the profile \"off\"");
        assert_warns(setting,
                     "mounts = ( { source = \"/a\"; target = \"/b/c\"; }, "
                     "{ type = \"tmpfs\"; target = \"/b\"; } );",
                     "the mount on \"/b/c\" is hidden by the later one on \"/b\"");
        /* With `strict` these are errors. */
        setting->diagnostics.strict = true;
        assert_int_equal(load_rooted(setting, "pull = \"never\";"), -EINVAL);
        assert_finds(setting, "error: \"pull\" has no effect");
}

static void test_derived(void **state)
{
        struct setting *setting = *state;
        const struct machine *machine;

        assert_int_equal(load_rooted(setting, "boot = true;"), 0);
        machine = machine_of(setting);
        assert_false(machine->process.init);
        assert_false(machine->security.no_new_privileges);
        assert_int_equal(machine->security.capabilities.profile, MACHINE_CAPABILITIES_SYSTEM);
        assert_int_equal(machine->root.upper, MACHINE_UPPER_IN_PLACE);
        assert_int_equal(load_rooted(setting, "boot = true; no_new_privileges = true;\n"
                                              "capabilities = { profile = \"service\"; };"),
                         0);
        machine = machine_of(setting);
        assert_true(machine->security.no_new_privileges);
        assert_int_equal(machine->security.capabilities.profile, MACHINE_CAPABILITIES_SERVICE);
        assert_int_equal(load_rooted(setting, "limits = { memory = \"1M\"; swap = \"2M\"; };"), 0);
        assert_int_equal(machine_of(setting)->limits.swap, 2 << 20);
        assert_int_equal(load_rooted(setting, "limits = { swap = \"2M\"; };"), 0);
        assert_int_equal(load_rooted(setting, ""), 0);
        assert_int_equal(machine_of(setting)->limits.swap, MACHINE_UNSET);
        assert_int_equal(load_text(setting, "image = \"a\";"), 0);
        assert_int_equal(machine_of(setting)->root.source, MACHINE_ROOT_IMAGE);
        assert_int_equal(machine_of(setting)->root.upper, MACHINE_UPPER_PERSISTENT);
}

/* ---- Against the host ---- */

static void check_host(struct setting *setting, const char *definition)
{
        struct config_definition *opened;
        char *path = path_join(setting->directory, "web.machine");
        char *etc = path_join(setting->directory, "etc");
        char text[512];

        snprintf(text, sizeof text, "rootfs = \"/r\"; %s", definition);
        write_file(setting, "web.machine", text);
        forget(setting);
        assert_int_equal(
                config_definition_open(path, NULL, &setting->diagnostics, &opened, &setting->error),
                0);
        assert_int_equal(config_check_host(opened, etc), 0);
        setting->findings = diagnostics_format(&setting->diagnostics, false);
        config_definition_free(opened);
        free(path);
        free(etc);
}

static void test_accounts(void **state)
{
        struct setting *setting = *state;

        write_file(setting, "etc/passwd",
                   "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n"
                   "bad line\nwide:x:700000:100::/:/bin/sh");
        write_file(setting, "etc/group", "root:x:0:\nstaff:x:800000:ann\n");
        write_file(setting, "etc/subuid", "ann:100000:65536\nroot:2000000:65536\nodd:1:x\n");
        write_file(setting, "etc/subgid", "ann:300000:65536\n");
        check_host(setting, "user_namespace = \"500000:65536\";");
        assert_string_equal(setting->findings, "");
        check_host(setting, "user_namespace = \"0:65536\";");
        assert_finds(setting, "overlaps the user \"root\" of");
        assert_finds(setting, "overlaps the group \"root\" of");
        check_host(setting, "user_namespace = \"700000:1\";");
        assert_finds(setting, "overlaps the user \"wide\" of");
        check_host(setting, "user_namespace = \"700001:1\";");
        assert_string_equal(setting->findings, "");
        check_host(setting, "user_namespace = \"800000:5\";");
        assert_finds(setting, "overlaps the group \"staff\" of");
        check_host(setting, "user_namespace = \"165535:5\";");
        assert_finds(setting, "overlaps the subordinate ids of \"ann\" of");
        check_host(setting, "user_namespace = \"165536:5\";");
        assert_string_equal(setting->findings, "");
        check_host(setting, "user_namespace = \"299999:2\";");
        assert_finds(setting, "subgid");
        check_host(setting, "user_namespace = \"2000000:65536\";");
        assert_string_equal(setting->findings, "");
}

static void test_upper_directory(void **state)
{
        struct setting *setting = *state;

        check_host(setting, "upper = \"./up\";");
        assert_string_equal(setting->findings, "");
        write_file(setting, "up/upper/kept", "");
        write_file(setting, "up/work/work/x", "");
        check_host(setting, "upper = \"./up\";");
        assert_string_equal(setting->findings, "");
        write_file(setting, "up/work/mine", "");
        check_host(setting, "upper = \"./up\";");
        assert_finds(setting, "up/work is not empty: it holds mine");
        check_host(setting, "upper = \"./up/upper/kept\";");
        assert_finds(setting, "is not a directory");
}

/* /proc is a file system of its own everywhere. */
static void test_upper_file_systems(void **state)
{
        struct setting *setting = *state;
        char *work = path_join(setting->directory, "up/work");

        write_file(setting, "up/upper/x", "");
        assert_int_equal(symlink("/proc/self", work), 0);
        check_host(setting, "upper = \"./up\";");
        assert_finds(setting, "are on different file systems");
        free(work);
}

/* ---- Between definitions ---- */

struct text {
        const char *name;
        const char *text;
};

static void check_together(struct setting *setting, const struct text *texts, size_t count)
{
        struct config_definition *definitions[8];

        forget(setting);
        assert_true(count <= ELEMENTS_OF(definitions));
        for (size_t i = 0; i < count; i++) {
                char *path = path_join(setting->directory, texts[i].name);

                write_file(setting, texts[i].name, texts[i].text);
                assert_int_equal(config_definition_open(path, NULL, &setting->diagnostics,
                                                        &definitions[i], &setting->error),
                                 0);
                definitions[i]->position = i;
                free(path);
        }
        assert_int_equal(setting->diagnostics.errors, 0);
        assert_int_equal(config_check_together(definitions, count), 0);
        assert_int_equal(config_check_references(definitions, count, setting->directory), 0);
        setting->findings = diagnostics_format(&setting->diagnostics, false);
        for (size_t i = 0; i < count; i++) {
                config_definition_free(definitions[i]);
        }
}

#define TOGETHER(setting, ...)                                          \
        check_together((setting), (const struct text[]){ __VA_ARGS__ }, \
                       ELEMENTS_OF(((const struct text[]){ __VA_ARGS__ })))

static void test_clashes(void **state)
{
        struct setting *setting = *state;

        TOGETHER(setting,
                 { "a.machine", "overlay = [ \"/r\" ];\nports = [ \"1:1\", \"80-90:80-90\" ];" },
                 { "b.machine", "overlay = [ \"/r\" ];\n\nports = [ \"85:85\" ];" });
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(setting,
                     "b.machine:3:11: error: a port of the host that the machine \"a\" has, "
                     "too");
        assert_finds(setting, "a.machine:2:18: note: \"a\" has it here");

        TOGETHER(setting,
                 { "a.machine", "overlay = [ \"/r\" ]; ports = [ \"80:1\", \"1.2.3.4:81:1\" ];" },
                 { "b.machine",
                   "overlay = [ \"/r\" ]; ports = [ \"80:1/udp\", \"1.2.3.5:81:1\" ];" });
        assert_string_equal(setting->findings, "");

        TOGETHER(setting,
                 { "a.machine", "overlay = [ \"/r\" ]; network = { address = \"10.0.0.1\"; };" },
                 { "b.machine", "overlay = [ \"/r\" ]; network = { address = \"10.0.0.1\"; };" },
                 { "c.machine",
                   "overlay = [ \"/r\" ]; network = { address = \"10.0.0.1\"; name = \"c\"; };" },
                 { "d.machine", "overlay = [ \"/r\" ];" });
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(setting, "an address that the machine \"a\" has, too");

        TOGETHER(setting, { "a.machine", "rootfs = \"/r\";" }, { "b.machine", "rootfs = \"/r/\";" },
                 { "c.machine", "rootfs = \"/r\"; upper = \"volatile\";" });
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(setting, "a root that is written in place that the machine \"a\" has, too");

        TOGETHER(setting, { "x/a.machine", "overlay = [ \"/r\" ];" },
                 { "y/a.machine", "overlay = [ \"/r\" ];" });
        assert_finds(setting, "y/a.machine: error: a name that the machine \"a\" has, too");

        TOGETHER(setting,
                 { "a.machine",
                   "overlay = [ \"/r\" ]; user_namespace = \"1000000:65536\"; upper = \"/u\";" },
                 { "b.machine",
                   "overlay = [ \"/r\" ]; user_namespace = \"1065535:65536\"; upper = \"/u\";" });
        assert_int_equal(setting->diagnostics.errors, 2);
        assert_finds(setting, "a range of ids");
        assert_finds(setting, "a directory for writes");
}

static void test_order(void **state)
{
        struct setting *setting = *state;

        TOGETHER(setting, { "a.machine", "overlay = [ \"/r\" ]; requires = [ \"b\" ];" },
                 { "b.machine", "overlay = [ \"/r\" ]; requires = [ \"c\" ];" },
                 { "c.machine", "overlay = [ \"/r\" ]; after = [ \"b\" ];" },
                 { "d.machine", "overlay = [ \"/r\" ]; requires = [ \"a\", \"b\" ];" });
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(setting, "machines wait for each other: b -> c -> b");
        TOGETHER(setting, { "a.machine", "overlay = [ \"/r\" ]; requires = [ \"b\", \"c\" ];" },
                 { "b.machine", "overlay = [ \"/r\" ]; requires = [ \"c\" ];" },
                 { "c.machine", "overlay = [ \"/r\" ];" });
        assert_string_equal(setting->findings, "");
}

static void test_references(void **state)
{
        struct setting *setting = *state;

        TOGETHER(setting,
                 { "a.machine", "overlay = [ \"/r\" ]; requires = [ \"none\" ];\n"
                                "network = { name = \"nowhere\"; };" },
                 { "b.machine", "overlay = [ \"/r\" ]; requires = [ \"a\" ];" });
        assert_int_equal(setting->diagnostics.warnings, 2);
        assert_finds(setting, "a.machine:1:34: warning: there is no machine \"none\"");
        assert_finds(setting, "a.machine:2:13: warning: there is no network \"nowhere\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_within, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_layers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ineffective, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_derived, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_accounts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_upper_directory, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_upper_file_systems, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_clashes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_references, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
