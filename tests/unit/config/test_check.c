/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "base/strings.h"
#include "config/check/check.h"

/* Checks across keys: within one definition, against the host, and between definitions. */

static void assert_warns(struct setting *setting, const char *definition, const char *finding)
{
        if (load_rooted(setting, definition) != 0) {
                fail_msg("%s", setting->findings);
        }
        assert_int_equal(setting->diagnostics.warnings, 1);
        assert_finds(setting, finding);
}

static void assert_silent(struct setting *setting, const char *definition)
{
        assert_int_equal(load_rooted(setting, definition), 0);
        assert_int_equal(setting->diagnostics.warnings, 0);
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
                       "ports cannot be published in network mode \"none\"");
        assert_refuses(setting, "network = { mode = \"host\"; }; ports = [ \"80:80\" ];",
                       "the machine uses the host's network");
        assert_refuses(setting, "network = { mode = \"machine:db\"; }; ports = [ \"80:80\" ];",
                       "whose network it shares");
        assert_refuses(setting, "network = { mode = \"host\"; mac = \"02:00:00:00:00:01\"; };",
                       "no link of its own");
        assert_refuses(setting, "network = { mode = \"none\"; name = \"x\"; };",
                       "only mode \"bridge\" uses a network");
        assert_refuses(setting, "network = { address6 = \"fd00::1\"; mtu = 1000; };",
                       "IPv6 needs an \"mtu\" of at least 1280");
        assert_refuses(setting, "namespaces = { uts = \"host\"; }; hostname = \"x\";",
                       "would change the host's");
        assert_refuses(setting, "network = { mode = \"host\"; }; sysctl = [ \"net.a=1\" ];",
                       "the machine shares that namespace");
        assert_refuses(setting, "namespaces = { ipc = \"host\"; }; sysctl = [ \"kernel.sem=1\" ];",
                       "the machine shares that namespace");
        assert_refuses(setting, "ready = \"health\";", "the machine never becomes ready");
        assert_refuses(setting, "upper = \"/srv/root/up\";", "are inside each other");
        assert_refuses(setting, "upper = \"/srv/root\";", "are inside each other");
        assert_int_equal(load_rooted(setting, "upper = \"/srv\";"), 0);
        assert_refuses(setting, "command = [ \"\", \"x\" ];", "is empty");
        assert_refuses(setting, "masked_paths = [ \"/a\", \"/\" ];",
                       "cannot contain the root itself");
        assert_refuses(setting, "read_only_paths = [ \"//\" ];", "write read_only = true;");
        assert_refuses(setting, "devices = [ \"/dev/a\", \"/dev/b:/dev/a\" ];",
                       "two devices have the target");
        assert_refuses(setting, "devices = [ \"/dev/a:/dev/shm/a\" ];", "another place below /dev");
        assert_refuses(setting, "limits = { io = ( { device = \"/dev/a\"; } ); };",
                       "no limit is set for /dev/a");
        assert_refuses(setting,
                       "limits = { io = ( { device = \"/dev/a\"; read_iops = 1; }, "
                       "{ device = \"/dev/a\"; write_iops = 1; } ); };",
                       "duplicate limits for /dev/a");
        assert_refuses(setting, "mounts = ( { source = \"/a\"; target = \"/run/host/a\"; } );",
                       "is in /run/host");
        assert_refuses(
                setting,
                "mounts = ( { source = \"/a\"; target = \"/b\"; options = [ \"noexc\" ]; } );",
                "did you mean \"noexec\"?");
        assert_refuses(setting, "ports = [ \"80:80\", \"1.2.3.4:80:81\" ];", "already published");
        assert_int_equal(load_rooted(setting, "ports = [ \"1.2.3.5:80:80\", \"1.2.3.4:80:81\", "
                                              "\"80:80/udp\" ];"),
                         0);
}

