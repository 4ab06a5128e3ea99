/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"

/* The parts of a definition: includes, drop-ins, the search path and the command line. */

static const struct machine_origin *origin(const struct setting *setting, const char *key)
{
        const struct machine_origin *found = machine_origin_of(machine_of(setting), key);

        assert_non_null(found);
        return found;
}

static void assert_path(const struct setting *setting, const char *path, const char *name)
{
        char *expected = path_join(setting->directory, name);

        assert_string_equal(path, expected);
        free(expected);
}

static void test_include(void **state)
{
        struct setting *setting = *state;

        write_file(setting, "common/base.inc",
                   "rootfs = \"roots/a\"; hostname = \"base\"; user = \"daemon\";\n"
                   "limits = {\n  @include \"limits.inc\"\n  tasks = 1; };\n");
        write_file(setting, "common/limits.inc", "tasks = 5; nice = 2;");
        write_file(setting, "web.machine",
                   "user = \"root\";\n\t@include \"common/base.inc\"  # the rest\n"
                   "hostname = \"web\"; limits = { tasks = 7; };\n");
        assert_int_equal(load_with(setting, "web.machine", NULL), 0);
        assert_path(setting, machine_of(setting)->root.directory, "common/roots/a");
        /* The last setting wins, whatever its source. */
        assert_string_equal(machine_of(setting)->process.user, "daemon");
        assert_string_equal(machine_of(setting)->hostname, "web");
        assert_int_equal(machine_of(setting)->limits.tasks, 7);
        assert_int_equal(machine_of(setting)->limits.nice, 2);
        assert_path(setting, origin(setting, "limits.nice")->file, "common/limits.inc");
        assert_path(setting, origin(setting, "user")->file, "common/base.inc");
        assert_int_equal(origin(setting, "hostname")->line, 3);
}

static void test_include_pattern(void **state)
{
        struct setting *setting = *state;

        write_file(setting, "parts/20.inc", "hostname = \"b\";");
        write_file(setting, "parts/10.inc", "hostname = \"a\"; rootfs = \"/r\";");
        write_file(setting, "web.machine", "@include \"parts/*.inc\"\n@include \"none/*.inc\"\n");
        assert_int_equal(load_with(setting, "web.machine", NULL), 0);
        assert_string_equal(machine_of(setting)->hostname, "b");
        /* The directory's own name is not a pattern. */
        write_file(setting, "a[bc]d/parts/1.inc", "rootfs = \"/r\";");
        write_file(setting, "a[bc]d/web.machine", "@include \"parts/*.inc\"\n");
        assert_int_equal(load_with(setting, "a[bc]d/web.machine", NULL), 0);
}

static void test_include_errors(void **state)
{
        struct setting *setting = *state;
        char *path = path_join(setting->directory, "pipe");

        assert_int_equal(load_rooted(setting, "\n@include \"none.inc\"\n"), -EINVAL);
        assert_finds(setting, ":2:11: error: cannot open ");
        assert_int_equal(load_rooted(setting, "\n@include \"web.machine\"\n"), -EINVAL);
        assert_finds(setting, ":2:11: error: ");
        assert_finds(setting, "web.machine includes itself");
        write_file(setting, "a.inc", "@include \"b.inc\"\n");
        write_file(setting, "b.inc", "@include \"a.inc\"\n");
        assert_int_equal(load_rooted(setting, "\n@include \"a.inc\"\n"), -EINVAL);
        assert_finds(setting, "b.inc:1:11: error: ");
        assert_finds(setting, "a.inc includes itself through ");
        assert_int_equal(load_rooted(setting, "\n@include \".\"\n"), -EINVAL);
        assert_finds(setting, "is a directory");
        assert_int_equal(load_rooted(setting, "\n@include \"/dev/tty\"\n"), -EINVAL);
        assert_int_equal(load_rooted(setting, "\n@include \"/dev/zero\"\n"), -EINVAL);
        assert_finds(setting, "is not a file");
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(load_rooted(setting, "\n@include \"pipe\"\n"), -EINVAL);
        assert_finds(setting, "is not a file");
        write_file(setting, "syntax.inc", "a = ;\n");
        assert_int_equal(load_rooted(setting, "\n@include \"syntax.inc\"\n"), -EINVAL);
        assert_int_equal(setting->diagnostics.errors, 1);
        assert_finds(setting, "syntax.inc:1:5: error: expected a value");
        free(path);
}

