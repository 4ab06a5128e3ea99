/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* memcpy(3) for static programs. musl's has a string instruction of the processor for every length,
 * which takes longer to begin than a short copy: for JSON text, which is copied by the byte, that
 * was a third of the time of `apply`. */

#include <stdint.h>
#include <string.h>

/* Types that may have any address and alias any other type. */
typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));
typedef uint16_t two __attribute__((aligned(1), may_alias));
typedef uint64_t block __attribute__((vector_size(16), aligned(1), may_alias));

/* In a loop, which the compiler would otherwise make a call of the function that it is in. */
static inline void not_a_call(void)
{
        __asm__ volatile("" : : : "memory");
}

/* The first and the last half, which may overlap. */
static void copy_short(char *to, const char *from, size_t length)
{
        if (length >= sizeof(eight)) {
                eight first = *(const eight *)from;
                eight last = *(const eight *)(from + length - sizeof last);

                *(eight *)to = first;
                *(eight *)(to + length - sizeof last) = last;
        } else if (length >= sizeof(four)) {
                four first = *(const four *)from;
                four last = *(const four *)(from + length - sizeof last);

                *(four *)to = first;
                *(four *)(to + length - sizeof last) = last;
        } else if (length >= sizeof(two)) {
                two first = *(const two *)from;
                two last = *(const two *)(from + length - sizeof last);

                *(two *)to = first;
                *(two *)(to + length - sizeof last) = last;
        } else if (length > 0) {
                *to = *from;
        }
}

void *memcpy(void *restrict target, const void *restrict source, size_t length)
{
        char *to = target;
        const char *from = source;
        size_t done = 0;

        if (length < sizeof(block)) {
                copy_short(to, from, length);
                return target;
        }
        for (; done + sizeof(block) <= length; done += sizeof(block)) {
                *(block *)(to + done) = *(const block *)(from + done);
                not_a_call();
        }
        *(block *)(to + length - sizeof(block)) = *(const block *)(from + length - sizeof(block));
        return target;
}

static void move_up(char *to, const char *from, size_t length)
{
        while (length >= sizeof(block)) {
                length -= sizeof(block);
                *(block *)(to + length) = *(const block *)(from + length);
                not_a_call();
        }
        while (length > 0) {
                length--;
                to[length] = from[length];
                not_a_call();
        }
}

static void move_down(char *to, const char *from, size_t length)
{
        size_t done = 0;

        for (; done + sizeof(block) <= length; done += sizeof(block)) {
                *(block *)(to + done) = *(const block *)(from + done);
                not_a_call();
        }
        for (; done < length; done++) {
                to[done] = from[done];
                not_a_call();
        }
}

void *memmove(void *target, const void *source, size_t length)
{
        uintptr_t to = (uintptr_t)target, from = (uintptr_t)source;

        if (to - from < length) {
                move_up(target, source, length);
        } else if (from - to < length) {
                move_down(target, source, length);
        } else {
                (void)memcpy(target, source, length);
        }
        return target;
}
