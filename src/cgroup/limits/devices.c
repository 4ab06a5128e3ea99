/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/devices.h"

#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/file.h"
#include "cgroup/limits/devices_program.h"

static int bpf(int command, union bpf_attr *attributes)
{
        int r = (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);

        return r < 0 ? -errno : r;
}

/* Devices that every machine may open: those in its /dev, and pseudo-terminals (major numbers from
 * 136 on, Documentation/admin-guide/devices.txt). Creating any device node is allowed, as it is
 * harmless. */
static const struct device_rule default_rules[] = {
        { 'c', DEVICE_ANY, DEVICE_ANY, DEVICE_MAKE },
        { 'b', DEVICE_ANY, DEVICE_ANY, DEVICE_MAKE },
        { 'c', 1, 3, DEVICE_ALL },            /* null */
        { 'c', 1, 5, DEVICE_ALL },            /* zero */
        { 'c', 1, 7, DEVICE_ALL },            /* full */
        { 'c', 1, 8, DEVICE_ALL },            /* random */
        { 'c', 1, 9, DEVICE_ALL },            /* urandom */
        { 'c', 5, 0, DEVICE_ALL },            /* tty: the process's own terminal */
        { 'c', 5, 2, DEVICE_ALL },            /* ptmx */
        { 'c', 136, DEVICE_ANY, DEVICE_ALL }, /* pts */
};

static int rule_for(const struct machine_device *device, struct device_rule *ret,
                    struct machine_error *error)
{
        struct stat status;

        if (stat(device->source, &status) < 0) {
                return error_set(error, errno, "devices: cannot find %s", device->source);
        }
        if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
                error_say(error, EINVAL, "devices: %s is not a device", device->source);
                error_hint(error, "use mounts to give files and directories to a machine");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        *ret = (struct device_rule){
                .type = S_ISCHR(status.st_mode) ? 'c' : 'b',
                .device_major = major(status.st_rdev),
                .device_minor = minor(status.st_rdev),
                .access = device_access_parse(device->access),
        };
        return 0;
}

static int load(const struct bpf_insn *program, size_t count, struct machine_error *error)
{
        union bpf_attr attributes = {
                .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                .insns = (uint64_t)(uintptr_t)program,
                .insn_cnt = (uint32_t)count,
                /* Only calls of GPL helpers depend on the license, but the verifier requires
                 * one. */
                .license = (uint64_t)(uintptr_t) "LGPL-2.1-or-later",
                .prog_name = "machine_devices",
        };
        int fd = bpf(BPF_PROG_LOAD, &attributes);

        if (fd >= 0) {
                return fd;
        }
        error_set(error, fd, "cannot load the BPF program that controls the machine's devices");
        if (fd == -EINVAL) {
                error_hint(error, "the kernel must be built with CONFIG_CGROUP_BPF");
        } else if (fd == -EPERM) {
                error_hint(error, "this needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the "
                                  "host's user namespace");
        }
        return fd;
}

static int attach(const struct cgroup *group, int program_fd, struct machine_error *error)
{
        union bpf_attr attributes = {
                .target_fd = (uint32_t)group->fd,
                .attach_bpf_fd = (uint32_t)program_fd,
                .attach_type = BPF_CGROUP_DEVICE,
                /* Programs of groups above (a unit's DevicePolicy=) and below apply as well. */
                .attach_flags = BPF_F_ALLOW_MULTI,
        };
        int r = bpf(BPF_PROG_ATTACH, &attributes);

        if (r < 0) {
                error_set(error, r, "cannot attach the BPF program for devices to %s", group->path);
                if (r == -EPERM) {
                        error_hint(error, "a group above it has a device program that allows no "
                                          "others below it");
                }
        }
        return r < 0 ? r : 0;
}

int cgroup_restrict_devices(const struct cgroup *group, const struct machine_device *devices,
                            size_t count, struct machine_error *error)
{
        size_t total = ELEMENTS_OF(default_rules) + count;
        _cleanup_free_ struct device_rule *rules = calloc(total, sizeof *rules);
        _cleanup_free_ struct bpf_insn *program = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t length;
        int r;

        if (!rules) {
                return error_oom(error);
        }
        memcpy(rules, default_rules, sizeof default_rules);
        for (size_t i = 0; i < count; i++) {
                r = rule_for(&devices[i], &rules[ELEMENTS_OF(default_rules) + i], error);
                if (r < 0) {
                        return r;
                }
        }
        r = device_program_build(rules, total, &program, &length);
        if (r < 0) {
                return r == -ENOMEM ? error_oom(error)
                                    : error_say(error, r, "devices: too many for one machine");
        }
        fd = load(program, length, error);
        return fd < 0 ? fd : attach(group, fd, error);
}

static struct device_rule ordered_rule(const struct machine_device_rule *rule)
{
        return (struct device_rule){
                .type = rule->type,
                .device_major = rule->major == MACHINE_UNSET ? DEVICE_ANY : (uint32_t)rule->major,
                .device_minor = rule->minor == MACHINE_UNSET ? DEVICE_ANY : (uint32_t)rule->minor,
                .access = device_access_parse(rule->access) | (rule->allow ? 0 : DEVICE_DENY),
        };
}

int cgroup_restrict_devices_by(const struct cgroup *group, const struct machine_limits *limits,
                               struct machine_error *error)
{
        size_t count = limits->device_rule_count, length;
        _cleanup_free_ struct device_rule *rules =
                calloc(count + ELEMENTS_OF(default_rules), sizeof *rules);
        _cleanup_free_ struct bpf_insn *program = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!rules) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                rules[i] = ordered_rule(&limits->device_rules[i]);
        }
        memcpy(rules + count, default_rules, sizeof default_rules);
        r = device_program_build_ordered(rules, count + ELEMENTS_OF(default_rules), &program,
                                         &length);
        if (r < 0) {
                return r == -ENOMEM ? error_oom(error)
                                    : error_say(error, r,
                                                "linux.resources.devices: too many rules for one "
                                                "program of the kernel's");
        }
        fd = load(program, length, error);
        return fd < 0 ? fd : attach(group, fd, error);
}
