/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "security/seccomp/policy.h"

/*
 * The filter is written from its end to its beginning: classic BPF only jumps forward, so every
 * jump target is written before the jump. Positions are counted from the end; the offset of a jump
 * is the difference of two positions.
 *
 * A conditional jump reaches 255 instructions, an unconditional one any number. Targets farther
 * away are reached through an intermediate jump; a return is duplicated instead, as it is as short
 * as the jump.
 */
#define REACH 250
/* Returns that are kept as jump targets; further ones are duplicated where they are needed. */
#define RETURNS_MAXIMUM 16

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#        error "The halves of an argument are read in the order of a little-endian processor."
#endif

/* The target of a decision: a return, or a position in the program. */
struct target {
        bool is_answer;
        uint32_t value; /* the action, or the position */
};

struct writer {
        struct sock_filter *instructions; /* in reverse order */
        size_t count;
        int failed; /* -E2BIG once it is too long; later instructions are dropped */
        struct {
                uint32_t action;
                size_t place;
        } returns[RETURNS_MAXIMUM];
        size_t return_count;
};

/* The system call numbers from `first` to the next segment's. */
struct segment {
        uint32_t first;
        struct target target;
};

/* One number with its own answer. */
struct numbered_call {
        uint32_t number;
        struct target target;
};

static struct target answer(uint32_t action)
{
        return (struct target){ true, action };
}

static struct target place(size_t count)
{
        return (struct target){ false, (uint32_t)(count - 1) };
}

static bool same_target(const struct target *a, const struct target *b)
{
        return a->is_answer == b->is_answer && a->value == b->value;
}

static void write_instruction(struct writer *writer, uint16_t code, uint32_t k, uint8_t jt,
                              uint8_t jf)
{
        if (writer->count == BPF_MAXINSNS) {
                writer->failed = -E2BIG;
                return;
        }
        writer->instructions[writer->count++] = (struct sock_filter){ code, jt, jf, k };
}

/* The number of instructions between the next one written and a position. */
static size_t distance(const struct writer *writer, size_t to)
{
        return writer->count - 1 - to;
}

static size_t write_return(struct writer *writer, uint32_t action)
{
        size_t i = 0;

        while (i < writer->return_count && writer->returns[i].action != action) {
                i++;
        }
        if (i < writer->return_count && distance(writer, writer->returns[i].place) < REACH) {
                return writer->returns[i].place;
        }
        write_instruction(writer, BPF_RET | BPF_K, action, 0, 0);
        if (i < RETURNS_MAXIMUM) {
                writer->returns[i].action = action;
                writer->returns[i].place = writer->count - 1;
                if (i == writer->return_count) {
                        writer->return_count++;
                }
        }
        return writer->count - 1;
}

/* Returns a position within reach that leads to the target. */
static size_t reachable(struct writer *writer, const struct target *target)
{
        if (target->is_answer) {
                return write_return(writer, target->value);
        }
        if (distance(writer, target->value) >= REACH) {
                write_instruction(writer, BPF_JMP | BPF_JA,
                                  (uint32_t)distance(writer, target->value), 0, 0);
                return writer->count - 1;
        }
        return target->value;
}

static struct target write_jump(struct writer *writer, uint16_t comparison, uint32_t k,
                                const struct target *yes, const struct target *no)
{
        size_t yes_place = reachable(writer, yes), no_place = reachable(writer, no);

        /* Both must stay within REACH after at most two more instructions. */
        write_instruction(writer, BPF_JMP | comparison | BPF_K, k,
                          (uint8_t)distance(writer, yes_place),
                          (uint8_t)distance(writer, no_place));
        return place(writer->count);
}

static struct target write_load(struct writer *writer, size_t offset)
{
        write_instruction(writer, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
        return place(writer->count);
}

static size_t argument_offset(unsigned int argument, bool high)
{
        return offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) +
               (high ? sizeof(uint32_t) : 0);
}

