/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.json as a machine, and the errors that name a member by its path and line. */
#include "unit.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mount/option.h"
#include "base/strings.h"
#include "oci/bundle/bundle.h"
#include "oci/bundle/fields.h"
#include "oci/bundle/locate.h"

#define PROCESS                                                                                    \
        "\"process\": { \"cwd\": \"/\", \"args\": [\"true\"], \"user\": { \"uid\": 1, \"gid\": 2 " \
        "} }"
#define NAMESPACES "{ \"type\": \"mount\" }, { \"type\": \"pid\" }, { \"type\": \"uts\" }"
#define HEAD       "{\n\"ociVersion\": \"1.2.0\",\n\"root\": { \"path\": \"rootfs\" },\n"
/* A configuration with more members of `linux`, on line 5. */
#define LINUX(more)     HEAD PROCESS ",\n\"linux\": { \"namespaces\": [ " NAMESPACES " ], " more " } }"
#define RESOURCES(more) LINUX("\"resources\": { " more " }")
/* One with more members of `process`, on line 4. */
#define WITH_PROCESS(more)                                                                     \
        HEAD "\"process\": { \"cwd\": \"/\", \"args\": [\"true\"], " more " },\n\"linux\": { " \
             "\"namespaces\": [ " NAMESPACES " ] } }"
/* One with mounts, on line 6. */
#define MOUNT(more)                                                                          \
        HEAD PROCESS ",\n\"linux\": { \"namespaces\": [ " NAMESPACES " ] },\n\"mounts\": [ " \
                     "{ \"destination\": \"/a\", " more " } ] }"

static void parse(const char *text, struct oci_bundle *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (oci_bundle_parse("/bundle", "config.json", text, strlen(text), ret, &error) < 0) {
                fail_msg("%s", error.message);
        }
}

static void test_minimal(void **state)
{
        _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
        const struct machine *machine;

        parse(LINUX("\"cgroupsPath\": \"/a/b\""), &bundle);
        machine = bundle.machine;
        assert_true(machine->bare);
        assert_string_equal(machine->root.directory, "/bundle/rootfs");
        assert_string_equal(machine->process.command[0], "true");
        assert_int_equal(machine->process.identity.uid, 1);
        assert_int_equal(machine->process.identity.gid, 2);
        assert_int_equal(machine->namespaces.given[MACHINE_NAMESPACE_PID].set,
                         MACHINE_NAMESPACE_NEW);
        assert_int_equal(machine->namespaces.given[MACHINE_NAMESPACE_NETWORK].set,
                         MACHINE_NAMESPACE_HOST);
        assert_int_equal(machine->network.mode, MACHINE_NETWORK_HOST);
        assert_int_equal(machine->namespaces.user, MACHINE_USER_NAMESPACE_NONE);
        assert_false(machine->security.no_new_privileges);
        assert_int_equal(machine->security.seccomp.profile, MACHINE_SECCOMP_OFF);
        assert_string_equal(bundle.cgroups_path, "/a/b");
        assert_null(bundle.unknown);
}

