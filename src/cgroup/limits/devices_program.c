/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/devices_program.h"

#include <errno.h>

#include "base/cleanup.h"

/* The kernel's BPF_MAXINSNS, the limit without CAP_BPF. */
#define LENGTH_MAXIMUM 4096
/* Instructions of every program, and the maximum for a rule. */
#define FRAME_LENGTH 9
#define RULE_LENGTH  14
/* The same of a program with ordered rules. */
#define ORDERED_FRAME_LENGTH 14
#define ORDERED_RULE_LENGTH  15

/* Registers: the program gets its context in 1, which is free once the fields are in 2 to 5; 0
 * holds the return value. */
#define CONTEXT    BPF_REG_1
#define TYPE       BPF_REG_2
#define ACCESS     BPF_REG_3
#define MAJOR      BPF_REG_4
#define MINOR      BPF_REG_5
#define RESULT     BPF_REG_0
#define DIFFERENCE BPF_REG_1
#define PART       BPF_REG_6
#define DENIED     BPF_REG_7

struct writer {
        struct bpf_insn *program;
        size_t length;
};

static void put(struct writer *writer, uint8_t code, uint8_t to, uint8_t from, int16_t offset,
                uint32_t immediate)
{
        writer->program[writer->length++] = (struct bpf_insn){
                .code = code,
                .dst_reg = to,
                .src_reg = from,
                .off = offset,
                .imm = (int32_t)immediate,
        };
}

static void load_word(struct writer *writer, uint8_t to, size_t offset)
{
        put(writer, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0);
}

static void with_register(struct writer *writer, uint8_t operation, uint8_t to, uint8_t from)
{
        put(writer, BPF_ALU64 | BPF_X | operation, to, from, 0, 0);
}

static void with_number(struct writer *writer, uint8_t operation, uint8_t to, uint32_t number)
{
        put(writer, BPF_ALU64 | BPF_K | operation, to, 0, 0, number);
}

/* access_type of struct bpf_cgroup_dev_ctx holds the type of node in its low half and the access in
 * its high half. */
