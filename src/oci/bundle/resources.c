/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "linux.resources": config-linux.md, "Control groups". The fields are those of cgroup v1; what
 * they come to in v2 follows github.com/opencontainers/cgroups, so that a bundle gets the same
 * limits from every runtime. */

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

#define ONLY_V1 "only cgroup v1 has it, and containers run in v2"

/* ---- numbers ---- */

/* Takes a limit in which -1 is none and 0 is not set. */
static int take_limit(struct oci_reader *reader, const json_t *value, uint64_t *place)
{
        int64_t limit;
        int r = oci_take_number(reader, value, -1, INT64_MAX, &limit);

        if (r == 0 && limit != 0) {
                *place = limit < 0 ? MACHINE_UNLIMITED : (uint64_t)limit;
        }
        return r;
}

static int take_positive(struct oci_reader *reader, const json_t *value, int64_t maximum,
                         uint64_t *place)
{
        int64_t number;
        int r = oci_take_number(reader, value, 0, maximum, &number);

        if (r == 0 && number > 0) {
                *place = (uint64_t)number;
        }
        return r;
}

/* Takes the value that asks for nothing of a setting that cannot be had. */
static int take_only(struct oci_reader *reader, const json_t *value, bool asks_nothing)
{
        return asks_nothing ? 0 : oci_wrong(reader, ONLY_V1);
}

/* ---- memory ---- */

static int take_memory(struct oci_reader *reader, const json_t *value)
{
        return take_limit(reader, value, &reader->machine->limits.memory);
}

static int take_reservation(struct oci_reader *reader, const json_t *value)
{
        return take_limit(reader, value, &reader->machine->limits.memory_low);
}

static int take_swap(struct oci_reader *reader, const json_t *value)
{
        return take_limit(reader, value, &reader->machine->limits.swap);
}

static int take_kernel_memory(struct oci_reader *reader, const json_t *value)
{
        return take_only(reader, value, json_is_integer(value) && json_integer_value(value) <= 0);
}

static int take_oom_killer(struct oci_reader *reader, const json_t *value)
{
        return take_only(reader, value, json_is_false(value));
}

static int take_hierarchy(struct oci_reader *reader, const json_t *value)
{
        return take_only(reader, value, json_is_true(value));
}

/* A limit below the usage is always refused, as it would cost processes: so both values are done.
 */
static int take_check(struct oci_reader *reader, const json_t *value)
{
        return 0;
}

/* The bundle's is the sum of memory and swap, v2 has swap alone. */
static int finish_memory(struct oci_reader *reader, const json_t *value)
{
        struct machine_limits *limits = &reader->machine->limits;

        if (limits->swap == MACHINE_UNSET || limits->swap == MACHINE_UNLIMITED) {
                return 0;
        }
        if (limits->memory == MACHINE_UNSET || limits->memory == MACHINE_UNLIMITED) {
                return oci_wrong_member(reader, "swap",
                                        "the sum of memory and swap needs a limit of memory");
        }
        if (limits->swap < limits->memory) {
                return oci_wrong_member(reader, "swap",
                                        "the sum of memory and swap is less than the limit of "
                                        "memory, %" PRIu64,
                                        limits->memory);
        }
        limits->swap -= limits->memory;
        return 0;
}

static const struct oci_field memory_fields[] = {
        { "limit", OCI_INTEGER, false, take_memory },
        { "reservation", OCI_INTEGER, false, take_reservation },
        { "swap", OCI_INTEGER, false, take_swap },
        { "kernel", OCI_INTEGER, false, take_kernel_memory },
        { "kernelTCP", OCI_INTEGER, false, take_kernel_memory },
        { "swappiness", OCI_INTEGER, .refused = ONLY_V1 },
        { "disableOOMKiller", OCI_BOOLEAN, false, take_oom_killer },
        { "useHierarchy", OCI_BOOLEAN, false, take_hierarchy },
        { "checkBeforeUpdate", OCI_BOOLEAN, false, take_check },
        { 0 },
};

/* ---- CPU ---- */

#define SHARES_MINIMUM 2
#define SHARES_MAXIMUM 262144
#define WEIGHT_MAXIMUM 10000

/* From v1's shares to v2's weight, so that least, default (1024 and 100) and most agree:
 * 10^(x(x+125)/612 - 7/34) with x the binary logarithm. */