static void test_process(void **state)
{
        _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
        const struct machine_limits *limits;

        parse(WITH_PROCESS(
                      "\"terminal\": true, \"consoleSize\": { \"height\": 30, \"width\": 90 }, "
                      "\"user\": { \"uid\": 5, \"gid\": 6, \"umask\": 63, \"additionalGids\": [7, "
                      "8] }, "
                      "\"rlimits\": [ { \"type\": \"RLIMIT_NOFILE\", \"soft\": 10, "
                      "\"hard\": 18446744073709551615 } ], \"oomScoreAdj\": -5, "
                      "\"ioPriority\": { \"class\": \"IOPRIO_CLASS_IDLE\", \"priority\": 4 }, "
                      "\"scheduler\": { \"policy\": \"SCHED_BATCH\", \"nice\": 3, "
                      "\"flags\": [ \"SCHED_FLAG_RESET_ON_FORK\" ] }, "
                      "\"execCPUAffinity\": { \"initial\": \"0\", \"final\": \"0-1\" }, "
                      "\"capabilities\": { \"ambient\": [ \"CAP_CHOWN\" ] }, \"env\": null, "
                      "\"shape\": { \"round\": 1 }"),
              &bundle);
        limits = &bundle.machine->limits;
        assert_int_equal(bundle.machine->process.terminal_rows, 30);
        assert_int_equal(bundle.machine->process.terminal_columns, 90);
        assert_int_equal(bundle.machine->process.umask, 077);
        assert_int_equal(bundle.machine->process.identity.group_count, 2);
        assert_int_equal(bundle.machine->process.identity.groups[1], 8);
        assert_true(limits->resources[RLIMIT_NOFILE].set);
        assert_true(limits->resources[RLIMIT_NOFILE].hard == MACHINE_UNLIMITED);
        assert_int_equal(limits->oom_score_adjust, -5);
        assert_int_equal(limits->io_priority.kind, 3);
        assert_int_equal(limits->scheduler.nice, 3);
        assert_int_equal(limits->scheduler.flags, 1);
        assert_string_equal(bundle.machine->process.exec_cpus, "0-1");
        assert_string_equal(
                bundle.machine->security.capabilities.sets[MACHINE_CAPABILITY_AMBIENT][0],
                "CAP_CHOWN");
        assert_string_equal(bundle.unknown[0], "process.shape");
        assert_null(bundle.unknown[1]);
}

static void test_resources(void **state)
{
        _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
        const struct machine_limits *limits;

        parse(RESOURCES(
                      "\"memory\": { \"limit\": 1000, \"swap\": 1500, \"reservation\": 500, "
                      "\"kernel\": -1, \"disableOOMKiller\": false, \"checkBeforeUpdate\": true }, "
                      "\"cpu\": { \"shares\": 1024, \"quota\": -1, \"period\": 50000, \"idle\": 1, "
                      "\"cpus\": \"0\" }, \"pids\": { \"limit\": 0 }, "
                      "\"blockIO\": { \"weight\": 1000, \"throttleReadBpsDevice\": [ { \"major\": "
                      "8, "
                      "\"minor\": 0, \"rate\": 600 } ], \"throttleWriteIOPSDevice\": [ { "
                      "\"major\": 8, "
                      "\"minor\": 0, \"rate\": 7 } ] }, "
                      "\"hugepageLimits\": [ { \"pageSize\": \"2MB\", \"limit\": 4096 } ], "
                      "\"rdma\": { \"mlx5_1\": { \"hcaHandles\": 3 } }, "
                      "\"unified\": { \"memory.high\": \"5000\" }, "
                      "\"devices\": [ { \"allow\": false, \"access\": \"rwm\" }, { \"allow\": "
                      "true, "
                      "\"type\": \"c\", \"major\": 10, \"minor\": 229, \"access\": \"rw\" } ]"),
              &bundle);
        limits = &bundle.machine->limits;
        assert_int_equal(limits->memory, 1000);
        assert_int_equal(limits->swap, 500);
        assert_int_equal(limits->memory_low, 500);
        assert_int_equal(limits->cpu_weight, 100);
        assert_true(limits->cpu_quota == MACHINE_UNLIMITED);
        assert_int_equal(limits->cpu_period, 50000);
        assert_int_equal(limits->cpu_idle, 1);
        assert_true(limits->tasks == MACHINE_UNLIMITED);
        assert_int_equal(limits->io_weight, 10000);
        assert_int_equal(limits->io_count, 1);
        assert_string_equal(limits->io[0].device, "8:0");
        assert_int_equal(limits->io[0].read_bandwidth, 600);
        assert_int_equal(limits->io[0].write_iops, 7);
        assert_string_equal(limits->hugepages[0], "2M=4096");
        assert_string_equal(limits->rdma[0], "mlx5_1 hca_handle=3");
        assert_string_equal(limits->unified[0], "memory.high=5000");
        assert_int_equal(limits->device_rule_count, 2);
        assert_true(limits->device_rules[0].major == MACHINE_UNSET);
        assert_int_equal(limits->device_rules[1].minor, 229);
}