static void test_include_bounds(void **state)
{
        struct setting *setting = *state;
        char name[32], text[256];

        for (int i = 0; i < 12; i++) {
                snprintf(name, sizeof name, "%d.inc", i);
                snprintf(text, sizeof text, "@include \"%d.inc\"\n", i + 1);
                write_file(setting, name, i < 11 ? text : "user = \"root\";");
        }
        assert_int_equal(load_rooted(setting, "\n@include \"2.inc\"\n"), 0);
        assert_int_equal(load_rooted(setting, "\n@include \"1.inc\"\n"), -EINVAL);
        assert_finds(setting, "includes are nested more than 10 levels deep");
        /* Each file twice the next one: a thousand without a cycle. */
        for (int i = 0; i < 9; i++) {
                snprintf(name, sizeof name, "%d.inc", i);
                snprintf(text, sizeof text, "@include \"%d.inc\"\n@include \"%d.inc\"\n", i + 1,
                         i + 1);
                write_file(setting, name, text);
        }
        write_file(setting, "9.inc", "user = \"root\";");
        assert_int_equal(load_rooted(setting, "\n@include \"0.inc\"\n"), -EINVAL);
        assert_finds(setting, "consists of more than 200 files");
}

static void test_drop_ins(void **state)
{
        struct setting *setting = *state;

        write_file(setting, "web.machine.d/20-more.machine",
                   "limits = { tasks = 20; };\nenvironment = [ \"C=3\" ];");
        write_file(setting, "web.machine.d/10-less.machine",
                   "limits = { tasks = 10; nice = 1; }; rootfs = \"here\";");
        write_file(setting, "web.machine.d/ignored.txt", "bad");
        write_file(setting, "web.machine.d/.hidden.machine", "bad");
        assert_int_equal(load_rooted(setting, "environment = [ \"A=1\", \"B=2\" ];"), 0);
        assert_int_equal(machine_of(setting)->limits.tasks, 20);
        assert_int_equal(machine_of(setting)->limits.nice, 1);
        assert_string_equal(machine_of(setting)->process.environment[0], "C=3");
        assert_null(machine_of(setting)->process.environment[1]);
        assert_path(setting, machine_of(setting)->root.directory, "web.machine.d/here");
        assert_path(setting, origin(setting, "limits.nice")->file, "web.machine.d/10-less.machine");
        /* A drop-in overrides everything before it. */
        write_file(setting, "base.machine", "overlay = [ \"/a\" ];");
        write_file(setting, "base.machine.d/root.machine", "rootfs = \"/b\";");
        assert_int_equal(load_with(setting, "base.machine", NULL), -EINVAL);
        assert_finds(setting, "base.machine.d/root.machine:1:1: error: a machine has only one "
                              "root: both \"rootfs\" and \"overlay\" are set");
}

static void assert_environment(const struct setting *setting, const char *expected)
{
        char *text = strv_join(machine_of(setting)->process.environment, " ");

        assert_string_equal(text, expected);
        free(text);
}

static void test_append(void **state)
{
        struct setting *setting = *state;

        write_file(setting, "base.inc",
                   "rootfs = \"/r\"; environment = [ \"A=1\" ]; append = { sysctl = [ \"net.a=1\" "
                   "]; };");
        write_file(setting, "web.machine.d/10.machine",
                   "append = { environment = [ \"C=1\" ]; network = { dns = [ \"::1\" ]; };\n"
                   "mounts = ( { type = \"tmpfs\"; target = \"/t\"; } ); };");
        write_file(setting, "web.machine",
                   "@include \"base.inc\"\nappend = { environment = [ \"B=1\" ]; };\n");
        assert_int_equal(load_with(setting, "web.machine", NULL), 0);
        assert_environment(setting, "A=1 B=1 C=1");
        assert_string_equal(machine_of(setting)->network.dns[0], "::1");
        assert_int_equal(machine_of(setting)->mount_count, 1);
        assert_path(setting, origin(setting, "environment[0]")->file, "base.inc");
        assert_path(setting, origin(setting, "environment[2]")->file, "web.machine.d/10.machine");
        assert_null(machine_origin_of(machine_of(setting), "sysctl[0]"));
        /* In one file both count, in any order; a later file replaces what an earlier one appended.
         */
        write_file(setting, "web.machine",
                   "append = { environment = [ \"B=1\" ]; };\n"
                   "environment = [ \"A=2\" ]; rootfs = \"/r\";\n");
        assert_int_equal(load_with(setting, "web.machine", NULL), 0);
        assert_environment(setting, "A=2 B=1 C=1");
        write_file(setting, "web.machine.d/20.machine", "environment = [ \"D=1\" ];");
        assert_int_equal(load_with(setting, "web.machine", NULL), 0);
        assert_environment(setting, "D=1");
}

