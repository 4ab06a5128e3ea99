/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/devices-program.h"

#include <errno.h>

#include "base/cleanup.h"

/* BPF_MAXINSNS of the kernel, which not every user gets more than. */
#define LENGTH_MAXIMUM 4096
/* Instructions that every program has, and the most that a rule takes. */
#define FRAME_LENGTH 8
#define RULE_LENGTH  8

/* Registers: the program is called with the context in 1; 2 to 5 hold its parts throughout. */
#define CONTEXT BPF_REG_1
#define TYPE    BPF_REG_2
#define ACCESS  BPF_REG_3
#define MAJOR   BPF_REG_4
#define MINOR   BPF_REG_5
#define RESULT  BPF_REG_0

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

static void result_and_exit(struct writer *writer, uint32_t result)
{
        put(writer, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, result);
        put(writer, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* access_type of struct bpf_cgroup_dev_ctx holds the kind of node in its low half and the access in
 * its high half. */
static void write_prologue(struct writer *writer)
{
        load_word(writer, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
        put(writer, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
        put(writer, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
        put(writer, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
        load_word(writer, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
        load_word(writer, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

/* A rule jumps to the next one as soon as something differs. */
static void write_rule(struct writer *writer, const struct device_rule *rule)
{
        size_t first = writer->length, end;
        uint32_t type = rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;

        put(writer, BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0, type);
        if (rule->access != DEVICE_ALL) {
                put(writer, BPF_ALU64 | BPF_MOV | BPF_X, RESULT, ACCESS, 0, 0);
                put(writer, BPF_ALU64 | BPF_AND | BPF_K, RESULT, 0, 0, ~rule->access);
                put(writer, BPF_JMP | BPF_JNE | BPF_K, RESULT, 0, 0, 0);
        }
        if (rule->device_major != DEVICE_ANY) {
                put(writer, BPF_JMP | BPF_JNE | BPF_K, MAJOR, 0, 0, rule->device_major);
        }
        if (rule->device_minor != DEVICE_ANY) {
                put(writer, BPF_JMP | BPF_JNE | BPF_K, MINOR, 0, 0, rule->device_minor);
        }
        result_and_exit(writer, 1);
        end = writer->length;
        for (size_t i = first; i < end; i++) {
                if (writer->program[i].code == (BPF_JMP | BPF_JNE | BPF_K)) {
                        writer->program[i].off = (int16_t)(end - i - 1);
                }
        }
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
        result_and_exit(&writer, 0);
        *ret = writer.program;
        *ret_length = writer.length;
        return 0;
}