static uint64_t weight_of_shares(uint64_t shares)
{
        double logarithm;

        if (shares <= SHARES_MINIMUM) {
                return 1;
        }
        if (shares >= SHARES_MAXIMUM) {
                return WEIGHT_MAXIMUM;
        }
        logarithm = log2((double)shares);
        return (uint64_t)ceil(pow(10, logarithm * (logarithm + 125) / 612 - 7.0 / 34));
}

static int take_shares(struct oci_reader *reader, const json_t *value)
{
        uint64_t shares = 0;
        int r = take_positive(reader, value, INT64_MAX, &shares);

        if (r == 0 && shares > 0) {
                reader->machine->limits.cpu_weight = weight_of_shares(shares);
        }
        return r;
}

static int take_quota(struct oci_reader *reader, const json_t *value)
{
        return take_limit(reader, value, &reader->machine->limits.cpu_quota);
}

static int take_burst(struct oci_reader *reader, const json_t *value)
{
        int64_t burst;
        int r = oci_take_number(reader, value, 0, INT64_MAX, &burst);

        if (r == 0) {
                reader->machine->limits.cpu_burst = (uint64_t)burst;
        }
        return r;
}

static int take_period(struct oci_reader *reader, const json_t *value)
{
        return take_positive(reader, value, INT64_MAX, &reader->machine->limits.cpu_period);
}

static int take_realtime(struct oci_reader *reader, const json_t *value)
{
        return take_only(reader, value, json_is_integer(value) && json_integer_value(value) == 0);
}

static int take_idle(struct oci_reader *reader, const json_t *value)
{
        int64_t idle;
        int r = oci_take_number(reader, value, 0, 1, &idle);

        if (r == 0) {
                reader->machine->limits.cpu_idle = (uint64_t)idle;
        }
        return r;
}

#define PROCESSORS_MAXIMUM 8192
#define NODES_MAXIMUM      1024

static int take_cpus(struct oci_reader *reader, const json_t *value)
{
        return oci_take_set(reader, value, PROCESSORS_MAXIMUM, &reader->machine->limits.cpus);
}

static int take_mems(struct oci_reader *reader, const json_t *value)
{
        return oci_take_set(reader, value, NODES_MAXIMUM, &reader->machine->limits.memory_nodes);
}

static int finish_cpu(struct oci_reader *reader, const json_t *value)
{
        const struct machine_limits *limits = &reader->machine->limits;

        if (limits->cpu_burst != MACHINE_UNSET && limits->cpu_quota != MACHINE_UNSET &&
            limits->cpu_burst > limits->cpu_quota) {
                return oci_wrong_member(reader, "burst", "this is more than the quota");
        }
        return 0;
}

static const struct oci_field cpu_fields[] = {
        { "shares", OCI_INTEGER, false, take_shares },
        { "quota", OCI_INTEGER, false, take_quota },
        { "burst", OCI_INTEGER, false, take_burst },
        { "period", OCI_INTEGER, false, take_period },
        { "realtimeRuntime", OCI_INTEGER, false, take_realtime },
        { "realtimePeriod", OCI_INTEGER, false, take_realtime },
        { "cpus", OCI_STRING, false, take_cpus },
        { "mems", OCI_STRING, false, take_mems },
        { "idle", OCI_INTEGER, false, take_idle },
        { 0 },
};

/* ---- pids ---- */

/* The specification has 0 as a limit, but Podman's way to ask for none is 0, and so crun takes it.
 */
static int take_tasks(struct oci_reader *reader, const json_t *value)
{
        int64_t limit;
        int r = oci_take_number(reader, value, -1, INT64_MAX, &limit);

        if (r == 0) {
                reader->machine->limits.tasks = limit <= 0 ? MACHINE_UNLIMITED : (uint64_t)limit;
        }
        return r;
}

static const struct oci_field pids_fields[] = {
        { "limit", OCI_INTEGER, false, take_tasks },
        { 0 },
};

/* ---- block devices ---- */

#define BLOCK_WEIGHT_MINIMUM 10
#define BLOCK_WEIGHT_MAXIMUM 1000