/* (half & mask) == value; always true for a mask of 0. */
static struct target write_half_equal(struct writer *writer, size_t offset, uint32_t mask,
                                      uint32_t value, const struct target *yes,
                                      const struct target *no)
{
        if (mask == 0 && value == 0) {
                return *yes;
        }
        write_jump(writer, BPF_JEQ, value, yes, no);
        if (mask != UINT32_MAX) {
                write_instruction(writer, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
        }
        return write_load(writer, offset);
}

static struct target write_equal(struct writer *writer, const struct seccomp_condition *condition,
                                 unsigned int bits, uint64_t mask, const struct target *yes,
                                 const struct target *no)
{
        struct target low;

        /* The kernel zero-extends a 32-bit argument. */
        if (bits == 32 && condition->value >> 32) {
                return *no;
        }
        low = write_half_equal(writer, argument_offset(condition->argument, false), (uint32_t)mask,
                               (uint32_t)condition->value, yes, no);
        if (bits == 32) {
                return low;
        }
        return write_half_equal(writer, argument_offset(condition->argument, true),
                                (uint32_t)(mask >> 32), (uint32_t)(condition->value >> 32), &low,
                                no);
}

/* argument > value, or with BPF_JGE argument >= value: the high halves decide unless they are
 * equal, then the low ones. */
static struct target write_greater(struct writer *writer, const struct seccomp_condition *condition,
                                   unsigned int bits, uint16_t comparison, const struct target *yes,
                                   const struct target *no)
{
        uint32_t high = (uint32_t)(condition->value >> 32);
        struct target low, equal;

        if (bits == 32 && high) {
                return *no;
        }
        write_jump(writer, comparison, (uint32_t)condition->value, yes, no);
        low = write_load(writer, argument_offset(condition->argument, false));
        if (bits == 32) {
                return low;
        }
        equal = write_jump(writer, BPF_JEQ, high, &low, no);
        write_jump(writer, BPF_JGT, high, yes, &equal);
        return write_load(writer, argument_offset(condition->argument, true));
}

static struct target write_condition(struct writer *writer,
                                     const struct seccomp_condition *condition, unsigned int bits,
                                     const struct target *yes, const struct target *no)
{
        switch (condition->operation) {
        case SECCOMP_EQUAL:
                return write_equal(writer, condition, bits, UINT64_MAX, yes, no);
        case SECCOMP_NOT_EQUAL:
                return write_equal(writer, condition, bits, UINT64_MAX, no, yes);
        case SECCOMP_MASKED_EQUAL:
                return write_equal(writer, condition, bits, condition->mask, yes, no);
        case SECCOMP_GREATER:
                return write_greater(writer, condition, bits, BPF_JGT, yes, no);
        case SECCOMP_GREATER_OR_EQUAL:
                return write_greater(writer, condition, bits, BPF_JGE, yes, no);
        case SECCOMP_LESS:
                return write_greater(writer, condition, bits, BPF_JGE, no, yes);
        case SECCOMP_LESS_OR_EQUAL:
                return write_greater(writer, condition, bits, BPF_JGT, no, yes);
        }
        return *no;
}

/* Writes the rules of one call, strictest first: the first match answers. */
static struct target write_rules(struct writer *writer, const struct seccomp_policy *policy,
                                 size_t first, size_t end, unsigned int bits)
{
        struct target next = answer(policy->default_action);

        for (size_t i = end; i-- > first;) {
                const struct seccomp_rule *rule = &policy->rules[i];
                struct target matched = answer(rule->action);

                for (size_t j = rule->condition_count; j-- > 0;) {
                        matched = write_condition(writer,
                                                  &policy->conditions[rule->first_condition + j],
                                                  bits, &matched, &next);
                }
                next = matched;
        }
        return next;
}

/* Writes a binary search for the number in the accumulator. */
static struct target write_search(struct writer *writer, const struct segment *segments,
                                  size_t count)
{
        struct target lower, upper;
        size_t middle = count / 2;

        if (count == 1) {
                return segments[0].target;
        }
        upper = write_search(writer, segments + middle, count - middle);
        lower = write_search(writer, segments, middle);
        return write_jump(writer, BPF_JGE, segments[middle].first, &upper, &lower);
}

static int by_number(const void *a, const void *b)
{
        uint32_t x = ((const struct numbered_call *)a)->number;
        uint32_t y = ((const struct numbered_call *)b)->number;

        return (x > y) - (x < y);
}

static void add_segment(struct segment *segments, size_t *count, uint32_t first,
                        struct target target)
{
        if (*count == 0 || !same_target(&segments[*count - 1].target, &target)) {
                segments[(*count)++] = (struct segment){ first, target };
        }
}

/* Builds segments that cover every number from the sorted calls. */
static size_t make_segments(const struct numbered_call *calls, size_t count, uint32_t unknown,
                            struct segment *segments)
{
        size_t made = 0;
        uint32_t next = 0;

        for (size_t i = 0; i < count; i++) {
                if (calls[i].number > next) {
                        add_segment(segments, &made, next, answer(unknown));
                }
                add_segment(segments, &made, calls[i].number, calls[i].target);
                next = calls[i].number + 1;
        }
        add_segment(segments, &made, next, answer(unknown));
        return made;
}

/* Writes the answers of the calls in one architecture's column, and collects their numbers. */
static size_t write_column(struct writer *writer, const struct seccomp_policy *policy,
                           size_t column, struct numbered_call *calls)
{
        size_t rule = 0, made = 0;

        for (size_t call = 0; call < syscall_count; call++) {
                size_t end = rule;
                int32_t number = syscall_table[call].numbers[column];

                while (end < policy->rule_count && policy->rules[end].call == call) {
                        end++;
                }
                if (number >= 0) {
                        calls[made++] = (struct numbered_call){
                                (uint32_t)number,
                                write_rules(writer, policy, rule, end,
                                            syscall_architectures[column].bits),
                        };
                }
                rule = end;
        }
        return made;
}

/* Writes the part for one AUDIT_ARCH and the columns that share it (x32 differs from x86_64 by a
 * bit of the number). Returns its position. */
static struct target write_architecture(struct writer *writer, const struct seccomp_policy *policy,
                                        uint32_t audit, struct numbered_call *calls,
                                        struct segment *segments)
{
        size_t count = 0;
        struct target search;

        for (size_t column = 0; column < syscall_architecture_count; column++) {
                if (policy->architectures[column] && syscall_architectures[column].audit == audit) {
                        count += write_column(writer, policy, column, calls + count);
                }
        }
        qsort(calls, count, sizeof *calls, by_number);
        count = make_segments(calls, count, policy->unknown_action, segments);
        search = write_search(writer, segments, count);
        if (search.is_answer) {
                return search;
        }
        /* The search begins with the instruction written last, so the load can go before it. */
        return write_load(writer, offsetof(struct seccomp_data, nr));
}

static bool seen_before(const struct seccomp_policy *policy, size_t column)
{
        for (size_t i = 0; i < column; i++) {
                if (policy->architectures[i] &&
                    syscall_architectures[i].audit == syscall_architectures[column].audit) {
                        return true;
                }
        }
        return false;
}

static void write_program(struct writer *writer, const struct seccomp_policy *policy,
                          struct numbered_call *calls, struct segment *segments)
{
        struct target blocks[SYSCALL_ARCHITECTURES_MAXIMUM];
        struct target next = answer(policy->foreign_action);

        /* The native architecture, the first, is written last so that it is tested first. */
        for (size_t column = syscall_architecture_count; column-- > 0;) {
                if (policy->architectures[column] && !seen_before(policy, column)) {
                        blocks[column] = write_architecture(writer, policy,
                                                            syscall_architectures[column].audit,
                                                            calls, segments);
                }
        }
        for (size_t column = syscall_architecture_count; column-- > 0;) {
                if (policy->architectures[column] && !seen_before(policy, column)) {
                        next = write_jump(writer, BPF_JEQ, syscall_architectures[column].audit,
                                          &blocks[column], &next);
                }
        }
        if (next.is_answer) {
                write_return(writer, next.value);
        } else {
                write_load(writer, offsetof(struct seccomp_data, arch));
        }
}

/* The severity of an action, in the kernel's order: among several filters the most severe wins. */
static unsigned int severity(uint32_t action)
{
        static const uint32_t order[] = {
                SECCOMP_RET_ALLOW,       SECCOMP_RET_LOG,          SECCOMP_RET_TRACE,
                SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_ERRNO,        SECCOMP_RET_TRAP,
                SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS,
        };

        for (unsigned int i = 0; i < ELEMENTS_OF(order); i++) {
                if ((action & SECCOMP_RET_ACTION_FULL) == order[i]) {
                        return i;
                }
        }
        return ELEMENTS_OF(order);
}

static int by_call_and_severity(const void *a, const void *b)
{
        const struct seccomp_rule *x = a, *y = b;

        if (x->call != y->call) {
                return x->call < y->call ? -1 : 1;
        }
        if (severity(x->action) != severity(y->action)) {
                return severity(x->action) > severity(y->action) ? -1 : 1;
        }
        return x->order < y->order ? -1 : x->order > y->order;
}

int seccomp_policy_compile(struct seccomp_policy *policy, struct sock_filter **ret,
                           size_t *ret_length)
{
        size_t calls_maximum = syscall_count * syscall_architecture_count;
        _cleanup_free_ struct numbered_call *calls = calloc(calls_maximum, sizeof *calls);
        _cleanup_free_ struct segment *segments = calloc(calls_maximum * 2 + 1, sizeof *segments);
        _cleanup_free_ struct sock_filter *backwards = calloc(BPF_MAXINSNS, sizeof *backwards);
        struct sock_filter *program;
        struct writer writer = { .instructions = backwards };

        if (!calls || !segments || !backwards) {
                return -ENOMEM;
        }
        if (policy->rule_count > 0) {
                qsort(policy->rules, policy->rule_count, sizeof *policy->rules,
                      by_call_and_severity);
        }
        write_program(&writer, policy, calls, segments);
        if (writer.failed) {
                return writer.failed;
        }
        program = calloc(writer.count, sizeof *program);
        if (!program) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < writer.count; i++) {
                program[i] = backwards[writer.count - 1 - i];
        }
        *ret = program;
        *ret_length = writer.count;
        return 0;
}