static void test_append_errors(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_rooted(setting, "append = { hostname = \"a\"; };\n"), -EINVAL);
        assert_finds(setting, "\"append\" adds to arrays and lists, and \"hostname\" is a string");
        assert_int_equal(load_rooted(setting, "append = [ \"a\" ];\n"), -EINVAL);
        assert_finds(setting, "\"append\" is a group: { .. }, not a list");
        assert_int_equal(load_rooted(setting, "append = { enviroment = [ \"A=1\" ]; };\n"),
                         -EINVAL);
        assert_finds(setting, "did you mean \"environment\"?");
        assert_int_equal(load_rooted(setting, "limits = { append = { tasks = 1; }; };\n"), -EINVAL);
        assert_finds(setting, "unknown key \"append\" in \"limits\"");
        assert_int_equal(load_rooted(setting, "append = { limits = { nice = 1; }; };\n"), -EINVAL);
        assert_finds(setting, "and \"nice\" is a number");
}

static void test_search_path(void **state)
{
        struct setting *setting = *state;
        char *search_path = string_format("%s/none:%s/one:%s/two", setting->directory,
                                          setting->directory, setting->directory);
        struct config_options options = { .search_path = search_path };
        char **names;

        write_file(setting, "one/web.machine", "rootfs = \"one\";");
        write_file(setting, "two/web.machine", "rootfs = \"two\";");
        write_file(setting, "two/db.machine", "rootfs = \"db\";");
        write_file(setting, "one/web.machine.d/a.machine", "hostname = \"one\";");
        write_file(setting, "two/web.machine.d/a.machine", "hostname = \"two\";");
        write_file(setting, "two/web.machine.d/b.machine", "user = \"two\";");
        forget(setting);
        assert_int_equal(config_load("web", &options, &setting->diagnostics, &setting->machine,
                                     &setting->error),
                         0);
        assert_path(setting, machine_of(setting)->root.directory, "one/one");
        assert_path(setting, machine_of(setting)->definition, "one/web.machine");
        assert_string_equal(machine_of(setting)->hostname, "one");
        assert_string_equal(machine_of(setting)->process.user, "two");
        forget(setting);
        assert_int_equal(config_load("none", &options, &setting->diagnostics, &setting->machine,
                                     &setting->error),
                         -ENOENT);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_NO_INPUT);
        forget(setting);
        assert_int_equal(config_load("a b", &options, &setting->diagnostics, &setting->machine,
                                     &setting->error),
                         -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_USAGE);
        assert_int_equal(config_list_machines(search_path, false, &names, &setting->error), 0);
        assert_int_equal(strv_length(names), 2);
        assert_string_equal(names[0], "db");
        assert_string_equal(names[1], "web");
        strv_free(names);
        free(search_path);
}

#define WITH(...)                                                                               \
        &(struct config_options)                                                                \
        {                                                                                       \
                .settings = (const struct config_setting[]){ __VA_ARGS__ },                     \
                .setting_count = ELEMENTS_OF(((const struct config_setting[]){ __VA_ARGS__ })), \
        }

static void test_settings(void **state)
{
        struct setting *setting = *state;
        const struct machine *machine;

        write_file(setting, "web.machine",
                   "rootfs = \"/file\"; environment = [ \"A=1\" ]; ports = [ \"80:80\" ];\n"
                   "command = [ \"x\" ]; limits = { tasks = 5; nice = 3; };");
        assert_int_equal(
                load_with(setting, "web.machine",
                          WITH({ "set", "hostname=set" }, { "set", "limits.tasks=9" },
                               { "set", "command=[ \"a\", \"b c\" ]" }, { "set", "read_only=true" },
                               { "set", "limits.oom_score_adjust=-5" },
                               { "set", "description=\"quoted; text\"" }, { "set", "labels=a=b" },
                               { "memory", "1G" }, { "cpu", "2" }, { "env", "B=2" },
                               { "env", "C=3" }, { "port", "81:81" }, { "mount", "/a:/b:ro" },
                               { "mount", "type=tmpfs,dst=/tmp,size=1M,options=noexec,ro" },
                               { "set", "stop={ signal = \"INT\"; }" })),
                0);
        machine = machine_of(setting);
        assert_string_equal(machine->name, "web");
        assert_string_equal(machine->root.directory, "/file");
        assert_string_equal(machine->hostname, "set");
        assert_int_equal(machine->limits.tasks, 9);
        assert_int_equal(machine->limits.nice, 3);
        assert_int_equal(machine->limits.oom_score_adjust, -5);
        assert_string_equal(machine->process.command[1], "b c");
        assert_true(machine->root.read_only);
        assert_string_equal(machine->description, "quoted; text");
        assert_string_equal(machine->life.labels[0], "a=b");
        assert_int_equal(machine->limits.memory, 1 << 30);
        assert_int_equal(machine->limits.cpu_quota, 200000);
        assert_string_equal(machine->process.environment[0], "A=1");
        assert_string_equal(machine->process.environment[2], "C=3");
        assert_int_equal(machine->network.port_count, 2);
        assert_int_equal(machine->mount_count, 2);
        assert_string_equal(machine->mounts[0].source, "/a");
        assert_true(machine->mounts[0].read_only);
        assert_int_equal(machine->mounts[1].type, MACHINE_MOUNT_TMPFS);
        assert_string_equal(machine->mounts[1].target, "/tmp");
        assert_true(machine->mounts[1].read_only);
        assert_string_equal(machine->mounts[1].options[0], "noexec");
        assert_int_equal(machine->life.stop_signal, 2);
        assert_string_equal(origin(setting, "hostname")->file, "--set");
}

