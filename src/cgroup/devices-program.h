/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_DEVICES_PROGRAM_H
#define CGROUP_DEVICES_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

/** Access to a device, bits as in BPF_DEVCG_ACC_*. */
#define DEVICE_MAKE  1u /* mknod(2) */
#define DEVICE_READ  2u
#define DEVICE_WRITE 4u
#define DEVICE_ALL   7u

/** A device number that any number matches. */
#define DEVICE_ANY UINT32_MAX

struct device_rule {
        char type; /* 'c' or 'b' */
        uint32_t device_major;
        uint32_t device_minor;
        uint32_t access;
};

/** The bits of a text like "rwm"; an empty one means all. */
uint32_t device_access_parse(const char *text);

/**
 * Writes a BPF program that allows what any one rule allows and nothing else: an access that asks
 * for several things at once (opening for reading and writing) has to be allowed by one rule as a
 * whole. *ret is freed by the caller. -E2BIG when the program gets longer than the kernel's 4096
 * instructions, or -ENOMEM.
 */
int device_program_build(const struct device_rule *rules, size_t count, struct bpf_insn **ret,
                         size_t *ret_length);

#endif
