/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/kinds/kind.h"
#include "config/show.h"

/* Every kind of value: accepted values and their result, refused values and their message. */

struct good {
        const char *key;
        const char *text;  /* as in a file */
        const char *shown; /* as shown in the effective definition; NULL: as written */
};

static const struct good good[] = {
        { "read_only", "TRUE", "true" },
        { "terminal", "true", NULL },
        { "terminal", "\"auto\"", NULL },
        { "upper", "\"/srv//upper/./x/\"", "\"/srv/upper/x\"" },
        { "upper", "\"none\"", NULL },
        { "user", "\"www-data\"", NULL },
        { "user", "\"1000:1000\"", NULL },
        { "user", "\"0\"", NULL },
        { "machine_id", "\"0123456789ABCDEF0123456789abcdef\"",
          "\"0123456789abcdef0123456789abcdef\"" },
        { "working_directory", "\"/srv//www/.\"", "\"/srv/www\"" },
        { "user_namespace", "\"4294901759:65536\"", NULL },
        { "limits.memory", "\"1.5G\"", "\"1536M\"" },
        { "limits.memory", "\"1024MiB\"", "\"1G\"" },
        { "limits.memory", "\"infinity\"", "\"max\"" },
        { "limits.cpu", "\"50%\"", NULL },
        { "limits.cpu", "\"2.5\"", "\"250%\"" },
        { "limits.cpu", "\"33.3333%\"", "\"33333 100000\"" },
        { "limits.cpu", "\"25000 50000\"", NULL },
        { "limits.cpu", "\"max\"", "\"max 100000\"" },
        { "limits.tasks", "\"128\"", "128" },
        { "limits.tasks", "\"99999999999\"", NULL },
        { "limits.cpus", "\"0-3,7\"", NULL },
        { "limits.hugepages", "[ \"2048K=1G\" ]", "[ \"2M=1G\" ]" },
        { "limits.nice", "-20", NULL },
        { "limits.oom_score_adjust", "-1000", NULL },
        { "limits.open_files", "1024", "\"1024:1024\"" },
        { "limits.open_files", "\"1024:max\"", NULL },
        { "limits.stack", "\"8M\"", "\"8M:8M\"" },
        { "network.mode", "\"macvlan:eth0\"", NULL },
        { "network.mode", "\"path:/run/netns/x\"", NULL },
        { "network.mode", "\"machine:db\"", NULL },
        { "network.address6", "\"FD00:0:0::10\"", "\"fd00::10\"" },
        { "network.mac", "\"02:00:5E:10:00:01\"", "\"02:00:5e:10:00:01\"" },
        { "network.dns", "[ \"192.0.2.1\", \"2001:DB8::1\" ]",
          "[ \"192.0.2.1\", \"2001:db8::1\" ]" },
        { "network.hosts", "[ \"db:10.1.2.3\", \"six:fd00::1\" ]", NULL },
        { "ports", "[ \"80:80\", \"1.2.3.4:53:53/udp\" ]",
          "[ \"80:80/tcp\", \"1.2.3.4:53:53/udp\" ]" },
        { "ports", "[ \"[::1]:5000-5009:6000-6009/sctp\" ]", NULL },
        { "devices", "[ \"/dev/fuse\", \"/dev/a:/dev/b:m\" ]",
          "[ \"/dev/fuse:/dev/fuse:rw\", \"/dev/a:/dev/b:m\" ]" },
        { "capabilities.add", "[ \"net_admin\", \"CAP_KILL\", \"ALL\" ]",
          "[ \"CAP_NET_ADMIN\", \"CAP_KILL\", \"all\" ]" },
        { "seccomp.profile", "\"off\"", NULL },
        { "stop.signal", "\"INT\"", "\"SIGINT\"" },
        { "stop.signal", "\"SIGRTMIN+3\"", NULL },
        { "stop.timeout", "\"1min 30s\"", "\"90s\"" },
        { "environment", "[ \"A=\", \"B=c=d\" ]", NULL },
        { "sysctl", "[ \"net.ipv4.conf.eth0/1.rp_filter=1\", \"kernel.sem=1 2 3 4\" ]", NULL },
        { "masked_paths", "[ ]", NULL },
        { "description", "\"\\x01\\n\\\"\\\\\"", NULL },
};