static int take_block_weight(struct oci_reader *reader, const json_t *value)
{
        uint64_t weight = 0;
        int r = take_positive(reader, value, BLOCK_WEIGHT_MAXIMUM, &weight);

        if (r < 0 || weight == 0) {
                return r;
        }
        if (weight < BLOCK_WEIGHT_MINIMUM) {
                return oci_wrong(reader, "this must be from %d to %d", BLOCK_WEIGHT_MINIMUM,
                                 BLOCK_WEIGHT_MAXIMUM);
        }
        /* The two ranges, 10..1000 and 1..10000, laid over each other. */
        reader->machine->limits.io_weight =
                1 + (weight - BLOCK_WEIGHT_MINIMUM) * (WEIGHT_MAXIMUM - 1) /
                            (BLOCK_WEIGHT_MAXIMUM - BLOCK_WEIGHT_MINIMUM);
        return 0;
}

/* A device is a pair of fields, which the first field that takes a value needs. */
static int take_device_name(struct oci_reader *reader, const json_t *object, char **ret)
{
        const char *const names[] = { "major", "minor" };
        uint64_t numbers[2];

        for (size_t i = 0; i < 2; i++) {
                if (json_get_number(object, names[i], &numbers[i]) < 0 || numbers[i] > UINT32_MAX) {
                        return oci_wrong_member(reader, names[i],
                                                "this must be the number of a device");
                }
        }
        *ret = string_format("%" PRIu64 ":%" PRIu64, numbers[0], numbers[1]);
        return *ret ? 0 : error_oom(reader->error);
}

static int begin_weight_device(struct oci_reader *reader, const json_t *value)
{
        struct machine_limits *limits = &reader->machine->limits;
        struct machine_io_weight *weight =
                oci_grow(reader, &limits->io_weights, &limits->io_weight_count, sizeof *weight);

        reader->item = weight;
        return weight ? 0 : -ENOMEM;
}

static int take_device_weight(struct oci_reader *reader, const json_t *value)
{
        int64_t weight;
        int r = oci_take_number(reader, value, 1, BLOCK_WEIGHT_MAXIMUM, &weight);

        if (r == 0) {
                ((struct machine_io_weight *)reader->item)->weight = (uint64_t)weight;
        }
        return r;
}

static int finish_weight_device(struct oci_reader *reader, const json_t *value)
{
        struct machine_io_weight *weight = reader->item;

        return weight->weight == 0
                       ? oci_wrong_member(reader, "weight", "this is required and missing")
                       : take_device_name(reader, value, &weight->device);
}

static const struct oci_field weight_device_fields[] = {
        { "major", OCI_INTEGER, true },
        { "minor", OCI_INTEGER, true },
        { "weight", OCI_INTEGER, false, take_device_weight },
        { "leafWeight", OCI_INTEGER, .refused = ONLY_V1 },
        { 0 },
};

/* The limits of one device are in one place, the lists in four. */
static struct machine_io_limit *limit_of(struct oci_reader *reader, const char *device)
{
        struct machine_limits *limits = &reader->machine->limits;
        struct machine_io_limit *limit;

        for (size_t i = 0; i < limits->io_count; i++) {
                if (string_equal(limits->io[i].device, device)) {
                        return &limits->io[i];
                }
        }
        limit = oci_grow(reader, &limits->io, &limits->io_count, sizeof *limit);
        if (limit) {
                *limit = (struct machine_io_limit){
                        .device = strdup(device),
                        .read_bandwidth = MACHINE_UNSET,
                        .write_bandwidth = MACHINE_UNSET,
                        .read_iops = MACHINE_UNSET,
                        .write_iops = MACHINE_UNSET,
                };
        }
        if (limit && !limit->device) {
                error_oom(reader->error);
                return NULL;
        }
        return limit;
}

static int finish_throttle(struct oci_reader *reader, const json_t *value, size_t offset)
{
        _cleanup_free_ char *device = NULL;
        struct machine_io_limit *limit;
        uint64_t rate;
        int r = take_device_name(reader, value, &device);

        if (r == 0 && json_get_number(value, "rate", &rate) < 0) {
                r = oci_wrong_member(reader, "rate", "this must not be negative");
        }
        if (r < 0) {
                return r;
        }
        limit = limit_of(reader, device);
        if (!limit) {
                return -ENOMEM;
        }
        /* v1's way to say that there is no limit. */
        *(uint64_t *)((char *)limit + offset) = rate == 0 ? MACHINE_UNLIMITED : rate;
        return 0;
}