static void test_setting_errors(void **state)
{
        struct setting *setting = *state;

        write_file(setting, "web.machine", "rootfs = \"/file\";");
        assert_int_equal(
                load_with(setting, "web.machine",
                          WITH({ "set", "limits.memroy=1G" }, { "set", "memory=1G" },
                               { "set", "limits.tasks=x" }, { "set", "limits=5" },
                               { "set", "command=[ \"a\"" }, { "port", "80" }, { "mount", "/a" },
                               { "mount", "/a:/b:ro:" }, { "set", "hostname=\"a\"; user=\"b\"" })),
                -EINVAL);
        assert_finds(setting, "--set:1:1: error: unknown key \"limits.memroy\"\n"
                              "    1 | limits.memroy=1G\n"
                              "      | ^^^^^^^^^^^^^ did you mean \"limits.memory\"?\n");
        assert_finds(setting, "did you mean \"limits.memory\"?");
        assert_finds(setting, "--set:1:14: error: expected \",\" or \"]\"");
        assert_finds(setting, "--mount:1:1: error: not a mount");
        assert_finds(setting, "more than one setting");

        assert_int_equal(load_with(setting, "web.machine",
                                   WITH({ "set", "limits.tasks=x" }, { "set", "stop=5" },
                                        { "port", "80" }, { "mount", "/a" })),
                         -EINVAL);
        assert_finds(setting, "--set:1:14: error: \"x\" is not a valid value");
        assert_finds(setting, "--set:1:6: error: \"stop\" is a group");
        assert_finds(setting, "--port:1:1: error: \"80\" is not a valid value");
        assert_finds(setting, "has no \"target\"");

        assert_int_equal(load_with(setting, "web.machine", WITH({ "set", "hostname" })), -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_USAGE);
        assert_int_equal(load_with(setting, "web.machine", WITH({ "env", "NO_SUCH_VARIABLE" })),
                         -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_USAGE);
        assert_int_equal(load_with(setting, "web.machine", WITH({ "name", "a/b" })), -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_USAGE);
        assert_int_equal(load_with(setting, "web.machine", WITH({ "set", "hostname=\xff" })),
                         -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_USAGE);
}

static void test_without_file(void **state)
{
        struct setting *setting = *state;
        char expected[64];

        assert_int_equal(load_with(setting, NULL, WITH({ "rootfs", "/srv/debian-12/" })), 0);
        snprintf(expected, sizeof expected, "debian-12-%d", (int)getpid());
        assert_string_equal(machine_of(setting)->name, expected);
        assert_string_equal(machine_of(setting)->root.directory, "/srv/debian-12");
        assert_null(machine_of(setting)->definition);
        assert_int_equal(
                load_with(setting, NULL, WITH({ "image", "docker.io/library/nginx:1.27" })), 0);
        assert_non_null(string_after(machine_of(setting)->name, "nginx-"));
        assert_int_equal(load_with(setting, NULL, WITH({ "rootfs", "/" }, { "name", "web" })), 0);
        assert_string_equal(machine_of(setting)->name, "web");
        assert_int_equal(load_with(setting, NULL, WITH({ "name", "web" })), -EINVAL);
        assert_finds(setting, "the machine has no root");
        assert_int_equal(load_with(setting, NULL, NULL), -EINVAL);
}

static void test_names(void **state)
{
        struct setting *setting = *state;
        struct config_options no_input = { .standard_input = false };

        write_file(setting, "we b.machine", "rootfs = \"/\";");
        assert_int_equal(load_with(setting, "we b.machine", NULL), -EINVAL);
        write_file(setting, "plain", "rootfs = \"/\";");
        assert_int_equal(load_with(setting, "plain", NULL), 0);
        assert_string_equal(machine_of(setting)->name, "plain");
        forget(setting);
        assert_int_equal(config_load("-", &no_input, &setting->diagnostics, &setting->machine,
                                     &setting->error),
                         -EINVAL);
        assert_int_equal(setting->error.kind, MACHINE_ERROR_USAGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_include, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_include_pattern, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_include_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_include_bounds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_drop_ins, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_append, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_append_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_search_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_setting_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_without_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