/* Writes a key inside its groups. */
static const char *definition_of(const char *key, const char *text)
{
        static char result[1024];
        const char *point = strchr(key, '.');

        if (point) {
                snprintf(result, sizeof result, "%.*s = { %s = %s; };", (int)(point - key), key,
                         point + 1, text);
        } else {
                snprintf(result, sizeof result, "%s = %s;", key, text);
        }
        return result;
}

static void test_good(void **state)
{
        struct setting *setting = *state;

        for (size_t i = 0; i < ELEMENTS_OF(good); i++) {
                const char *point = strchr(good[i].key, '.');
                char expected[512];
                char *shown;

                if (load_rooted(setting, definition_of(good[i].key, good[i].text)) < 0) {
                        fail_msg("%s", setting->findings);
                }
                shown = config_machine_text(machine_of(setting), false);
                assert_non_null(shown);
                snprintf(expected, sizeof expected, "%s = %s;", point ? point + 1 : good[i].key,
                         good[i].shown ? good[i].shown : good[i].text);
                if (!strstr(shown, expected)) {
                        fail_msg("%s is not in\n%s", expected, shown);
                }
                free(shown);
        }
}

struct bad {
        const char *key;
        const char *text;
        const char *finding;
};

static const struct bad bad[] = {
        { "read_only", "\"true\"", "\"read_only\" is true or false, without quotes, not a string" },
        { "read_only", "1", "write read_only = true;" },
        { "terminal", "\"yes\"", "expected true, false or \"auto\"" },
        { "rootfs", "\"\"", "" },
        { "upper", "\"volatil\"", "\"volatil\" is not a valid value for \"upper\"" },
        { "upper", "\"\"", "expected \"persistent\"" },
        { "pull", "\"sometimes\"", "expected \"missing\", \"always\", \"never\"" },
        { "pull", "\"alway\"", "did you mean \"always\"?" },
        { "command", "[ ]", "\"command\" is empty" },
        { "command", "\"sh\"", "\"command\" is an array of strings: [ \"..\" ], not a string" },
        { "command", "[ 1 ]", "write command = [" },
        { "working_directory", "\"srv\"", "expected an absolute path in the machine" },
        { "working_directory", "\"/srv/../etc\"", "without \"..\"" },
        { "user", "\"\"", "expected \"NAME\"" },
        { "user", "\"+1\"", "is not a valid value" },
        { "user", "\"1000:\"", "is not a valid value" },
        { "user", "\":0\"", "is not a valid value" },
        { "user", "\"4294967295\"", "is not a valid value" },
        { "user", "\"4294967296\"", "is not a valid value" },
        { "user", "\"007\"", "is not a valid value" },
        { "user", "\"0x0\"", "is not a valid value" },
        { "user", "\"a b\"", "is not a valid value" },
        { "timezone", "\"../etc/passwd\"", "is not a valid value" },
        { "timezone", "\"/UTC\"", "is not a valid value" },
        { "machine_id", "\"00000000000000000000000000000000\"", "not all zero" },
        { "machine_id", "\"123\"", "32 hexadecimal digits" },
        { "hostname", "\"a..b\"", "is not a valid value" },
        { "hostname", "\"-a\"", "is not a valid value" },
        { "hostname", "\"a/b\"", "is not a valid value" },
        { "hostname", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
          "at most 64" },
        { "user_namespace", "\"0\"", "\"BASE:COUNT\"" },
        { "user_namespace", "\"100000:0\"", "is empty" },
        { "user_namespace", "\"4294967000:65536\"", "goes beyond the last id" },
        { "user_namespace", "\"010:5\"", "is not a valid value" },
        { "namespaces.ipc", "\"none\"", "expected \"private\" or \"host\"" },
        { "limits.memory", "512", "write memory = \"256M\";" },
        { "limits.memory", "\"lots\"", "expected a size such as" },
        { "limits.memory", "\"-5M\"", "\"-5M\" is negative" },
        { "limits.memory", "\"5X\"", "is not a valid value" },
        { "limits.memory", "\"1K\"", "\"1K\" is out of range for \"limits.memory\"" },
        { "limits.memory", "\"99999999E\"", "is too large" },
        { "limits.cpu", "\"0%\"", "less CPU time than the kernel supports" },
        { "limits.cpu", "\"x\"", "\"50%\" of one CPU" },
        { "limits.cpu", "\"-50%\"", "is not a valid value" },
        { "limits.cpu", "\"50000 10\"", "the period of" },
        { "limits.cpu", "\"1.23456\"", "is not a valid value" },
        { "limits.cpu_weight", "0", "expected 1 to 10000" },
        { "limits.cpu_weight", "10001", "expected 1 to 10000" },
        { "limits.tasks", "-1", "-1 is negative" },
        { "limits.tasks", "1.5",
          "\"limits.tasks\" is a number or a string, not a number with a decimal point" },
        { "limits.cpus", "\"3-1\"", "is not a valid value" },
        { "limits.cpus", "\"0,\"", "is not a valid value" },
        { "limits.cpus", "\"99999\"", "is not a valid value" },
        { "limits.hugepages", "[ \"3M=6M\" ]", "is not a valid value" },
        { "limits.hugepages", "[ \"2M=3M\" ]", "not a whole number of such pages" },
        { "limits.nice", "20", "expected -20 to 19" },
        { "limits.oom_score_adjust", "-1001", "expected -1000 to 1000" },
        { "limits.open_files", "\"5:4\"", "the soft limit" },
        { "limits.open_files", "\"5M\"", "is not a valid value" },
        { "limits.open_files", "\"5:\"", "is not a valid value" },
        { "limits.io", "( { read_iops = 1; } )", "has no \"device\"" },
        { "limits.io", "( { device = \"vda\"; } )", "its path or \"MAJOR:MINOR\"" },
        { "limits.io", "( { device = \"8:0\"; read_iop = 1; } )",
          "unknown key \"read_iop\" in \"limits.io\"" },
        { "limits.io", "( 1 )", "an element of \"limits.io\" is a group, not a number" },
        { "limits.io", "1", "\"limits.io\" is a list of groups" },
        { "command", "[ 1 ]", "an element of \"command\" is a string, not a number" },
        { "network.mode", "\"bridg\"", "did you mean \"bridge\"?" },
        { "network.mode", "\"bridge:x\"", "is not a valid value" },
        { "network.mode", "\"macvlan\"", "is not a valid value" },
        { "network.mode", "\"macvlan:an-interface-too-long\"", "expected \"macvlan:INTERFACE\"" },
        { "network.mode", "\"path:x\"", "expected \"path:/FILE\"" },
        { "network.address", "\"10.0.0\"", "an IPv4 address" },
        { "network.address", "\"127.0.0.1\"", "is not a valid address" },
        { "network.address", "\"224.0.0.1\"", "is not a valid address" },
        { "network.address6", "\"::1\"", "is not a valid address" },
        { "network.mac", "\"01:00:00:00:00:00\"", "multicast" },
        { "network.mac", "\"2:0:0:0:0:0\"", "is not a valid value" },
        { "network.mtu", "67", "expected 68 to 65535" },
        { "network.dns", "[ \"dns.example\" ]", "is not a valid value" },
        { "network.hosts", "[ \"db\" ]", "is not a valid value" },
        { "network.hosts", "[ \"a b:10.0.0.1\" ]", "is not a valid value" },
        { "ports", "[ \"80\" ]", "such as \"8080:80\"" },
        { "ports", "[ \"0:80\" ]", "is not a valid value" },
        { "ports", "[ \"65536:80\" ]", "is not a valid value" },
        { "ports", "[ \"80:80/icmp\" ]", "is not a valid value" },
        { "ports", "[ \"::1:80:80\" ]", "is not a valid value" },
        { "ports", "[ \"[::1:80:80\" ]", "is not a valid value" },
        { "ports", "[ \"host:80:80\" ]", "is not a valid value" },
        { "ports", "[ \"80-81:80\" ]", "differ in length" },
        { "ports", "[ \"81-80:81-80\" ]", "is not a valid value" },
        { "ports", "[ \"80:80\", \"70-90:70-90\" ]", "already published" },
        { "mounts", "( { source = \"/a\"; } )", "has no \"target\"" },
        { "mounts", "( { target = \"/a\"; } )", "has no \"source\"" },
        { "mounts", "( { target = \"/a\"; type = \"tmpfs\"; source = \"/b\"; } )",
          "cannot have a source" },
        { "mounts", "( { target = \"/a\"; source = \"/b\"; size = \"1M\"; } )", "is not a tmpfs" },
        { "mounts", "( { target = \"/\"; source = \"/b\"; } )", "the machine's root" },
        { "mounts", "( { target = \"/proc/sys\"; source = \"/b\"; } )", "is in /proc" },
        { "mounts", "( { target = \"/dev\"; source = \"/b\"; } )", "a kernel file system" },
        { "mounts",
          "( { target = \"/a\"; source = \"/b\"; }, { target = \"/a/\"; source = \"/c\"; } )",
          "the target of two mounts" },
        { "mounts", "( { target = \"/a\"; type = \"tmpfs\"; mode = \"9\"; } )", "octal mode" },
        { "devices", "[ \"/etc/passwd\" ]", "devices below /dev" },
        { "devices", "[ \"/dev/../etc/passwd\" ]", "is not a valid value" },
        { "devices", "[ \"/dev\" ]", "is not a valid value" },
        { "devices", "[ \"/dev/a:rr\" ]", "is not a valid value" },
        { "devices", "[ \"/dev/a:/dev/b:rw:x\" ]", "is not a valid value" },
        { "credentials", "( { name = \"a/b\"; path = \"c\"; } )", "a file name of letters" },
        { "credentials", "( { name = \"..\"; path = \"c\"; } )", "a file name of letters" },
        { "credentials", "( { name = \"a\"; } )", "either \"path\" or \"value\"" },
        { "credentials", "( { name = \"a\"; path = \"b\"; value = \"c\"; } )", "either" },
        { "credentials", "( { name = \"a\"; path = \"b\"; }, { name = \"a\"; value = \"c\"; } )",
          "duplicate credential \"a\"" },
        { "sysctl", "[ \"kernel.core_pattern=|/x\" ]", "the whole host's setting" },
        { "sysctl", "[ \"net..x=1\" ]", "is not a valid value" },
        { "sysctl", "[ \"net.+x=1\" ]", "is not a valid value" },
        { "sysctl", "[ \"net/../kernel/core_pattern=1\" ]", "is not a valid value" },
        { "sysctl", "[ \"net.x=1\\n2\" ]", "is not a valid value" },
        { "sysctl", "[ \"kernel.hostname=a\" ]", "write hostname = \"a\";" },
        { "sysctl", "[ \"net.x\" ]", "is not a valid value" },
        { "capabilities.profile", "\"none\"", "expected \"minimal\"" },
        { "capabilities.add", "[ \"CAP_SYS_ADMN\" ]", "did you mean \"CAP_SYS_ADMIN\"?" },
        { "capabilities.ambient", "[ \"all\" ]", "\"add\" and \"drop\" only" },
        { "seccomp.profile", "\"none\"", "\"FILE.json\"" },
        { "seccomp.allow", "[ \"Open\" ]", "did you mean \"open\"?" },
        { "seccomp.deny", "[ \"@nosuch\" ]", "not a group of system calls" },
        { "seccomp.deny", "[ \"read write\" ]", "not a system call" },
        { "environment", "[ \"A\" ]", "NAME=VALUE" },
        { "environment", "[ \"=B\" ]", "NAME=VALUE" },
        { "environment", "[ \"A B=C\" ]", "blank in a variable name" },
        { "labels", "[ \"=x\" ]", "is not a valid value" },
        { "stop.signal", "\"SIGFOO\"", "a signal such as" },
        { "stop.timeout", "\"10 seconds\"", "a time such as" },
        { "stop.timeout", "10", "write timeout = \"30s\";" },
        { "restart.limit", "0", "expected at least 1" },
        { "requires", "[ \"a/b\" ]", "names of machines" },
        { "requires", "[ \"web\" ]", "cannot wait for itself" },
        { "after", "[ \"-a\" ]", "names of machines" },
        { "limits", "5", "\"limits\" is a group" },
        { "hostname", "{ }", "\"hostname\" is a string, not a group" },
};