static void test_details(void **state)
{
        _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
        const struct machine *machine;

        parse(HEAD PROCESS
              ",\n\"hostname\": \"h\", \"annotations\": { \"a.b\": \"c\" }, \"hooks\": { "
              "\"poststop\": "
              "[ { \"path\": \"/x\", \"args\": [\"x\"], \"timeout\": 5 } ] }, "
              "\"linux\": { \"namespaces\": [ " NAMESPACES
              ", { \"type\": \"user\" }, { \"type\": \"time\" }, { \"type\": \"network\", "
              "\"path\": "
              "\"/n\" } ], \"uidMappings\": [ { \"containerID\": 0, \"hostID\": 1000, \"size\": 10 "
              "} ], "
              "\"gidMappings\": [ { \"containerID\": 0, \"hostID\": 2000, \"size\": 10 } ], "
              "\"timeOffsets\": { \"monotonic\": { \"secs\": -3, \"nanosecs\": 4 } }, "
              "\"devices\": [ { \"type\": \"c\", \"path\": \"/dev/fuse\", \"major\": 10, "
              "\"minor\": 229, "
              "\"fileMode\": 8630 } ], \"netDevices\": { \"eth7\": { \"name\": \"a0\" } }, "
              "\"memoryPolicy\": { \"mode\": \"MPOL_BIND\", \"nodes\": \"0\", "
              "\"flags\": [\"MPOL_F_STATIC_NODES\"] }, \"personality\": { \"domain\": \"LINUX32\" "
              "}, "
              "\"sysctl\": { \"net.core.somaxconn\": \"5\" }, \"rootfsPropagation\": \"rslave\", "
              "\"seccomp\": { \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [ { \"names\": "
              "[\"mkdir\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [ { \"index\": 0, \"value\": "
              "18446744073709551615, \"op\": \"SCMP_CMP_EQ\" } ] } ] } }, \"mounts\": [ { "
              "\"destination\": \"data\", \"source\": \"x\", \"options\": [\"rbind\", \"idmap\"] } "
              "] }",
              &bundle);
        machine = bundle.machine;
        assert_int_equal(machine->namespaces.user, MACHINE_USER_NAMESPACE_MAPS);
        assert_int_equal(machine->namespaces.maps.uids[0].host, 1000);
        assert_int_equal(machine->namespaces.maps.gids[0].host, 2000);
        assert_true(machine->namespaces.monotonic.seconds == -3);
        assert_int_equal(machine->network.mode, MACHINE_NETWORK_PATH);
        assert_string_equal(machine->network.devices[0].name, "a0");
        assert_int_equal(machine->nodes[0].mode, 0666);
        assert_int_equal(machine->limits.memory_policy.flags, MPOL_F_STATIC_NODES);
        assert_int_equal(machine->limits.personality, PER_LINUX32);
        assert_string_equal(machine->sysctl[0], "net.core.somaxconn=5");
        assert_int_equal(machine->root.propagation, MACHINE_PROPAGATION_SLAVE);
        assert_true(machine->root.propagation_recursive);
        assert_int_equal(machine->security.seccomp.profile, MACHINE_SECCOMP_TEXT);
        assert_int_equal(machine->mounts[0].type, MACHINE_MOUNT_BIND);
        assert_string_equal(machine->mounts[0].source, "/bundle/x");
        assert_string_equal(machine->mounts[0].target, "/data");
        assert_string_equal(bundle.annotations[0], "a.b=c");
        assert_int_equal(bundle.hooks.lists[OCI_HOOK_POSTSTOP].items[0].timeout, 5000000);
}

