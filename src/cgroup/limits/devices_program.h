/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_DEVICES_PROGRAM_H
#define CGROUP_LIMITS_DEVICES_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

/** Access to a device, bits of BPF_DEVCG_ACC_*. */
#define DEVICE_MAKE  1u /* mknod(2) */
#define DEVICE_READ  2u
#define DEVICE_WRITE 4u
#define DEVICE_ALL   7u
/** With them, in an ordered list: the rule denies these. */
#define DEVICE_DENY 8u

/** Matches any device number. */
#define DEVICE_ANY UINT32_MAX

struct device_rule {
        uint32_t type; /* 'c', 'b' or, in an ordered list, 'a': both */
        uint32_t device_major;
        uint32_t device_minor;
        uint32_t access;
};

/** Parses a text like "rwm"; an empty one means all. */
uint32_t device_access_parse(const char *text);

/**
 * Writes a BPF program that allows an access if any one rule does: an access of several kinds at
 * once (opening for reading and writing) must be allowed by a single rule. The caller frees *ret.
 * Returns 0, -E2BIG if the program exceeds the kernel's 4096 instructions, or -ENOMEM.
 */
int device_program_build(const struct device_rule *rules, size_t count, struct bpf_insn **ret,
                         size_t *ret_length);

/**
 * Writes a program for rules that allow and deny, after a first one that denies everything. For
 * each kind of access the last rule that matches decides, and all kinds must be allowed: as with
 * the files devices.allow and devices.deny of cgroup v1. Returns as above.
 */
int device_program_build_ordered(const struct device_rule *rules, size_t count,
                                 struct bpf_insn **ret, size_t *ret_length);

#endif