static void test_bad(void **state)
{
        struct setting *setting = *state;

        for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
                if (load_rooted(setting, definition_of(bad[i].key, bad[i].text)) != -EINVAL) {
                        fail_msg("accepted: %s = %s", bad[i].key, bad[i].text);
                }
                assert_finds(setting, bad[i].finding);
        }
}

/* The example of every key is accepted, alone and as shown in the manual. */
static void test_examples(void **state)
{
        const struct config_table *table = &config_machine_table;
        struct setting *setting = *state;

        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                const char *definition;
                bool is_root = strcmp(key->name, "rootfs") == 0 ||
                               strcmp(key->name, "overlay") == 0 || strcmp(key->name, "image") == 0;

                assert_non_null(key->help);
                if (key->kind == &config_kind_group) {
                        continue;
                }
                assert_non_null(key->example);
                definition = definition_of(key->name, key->example);
                (void)(is_root ? load_text(setting, definition) : load_rooted(setting, definition));
                for (size_t k = 0; k < setting->diagnostics.count; k++) {
                        if (strstr(setting->diagnostics.items[k].message, "not a value")) {
                                fail_msg("%s", setting->findings);
                        }
                }
        }
}

/* The defaults shown as values are the effective defaults. */
static void test_defaults(void **state)
{
        const struct config_table *table = &config_machine_table;
        struct machine *machine = machine_new("web");

        assert_non_null(machine);
        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                json_t *value;
                char *text;

                assert_int_equal(key->kind->emit(key, machine, &value), 0);
                if (!value || !key->default_text || strstr(key->default_text, " w") ||
                    strstr(key->default_text, " the") || !strcmp(key->name, "hostname") ||
                    strchr(key->default_text, ',')) {
                        json_decref(value);
                        continue;
                }
                text = json_dumps(value, JSON_ENCODE_ANY);
                if (strcmp(text, key->default_text) != 0) {
                        fail_msg("%s: %s, but %s", key->name, text, key->default_text);
                }
                free(text);
                json_decref(value);
        }
        machine_free(machine);
}