static void test_layers(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_text(setting, "overlay = [ \"/a\", \"/b\", \"/a/\" ];"), -EINVAL);
        assert_finds(setting, ":1:25: error: duplicate layer");
        assert_finds(setting, ":1:13: note: the first one is here");
        assert_int_equal(load_text(setting, "overlay = [ \"/a/b\", \"/a\" ];"), -EINVAL);
        assert_finds(setting, "one of these layers is inside the other");
        assert_int_equal(load_text(setting, "overlay = [ \"/ab\", \"/a\" ];"), 0);
        assert_int_equal(load_text(setting, "overlay = [ \"/b\", \"/a\" ]; upper = \"/a/up\";"),
                         -EINVAL);
        assert_finds(setting, "the upper directory and the read-only /a");
        assert_int_equal(load_text(setting, "overlay = [ \"/up/upper\" ]; upper = \"/up\";"),
                         -EINVAL);
        assert_finds(setting, "are inside each other");
        assert_int_equal(load_text(setting, "overlay = [ \"/up/base\" ]; upper = \"/up\";"), 0);
}

static void test_ineffective(void **state)
{
        struct setting *setting = *state;

        assert_warns(setting, "read_only = true; upper = \"volatile\";", "has no effect");
        assert_warns(setting, "pull = \"never\";", "no effect without \"image\"");
        assert_warns(setting, "arguments = [ \"a\" ];", "add them to \"command\"");
        assert_warns(setting, "boot = true; user = \"x\";", "no effect with \"boot\"");
        assert_warns(setting, "limits = { memory = \"1M\"; memory_high = \"2M\"; };", "above");
        assert_warns(setting, "health = { retries = 5; };", "without \"health.command\"");
        assert_warns(setting, "restart = { delay = \"1s\"; };", "if \"policy\" is \"no\"");
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

static void test_tracing(void **state)
{
        struct setting *setting = *state;
        static const char *const pairs[] = {
                "capabilities = { profile = \"system\"; };",
                "capabilities = { add = [ \"CAP_SYS_PTRACE\" ]; };",
                "capabilities = { add = [ \"all\" ]; };",
        };

        for (size_t i = 0; i < ELEMENTS_OF(pairs); i++) {
                _cleanup_free_ char *text =
                        string_format("user_namespace = \"none\"; %s", pairs[i]);

                assert_warns(setting, text, "can take over processes that enter it");
                assert_silent(setting, pairs[i]);
        }
        assert_silent(setting, "user_namespace = \"none\";");
        assert_silent(setting, "user_namespace = \"none\"; capabilities = { profile = "
                               "\"system\"; drop = [ \"CAP_SYS_PTRACE\" ]; };");
}

static void test_overruled(void **state)
{
        struct setting *setting = *state;

        assert_warns(setting,
                     "network = { dns = [ \"192.0.2.1\" ]; }; "
                     "mounts = ( { source = \"/a\"; target = \"/etc/resolv.conf\"; } );",
                     "\"network.dns\" has no effect on /etc/resolv.conf");
        assert_warns(setting,
                     "network = { hosts = [ \"db:192.0.2.1\" ]; }; "
                     "mounts = ( { source = \"/a\"; target = \"/etc\"; } );",
                     "the mount on \"/etc\" takes precedence");
        assert_warns(setting,
                     "timezone = \"UTC\"; "
                     "mounts = ( { source = \"/a\"; target = \"/etc/localtime\"; } );",
                     "\"timezone\" has no effect");
        assert_warns(setting, "network = { mode = \"none\"; search = [ \"a.example\" ]; };",
                     "\"network.search\" has no effect");
        assert_warns(setting,
                     "masked_paths = [ \"/b\" ]; "
                     "mounts = ( { source = \"/a\"; target = \"/b/c\"; } );",
                     "\"masked_paths\" hides \"/b\"");
        assert_warns(setting, "masked_paths = [ \"/b\" ]; read_only_paths = [ \"/a\", \"/b\" ];",
                     "the read-only path \"/b\" has no effect");
        assert_warns(setting,
                     "capabilities = { add = [ \"CAP_SYS_PTRACE\" ]; "
                     "drop = [ \"CAP_SYS_PTRACE\" ]; };",
                     "it is also in \"capabilities.add\", which takes precedence");
        assert_warns(setting, "seccomp = { allow = [ \"ptrace\" ]; deny = [ \"ptrace\" ]; };",
                     "it is also in \"seccomp.deny\", which takes precedence");
        assert_warns(setting,
                     "mounts = ( { source = \"/a\"; target = \"/b\"; read_only = true; "
                     "options = [ \"rw\" ]; } );",
                     "\"rw\" has no effect with \"read_only\"");
        assert_warns(
                setting,
                "mounts = ( { type = \"tmpfs\"; target = \"/b\"; options = [ \"rslave\" ]; } );",
                "no effect for a mount of this type");
        assert_warns(setting,
                     "mounts = ( { type = \"tmpfs\"; target = \"/b\"; size = \"1M\"; "
                     "options = [ \"size=2M\" ]; } );",
                     "overrides the key \"size\"");
        assert_refuses(setting,
                       "mounts = ( { source = \"/a\"; target = \"/b\"; "
                       "options = [ \"size=2M\" ]; } );",
                       "no effect for a mount of this type");
        assert_refuses(setting, "devices = [ \"/dev/zero:/dev/null\" ];",
                       "every machine already has \"/dev/null\"");
        assert_refuses(setting, "mounts = ( { source = \"/a\"; target = \"/sys/kernel\"; } );",
                       "is in /sys");
        /* What says nothing against each other. */
        assert_int_equal(load_rooted(setting,
                                     "capabilities = { drop = [ \"all\" ]; "
                                     "add = [ \"CAP_CHOWN\" ]; }; "
                                     "masked_paths = [ \"/bc\" ]; "
                                     "network = { dns = [ \"192.0.2.1\" ]; }; "
                                     "mounts = ( { source = \"/a\"; target = \"/b\"; "
                                     "options = [ \"noidmap\", \"rslave\", \"rw\" ]; } );"),
                         0);
        assert_int_equal(setting->diagnostics.count, 0);
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
        assert_finds(setting, "up/work is not empty: it contains mine");
        check_host(setting, "upper = \"./up/upper/kept\";");
        assert_finds(setting, "is not a directory");
}

/* /proc is always a separate file system. */
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
        char *link;

        TOGETHER(setting,
                 { "a.machine", "overlay = [ \"/r\" ];\nports = [ \"1:1\", \"80-90:80-90\" ];" },
                 { "b.machine", "overlay = [ \"/r\" ];\n\nports = [ \"85:85\" ];" });
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(
                setting,
                "b.machine:3:11: error: a port of the host that is also used by machine \"a\"");
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
        assert_finds(setting, "an address that is also used by machine \"a\"");

        TOGETHER(setting, { "a.machine", "rootfs = \"/r\";" }, { "b.machine", "rootfs = \"/r/\";" },
                 { "c.machine", "rootfs = \"/r\"; upper = \"volatile\";" });
        assert_int_equal(setting->diagnostics.errors, 2);
        assert_finds(setting,
                     "a root that is written to in place that is also used by machine \"a\"");

        link = path_join(setting->directory, "link");
        assert_int_equal(symlink("/proc", link), 0);
        TOGETHER(setting, { "a.machine", "overlay = [ \"/sys\", \"/proc\" ];" },
                 { "b.machine", "rootfs = \"./link\";" },
                 { "c.machine", "rootfs = \"/proc\"; read_only = true;" },
                 { "d.machine", "overlay = [ \"/sys\" ];" });
        assert_int_equal(setting->diagnostics.errors, 2);
        assert_finds(setting, "b.machine:1:1: error: a root that is written to in place");
        assert_finds(setting, "c.machine:1:1: error: a root that is written to in place");
        assert_int_equal(unlink(link), 0);
        free(link);

        TOGETHER(setting, { "x/a.machine", "overlay = [ \"/r\" ];" },
                 { "y/a.machine", "overlay = [ \"/r\" ];" });
        assert_finds(setting, "y/a.machine: error: a name that is also used by machine \"a\"");

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
        assert_finds(setting, "dependency cycle: b -> c -> b");
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
                 { "b.machine", "overlay = [ \"/r\" ]; requires = [ \"a\" ];\n"
                                "network = { mode = \"machine:gone\"; };" },
                 { "c.machine", "overlay = [ \"/r\" ]; network = { mode = \"machine:a\"; };" });
        assert_int_equal(setting->diagnostics.warnings, 3);
        assert_finds(setting, "b.machine:2:20: warning: machine \"gone\" not found");
        assert_finds(setting, "a.machine:1:34: warning: machine \"none\" not found");
        assert_finds(setting, "a.machine:2:13: warning: network \"nowhere\" not found");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_within, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_layers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ineffective, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_overruled, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_tracing, set_up, tear_down),
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