/* Each with the line and the path that the message must begin with, and a part of the reason. */
static const struct {
        const char *text;
        const char *start;
        const char *part;
} wrong[] = {
        { "", "config.json:1:", "" },
        { "{\n,", "config.json:2:", "" },
        { "[]", "config.json:1: ", "not an object" },
        { "{}", "config.json:1: ociVersion: ", "required" },
        { "{ \"a\": 1, \"a\": 2 }", "config.json:1:", "duplicate" },
        { "{ \"ociVersion\": \"2.0.0\", " PROCESS ", \"root\": { \"path\": \"x\" } }",
          "config.json:1: ociVersion: ", "not supported" },
        { HEAD PROCESS " }", "config.json:1: linux.namespaces: ", "mount namespace" },
        { HEAD "\"process\": { \"cwd\": \"/\" } }", "config.json:4: process.args: ", "required" },
        { HEAD "\"process\": { \"cwd\": \"/\", \"args\": [] } }",
          "config.json:4: process.args: ", "at least" },
        { HEAD "\"process\": { \"cwd\": \"a\", \"args\": [\"x\"] } }",
          "config.json:4: process.cwd: ", "absolute" },
        { HEAD "\"process\": { \"cwd\": \"/\", \"args\": [\"x\", 1] } }",
          "config.json:4: process.args[1]: ", "must be a string, not an integer" },
        { HEAD "\"process\": { \"cwd\": \"/\", \"args\": [\"x\\u0000y\"] } }",
          "config.json:4: ", "u0000" },
        { WITH_PROCESS("\"user\": { \"uid\": 4294967295, \"gid\": 0 }"),
          "config.json:4: process.user.uid: ", "from 0 to" },
        { WITH_PROCESS("\"user\": { \"uid\": 0, \"gid\": 0, \"umask\": 512 }"),
          "config.json:4: process.user.umask: ", "from 0 to 511" },
        { WITH_PROCESS("\"rlimits\": [ { \"type\": \"RLIMIT_X\", \"soft\": 1, \"hard\": 1 } ]"),
          "config.json:4: process.rlimits[0].type: ", "RLIMIT_NOFILE" },
        { WITH_PROCESS("\"rlimits\": [ { \"type\": \"RLIMIT_CPU\", \"soft\": 2, \"hard\": "
                       "1 } ]"),
          "config.json:4: process.rlimits[0].soft: ", "hard limit" },
        { WITH_PROCESS("\"rlimits\": [ { \"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 1 }, "
                       "{ \"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 1 } ]"),
          "config.json:4: process.rlimits[1].type: ", "second time" },
        { WITH_PROCESS("\"oomScoreAdj\": 1001"), "config.json:4: process.oomScoreAdj: ", "" },
        { WITH_PROCESS("\"scheduler\": { \"policy\": \"SCHED_FIFO\" }"),
          "config.json:4: process.scheduler.priority: ", "1 to 99" },
        { WITH_PROCESS("\"scheduler\": { \"policy\": \"SCHED_OTHER\", \"flags\": "
                       "[\"SCHED_FLAG_UTIL_CLAMP_MIN\"] }"),
          "config.json:4: process.scheduler.flags: ", "not supported" },
        { WITH_PROCESS("\"commandLine\": \"x\""),
          "config.json:4: process.commandLine: ", "Windows" },
        { WITH_PROCESS("\"terminal\": 1"),
          "config.json:4: process.terminal: ", "must be true or false" },
        { RESOURCES("\"memory\": { \"swap\": 5 }"),
          "config.json:5: linux.resources.memory.swap: ", "needs a limit" },
        { RESOURCES("\"memory\": { \"swappiness\": 5 }"),
          "config.json:5: linux.resources.memory.swappiness: ", "only cgroup v1" },
        { RESOURCES("\"memory\": { \"kernel\": 5 }"),
          "config.json:5: linux.resources.memory.kernel: ", "only cgroup v1" },
        { RESOURCES("\"memory\": { \"disableOOMKiller\": true }"),
          "config.json:5: linux.resources.memory.disableOOMKiller: ", "only cgroup v1" },
        { RESOURCES("\"cpu\": { \"realtimeRuntime\": 1 }"),
          "config.json:5: linux.resources.cpu.realtimeRuntime: ", "only cgroup v1" },
        { RESOURCES("\"cpu\": { \"cpus\": \"0-\" }"),
          "config.json:5: linux.resources.cpu.cpus: ", "list of numbers" },
        { RESOURCES("\"blockIO\": { \"leafWeight\": 5 }"),
          "config.json:5: linux.resources.blockIO.leafWeight: ", "only cgroup v1" },
        { RESOURCES("\"network\": { \"classID\": 5 }"),
          "config.json:5: linux.resources.network.classID: ", "only cgroup v1" },
        { RESOURCES("\"unified\": { \"../x\": \"1\" }"),
          "config.json:5: linux.resources.unified[\"../x\"]: ", "name of a file" },
        { RESOURCES("\"hugepageLimits\": [ { \"pageSize\": \"2XB\", \"limit\": 1 } ]"),
          "config.json:5: linux.resources.hugepageLimits[0].pageSize: ", "64KB" },
        { LINUX("\"intelRdt\": {}"), "config.json:5: linux.intelRdt: ", "not supported" },
        { LINUX("\"timeOffsets\": { \"monotonic\": {} }"),
          "config.json:5: linux.timeOffsets: ", "time namespace" },
        { LINUX("\"uidMappings\": [ { \"containerID\": 0, \"hostID\": 0, \"size\": 1 } ]"),
          "config.json:5: linux.uidMappings: ", "user namespace" },
        { LINUX("\"maskedPaths\": [\"proc\"]"), "config.json:5: linux.maskedPaths: ", "absolute" },
        { LINUX("\"netDevices\": { \"a/b\": {} }"),
          "config.json:5: linux.netDevices[\"a/b\"]: ", "network interface" },
        { LINUX("\"devices\": [ { \"type\": \"c\", \"path\": \"/dev/x\", \"major\": 1 } ]"),
          "config.json:5: linux.devices[0].minor: ", "required" },
        { LINUX("\"devices\": [ { \"type\": \"q\", \"path\": \"/dev/x\" } ]"),
          "config.json:5: linux.devices[0].type: ", "none of" },
        { LINUX("\"personality\": { \"domain\": \"LINUX64\" }"),
          "config.json:5: linux.personality.domain: ", "LINUX32" },
        { LINUX("\"seccomp\": { \"defaultAction\": \"SCMP_ACT_ALLOW\", "
                "\"listenerMetadata\": \"x\" }"),
          "config.json:5: linux.seccomp.listenerMetadata: ", "listenerPath" },
        { MOUNT("\"type\": \"none\""), "config.json:6: mounts[0].type: ", "required" },
        { MOUNT("\"options\": [\"bind\"]"), "config.json:6: mounts[0].source: ", "needs" },
        { MOUNT("\"source\": \"/x\", \"options\": [\"bind\", \"size=3\"]"),
          "config.json:6: mounts[0].options[1]: ", "size=3" },
        { MOUNT("\"type\": \"tmpfs\", \"options\": [\"mand\"]"),
          "config.json:6: mounts[0].options[0]: ", "mandatory" },
        { MOUNT("\"source\": \"/x\", \"options\": [\"bind\", \"idmap\"]"),
          "config.json:6: mounts[0].options: ", "uidMappings" },
};