static void test_suggestions(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_rooted(setting, "hostnmae = \"a\";"), -EINVAL);
        assert_finds(setting, "did you mean \"hostname\"?");
        assert_int_equal(load_rooted(setting, "memory = \"1G\";"), -EINVAL);
        assert_finds(setting, "it belongs in \"limits\"");
        assert_int_equal(load_rooted(setting, "limits = { hostname = \"a\"; };"), -EINVAL);
        assert_finds(setting, "it belongs at the top level, outside of \"limits\"");
        assert_int_equal(load_rooted(setting, "frobnicate = 1;"), -EINVAL);
        assert_null(strstr(setting->findings, "did you mean"));
        /* A word of three letters of which two differ is another word; a group is not a limit of
         * restarts. */
        assert_int_equal(load_rooted(setting, "namespaces = { pid = \"host\"; };"), -EINVAL);
        assert_null(strstr(setting->findings, "did you mean"));
        assert_int_equal(load_rooted(setting, "limit = { tasks = 1; };"), -EINVAL);
        assert_finds(setting, "did you mean \"limits\"?");
        assert_int_equal(load_rooted(setting, "limit = 3;"), -EINVAL);
        assert_finds(setting, "it belongs in \"restart\"");
        assert_int_equal(load_rooted(setting, "x-own = 1; limits = { x-own = 2; };"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_examples, set_up, tear_down),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test_setup_teardown(test_suggestions, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