#define THROTTLE(name)                                                                          \
        static int finish_##name(struct oci_reader *reader, const json_t *value)                \
        {                                                                                       \
                return finish_throttle(reader, value, offsetof(struct machine_io_limit, name)); \
        }

THROTTLE(read_bandwidth)
THROTTLE(write_bandwidth)
THROTTLE(read_iops)
THROTTLE(write_iops)

static const struct oci_field throttle_fields[] = {
        { "major", OCI_INTEGER, true },
        { "minor", OCI_INTEGER, true },
        { "rate", OCI_INTEGER, true },
        { 0 },
};

static const struct oci_field block_fields[] = {
        { "weight", OCI_INTEGER, false, take_block_weight },
        { "leafWeight", OCI_INTEGER, .refused = ONLY_V1 },
        { "weightDevice", OCI_LIST, false, begin_weight_device, weight_device_fields,
          finish_weight_device },
        { "throttleReadBpsDevice", OCI_LIST, false, NULL, throttle_fields, finish_read_bandwidth },
        { "throttleWriteBpsDevice", OCI_LIST, false, NULL, throttle_fields,
          finish_write_bandwidth },
        { "throttleReadIOPSDevice", OCI_LIST, false, NULL, throttle_fields, finish_read_iops },
        { "throttleWriteIOPSDevice", OCI_LIST, false, NULL, throttle_fields, finish_write_iops },
        { 0 },
};

/* ---- huge pages ---- */

/* "2MB" is "2M" in a definition. */
static int finish_huge_pages(struct oci_reader *reader, const json_t *value)
{
        const char *size = json_get_string(value, "pageSize");
        size_t digits = strspn(size, "0123456789");
        uint64_t limit;

        if (digits == 0 || size[digits] == '\0' || !strchr("KMG", size[digits]) ||
            !string_equal(size + digits + 1, "B")) {
                return oci_wrong_member(reader, "pageSize",
                                        "\"%s\" is not of the form 64KB, 2MB, 1GB", size);
        }
        if (json_get_number(value, "limit", &limit) < 0) {
                return oci_wrong_member(reader, "limit", "this must not be negative");
        }
        return strv_take(&reader->machine->limits.hugepages,
                         limit > INT64_MAX
                                 ? string_format("%.*s=max", (int)digits + 1, size)
                                 : string_format("%.*s=%" PRIu64, (int)digits + 1, size, limit)) < 0
                       ? error_oom(reader->error)
                       : 0;
}

static const struct oci_field huge_page_fields[] = {
        { "pageSize", OCI_STRING, true },
        { "limit", OCI_INTEGER, true },
        { 0 },
};

/* ---- network ---- */

static int take_priorities(struct oci_reader *reader, const json_t *value)
{
        return oci_wrong(reader, ONLY_V1);
}

static const struct oci_field network_fields[] = {
        { "classID", OCI_INTEGER, .refused = ONLY_V1 },
        { "priorities", OCI_LIST, false, take_priorities },
        { 0 },
};

/* ---- RDMA ---- */

static int finish_rdma(struct oci_reader *reader, const json_t *value)
{
        uint64_t handles = 0, objects = 0;
        bool has_handles = json_get_number(value, "hcaHandles", &handles) == 0;
        bool has_objects = json_get_number(value, "hcaObjects", &objects) == 0;
        char text[2][32] = { "", "" };

        if (!has_handles && !has_objects) {
                return oci_wrong(reader, "this needs hcaHandles or hcaObjects");
        }
        if (handles > UINT32_MAX || objects > UINT32_MAX || strpbrk(reader->key, " \n")) {
                return oci_wrong(reader, "the limit of an RDMA device is a number of 32 bits");
        }
        if (has_handles) {
                snprintf(text[0], sizeof text[0], " hca_handle=%" PRIu64, handles);
        }
        if (has_objects) {
                snprintf(text[1], sizeof text[1], " hca_object=%" PRIu64, objects);
        }
        return strv_take(&reader->machine->limits.rdma,
                         string_format("%s%s%s", reader->key, text[0], text[1])) < 0
                       ? error_oom(reader->error)
                       : 0;
}

static const struct oci_field rdma_fields[] = {
        { "hcaHandles", OCI_INTEGER, false },
        { "hcaObjects", OCI_INTEGER, false },
        { 0 },
};

/* ---- access to devices ---- */