static void test_wrong(void **state)
{
        for (size_t i = 0; i < ELEMENTS_OF(wrong); i++) {
                _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

                if (oci_bundle_parse("/bundle", "config.json", wrong[i].text, strlen(wrong[i].text),
                                     &bundle, &error) >= 0) {
                        fail_msg("accepted: %s", wrong[i].text);
                }
                if (!string_after(error.message, wrong[i].start) ||
                    !strstr(error.message, wrong[i].part)) {
                        fail_msg("%s\nis not: %s..%s", error.message, wrong[i].start,
                                 wrong[i].part);
                }
                assert_int_equal(error.kind, MACHINE_ERROR_DEFINITION);
        }
}

/* What `features` lists is what the reader takes, and nothing else. */
static void test_features(void **state)
{
        const struct oci_feature_lists lists = { 0 };
        _cleanup_free_ char *text = oci_features(&lists);
        _cleanup_json_ json_t *features = json_parse(text, strlen(text), &(json_error_t){ 0 });
        const json_t *options = json_object_get(features, "mountOptions");
        size_t index, listed = 0;
        json_t *option;

        assert_non_null(features);
        json_array_foreach(options, index, option)
        {
                _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
                const char *name = json_string_value(option);
                bool mapped = strstr(name, "idmap");
                _cleanup_free_ char *config = string_format(
                        MOUNT("\"source\": \"/x\", \"options\": [\"bind\", \"%s\"] %s"), name,
                        mapped ? ", \"uidMappings\": "
                                 "[{\"containerID\":0,\"hostID\":0,\"size\":1}], "
                                 "\"gidMappings\": [{\"containerID\":0,\"hostID\":0,\"size\":1}]"
                               : "");

                parse(config, &bundle);
        }
        for (size_t i = 0; i < mount_options_known_count; i++) {
                listed += mount_options_known[i].kind != MOUNT_OPTION_REFUSED;
        }
        assert_int_equal(json_array_size(options), listed);
        assert_int_equal(json_array_size(json_object_get(features, "hooks")), OCI_HOOK_KINDS);
        assert_false(json_is_true(json_object_get(
                json_object_get(json_object_get(features, "linux"), "intelRdt"), "enabled")));
}