static void write_prologue(struct writer *writer)
{
        load_word(writer, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
        load_word(writer, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
        load_word(writer, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
        with_register(writer, BPF_MOV, ACCESS, TYPE);
        with_number(writer, BPF_AND, TYPE, 0xffff);
        with_number(writer, BPF_RSH, ACCESS, 16);
        with_number(writer, BPF_MOV, RESULT, 0);
}

/* Accumulates whether a field matches the rule, or whether the access is within what it allows. */
static void write_difference(struct writer *writer, uint8_t part, uint8_t operation,
                             uint32_t number)
{
        with_register(writer, BPF_MOV, PART, part);
        /* 32-bit: as 64 bits a large number would be sign-extended. */
        put(writer, BPF_ALU | BPF_K | operation, PART, 0, 0, number);
        with_register(writer, BPF_OR, DIFFERENCE, PART);
}

/*
 * No jumps: the kernel's verifier follows every path through a program; ten rules with three jumps
 * each cost 200 microseconds per start, straight-line code a tenth of that. A difference of 0,
 * minus 1, has its highest bit set; no other has, as all fields have 32 bits.
 */
static void write_rule(struct writer *writer, const struct device_rule *rule)
{
        uint32_t type = rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;

        with_register(writer, BPF_MOV, DIFFERENCE, TYPE);
        with_number(writer, BPF_XOR, DIFFERENCE, type);
        if (rule->access != DEVICE_ALL) {
                write_difference(writer, ACCESS, BPF_AND, DEVICE_ALL & ~rule->access);
        }
        if (rule->device_major != DEVICE_ANY) {
                write_difference(writer, MAJOR, BPF_XOR, rule->device_major);
        }
        if (rule->device_minor != DEVICE_ANY) {
                write_difference(writer, MINOR, BPF_XOR, rule->device_minor);
        }
        with_number(writer, BPF_SUB, DIFFERENCE, 1);
        with_number(writer, BPF_RSH, DIFFERENCE, 63);
        with_register(writer, BPF_OR, RESULT, DIFFERENCE);
}

uint32_t device_access_parse(const char *text)
{
        uint32_t access = 0;

        for (const char *letter = text; *letter; letter++) {
                access |= *letter == 'r'   ? DEVICE_READ
                          : *letter == 'w' ? DEVICE_WRITE
                          : *letter == 'm' ? DEVICE_MAKE
                                           : 0;
        }
        return *text ? access : DEVICE_ALL;
}

int device_program_build(const struct device_rule *rules, size_t count, struct bpf_insn **ret,
                         size_t *ret_length)
{
        struct writer writer = { 0 };

        if (count > (LENGTH_MAXIMUM - FRAME_LENGTH) / RULE_LENGTH) {
                return -E2BIG;
        }
        writer.program = calloc(FRAME_LENGTH + RULE_LENGTH * count, sizeof *writer.program);
        if (!writer.program) {
                return -ENOMEM;
        }
        write_prologue(&writer);
        for (size_t i = 0; i < count; i++) {
                write_rule(&writer, &rules[i]);
        }
        /* It is 0 or 1 here; the verifier of Linux 6.1 wants proof. */
        with_number(&writer, BPF_AND, RESULT, 1);
        put(&writer, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
        *ret = writer.program;
        *ret_length = writer.length;
        return 0;
}

/* ACCESS has the kinds that no later rule has decided about; DIFFERENCE becomes those that this one
 * does. Without jumps, as above. */
static void write_ordered_rule(struct writer *writer, const struct device_rule *rule)
{
        uint32_t type = rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;

        with_number(writer, BPF_MOV, DIFFERENCE, 0);
        if (rule->type != 'a') {
                write_difference(writer, TYPE, BPF_XOR, type);
        }
        if (rule->device_major != DEVICE_ANY) {
                write_difference(writer, MAJOR, BPF_XOR, rule->device_major);
        }
        if (rule->device_minor != DEVICE_ANY) {
                write_difference(writer, MINOR, BPF_XOR, rule->device_minor);
        }
        with_number(writer, BPF_SUB, DIFFERENCE, 1);
        /* 1 or 0 times what it decides about. BPF_ARSH would make a mask, but the verifier follows
         * both of its results: ten rules cost ten milliseconds then. */
        with_number(writer, BPF_RSH, DIFFERENCE, 63);
        with_number(writer, BPF_MUL, DIFFERENCE, rule->access & DEVICE_ALL);
        with_register(writer, BPF_AND, DIFFERENCE, ACCESS);
        if (rule->access & DEVICE_DENY) {
                with_register(writer, BPF_OR, DENIED, DIFFERENCE);
        }
        with_register(writer, BPF_XOR, ACCESS, DIFFERENCE);
}

int device_program_build_ordered(const struct device_rule *rules, size_t count,
                                 struct bpf_insn **ret, size_t *ret_length)
{
        struct writer writer = { 0 };

        if (count > (LENGTH_MAXIMUM - ORDERED_FRAME_LENGTH) / ORDERED_RULE_LENGTH) {
                return -E2BIG;
        }
        writer.program =
                calloc(ORDERED_FRAME_LENGTH + ORDERED_RULE_LENGTH * count, sizeof *writer.program);
        if (!writer.program) {
                return -ENOMEM;
        }
        write_prologue(&writer);
        with_number(&writer, BPF_MOV, DENIED, 0);
        for (size_t i = count; i-- > 0;) {
                write_ordered_rule(&writer, &rules[i]);
        }
        /* What is left is denied by the first rule; 0 minus 1 has the highest bit. */
        with_register(&writer, BPF_OR, ACCESS, DENIED);
        with_register(&writer, BPF_MOV, RESULT, ACCESS);
        with_number(&writer, BPF_SUB, RESULT, 1);
        with_number(&writer, BPF_RSH, RESULT, 63);
        with_number(&writer, BPF_AND, RESULT, 1);
        put(&writer, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
        *ret = writer.program;
        *ret_length = writer.length;
        return 0;
}