static int begin_rule(struct oci_reader *reader, const json_t *value)
{
        struct machine_limits *limits = &reader->machine->limits;
        struct machine_device_rule *rule =
                oci_grow(reader, &limits->device_rules, &limits->device_rule_count, sizeof *rule);

        reader->item = rule;
        if (rule) {
                *rule = (struct machine_device_rule){
                        .type = 'a', .major = MACHINE_UNSET, .minor = MACHINE_UNSET, .access = "rwm"
                };
        }
        return rule ? 0 : -ENOMEM;
}

static int take_allow(struct oci_reader *reader, const json_t *value)
{
        ((struct machine_device_rule *)reader->item)->allow = json_is_true(value);
        return 0;
}

static int take_rule_type(struct oci_reader *reader, const json_t *value)
{
        const char *type = json_string_value(value);

        if (!*type) {
                return 0;
        }
        if (strlen(type) != 1 || !strchr("acb", *type)) {
                return oci_wrong(reader, "\"%s\" is none of a, c, b", type);
        }
        ((struct machine_device_rule *)reader->item)->type = *type;
        return 0;
}

static int take_rule_number(struct oci_reader *reader, const json_t *value, uint64_t *place)
{
        int64_t number;
        int r = oci_take_number(reader, value, -1, UINT32_MAX - 1, &number);

        if (r == 0) {
                *place = number < 0 ? MACHINE_UNSET : (uint64_t)number;
        }
        return r;
}

static int take_major(struct oci_reader *reader, const json_t *value)
{
        return take_rule_number(reader, value,
                                &((struct machine_device_rule *)reader->item)->major);
}

static int take_minor(struct oci_reader *reader, const json_t *value)
{
        return take_rule_number(reader, value,
                                &((struct machine_device_rule *)reader->item)->minor);
}

static int take_access(struct oci_reader *reader, const json_t *value)
{
        const char *access = json_string_value(value);
        struct machine_device_rule *rule = reader->item;

        if (!*access) {
                return 0;
        }
        if (strlen(access) > 3 || access[strspn(access, "rwm")]) {
                return oci_wrong(reader, "\"%s\" is not composed of r, w and m", access);
        }
        memcpy(rule->access, access, strlen(access) + 1);
        return 0;
}

static const struct oci_field rule_fields[] = {
        { "allow", OCI_BOOLEAN, true, take_allow },   { "type", OCI_STRING, false, take_rule_type },
        { "major", OCI_INTEGER, false, take_major },  { "minor", OCI_INTEGER, false, take_minor },
        { "access", OCI_STRING, false, take_access }, { 0 },
};

/* ---- files of v2 ---- */

/* Files of the core, such as cgroup.procs, do not limit anything: a process that is written there,
 * and be it the host's init, moves into the container's group. */
static int take_unified(struct oci_reader *reader, const json_t *value)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-";
        const char *file = reader->key, *dot = strchr(file, '.');

        if (!dot || dot == file || !dot[1] || file[strspn(file, allowed)]) {
                return oci_wrong(reader, "\"%s\" is not the name of a file of a control group",
                                 file);
        }
        if (string_after(file, "cgroup.")) {
                return oci_wrong(
                        reader,
                        "\"%s\" is not a file of a controller of a control group, which alone are "
                        "written",
                        file);
        }
        return strv_take(&reader->machine->limits.unified,
                         string_format("%s=%s", file, json_string_value(value))) < 0
                       ? error_oom(reader->error)
                       : 0;
}

const struct oci_field oci_resources_fields[] = {
        { "devices", OCI_LIST, false, begin_rule, rule_fields },
        { "memory", OCI_OBJECT, false, NULL, memory_fields, finish_memory },
        { "cpu", OCI_OBJECT, false, NULL, cpu_fields, finish_cpu },
        { "pids", OCI_OBJECT, false, NULL, pids_fields },
        { "blockIO", OCI_OBJECT, false, NULL, block_fields },
        { "hugepageLimits", OCI_LIST, false, NULL, huge_page_fields, finish_huge_pages },
        { "network", OCI_OBJECT, false, NULL, network_fields },
        { "rdma", OCI_MAP, false, NULL, rdma_fields, finish_rdma, OCI_OBJECT },
        { "unified", OCI_MAP, false, take_unified, .value = OCI_STRING },
        { 0 },
};