static void test_spec(void **state)
{
        for (int rootless = 0; rootless <= 1; rootless++) {
                _cleanup_free_ char *text = oci_spec(rootless);
                _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };

                assert_non_null(text);
                parse(text, &bundle);
                assert_null(bundle.unknown);
                assert_int_equal(bundle.machine->mount_count, rootless ? 6 : 7);
        }
}

/* Numbers that are the same in every run: xorshift. */
static uint32_t next_number(uint32_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

/* Changes a byte, or leaves a part out, or repeats one. */
static size_t mutate(char *text, size_t length, uint32_t *state)
{
        static const char bytes[] = "\"{}[],:0123456789-truefalsnl.\\\x01\xff /";
        size_t at = next_number(state) % length, part = next_number(state) % 12;

        part = part > length - at ? length - at : part;
        switch (next_number(state) % 3) {
        case 0:
                text[at] = bytes[next_number(state) % (sizeof bytes - 1)];
                return length;
        case 1:
                memmove(text + at, text + at + part, length - at - part);
                return length - part;
        default:
                memmove(text + at + part, text + at, length - at);
                return length + part;
        }
}

#define MUTATIONS 2000

/* No mutation of a good configuration does harm, and each error has its place. */
static void test_mutations(void **state)
{
        _cleanup_free_ char *good = NULL, *text = NULL;
        size_t length, accepted = 0;
        uint32_t numbers = 4711;

        assert_int_equal(file_read(AT_FDCWD, GOOD_CONFIGURATION, 1 << 20, &good, &length), 0);
        text = malloc(length + 64);
        assert_non_null(text);
        for (int i = 0; i < MUTATIONS; i++) {
                _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
                size_t changed = length;

                memcpy(text, good, length);
                for (uint32_t times = i == 0 ? 0 : 1 + next_number(&numbers) % 3; times > 0;
                     times--) {
                        changed = mutate(text, changed, &numbers);
                }
                if (oci_bundle_parse("/bundle", "config.json", text, changed, &bundle, &error) ==
                    0) {
                        accepted++;
                } else {
                        assert_non_null(string_after(error.message, "config.json:"));
                        assert_true(atoi(error.message + strlen("config.json:")) > 0);
                }
        }
        assert_true(accepted > 0 && accepted < MUTATIONS / 2);
}

static void test_locate(void **state)
{
        const char *text = "{ \"a\": [\n 1, { \"b\": \"]\" },\n {\n \"c.d\": [] } ],\n \"e\": {} }";

        assert_int_equal(json_locate(text, strlen(text), "a[1].b"), 2);
        assert_int_equal(json_locate(text, strlen(text), "a[2]"), 3);
        assert_int_equal(json_locate(text, strlen(text), "a[2][\"c.d\"]"), 4);
        assert_int_equal(json_locate(text, strlen(text), "a[7]"), 1);
        assert_int_equal(json_locate(text, strlen(text), "e.f"), 5);
        assert_int_equal(json_locate(text, strlen(text), ""), 1);
        assert_int_equal(json_locate("[", 1, "[0][0]"), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_minimal),   cmocka_unit_test(test_process),
                cmocka_unit_test(test_resources), cmocka_unit_test(test_details),
                cmocka_unit_test(test_wrong),     cmocka_unit_test(test_features),
                cmocka_unit_test(test_spec),      cmocka_unit_test(test_locate),
                cmocka_unit_test(test_mutations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
