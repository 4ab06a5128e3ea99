/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/musl/allocator.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 16

/* In front of each block. */
struct header {
        uint64_t length; /* of the block without this */
        uint32_t class;
        uint32_t state;
};
_Static_assert(sizeof(struct header) == ALIGNMENT, "blocks follow their header");

enum { IN_USE = 0x696e7573, FREE = 0x66726565 };

/* Four sizes from each power of two to the next, from 64 on; below that, multiples of 16. A larger
 * block is a mapping of its own. */
#define STEPS     4
#define SMALLEST  6 /* 1 << SMALLEST is the first power with steps */
#define LARGEST   16
#define CLASSES   (STEPS + (LARGEST - SMALLEST) * STEPS)
#define OWN_CLASS CLASSES

struct free_block {
        struct free_block *next;
};

/* The first region is enough for most commands. */
#define FIRST_REGION (64 << 10)
#define REGION       (256 << 10)
static _Alignas(ALIGNMENT) char first_region[FIRST_REGION];

/* Allocators have state that every caller shares. */
static char *region = first_region;
static size_t region_left = FIRST_REGION;
static struct free_block *free_blocks[CLASSES];

static unsigned int class_of(size_t size)
{
        unsigned int power;

        if (size <= (1 << SMALLEST)) {
                return size == 0 ? 0 : (unsigned int)(size - 1) / ALIGNMENT;
        }
        power = 63 - (unsigned int)__builtin_clzll(size - 1);
        return STEPS + (power - SMALLEST) * STEPS +
               (unsigned int)(((size - 1) >> (power - 2)) & (STEPS - 1));
}

static size_t length_of(unsigned int class)
{
        unsigned int power = SMALLEST + (class - STEPS) / STEPS;

        if (class < STEPS) {
                return (class + 1) * ALIGNMENT;
        }
        return ((size_t)1 << power) + ((class - STEPS) % STEPS + 1) * ((size_t)1 << (power - 2));
}

static struct header *header_of(void *block)
{
        struct header *header = (struct header *)block - 1;

        if (header->state != IN_USE) {
                abort();
        }
        return header;
}

static void *map(size_t length)
{
        void *memory =
                mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return memory == MAP_FAILED ? NULL : memory;
}

static void *begin_block(struct header *header, unsigned int class, size_t length)
{
        *header = (struct header){ .length = length, .class = class, .state = IN_USE };
        return header + 1;
}

static void *get_own(size_t size)
{
        struct header *header =
                size > PTRDIFF_MAX - sizeof *header ? NULL : map(sizeof *header + size);

        if (!header) {
                errno = ENOMEM;
                return NULL;
        }
        return begin_block(header, OWN_CLASS, size);
}

/* The rest of a region that is too small is left. */
static void *get_new(unsigned int class)
{
        size_t length = length_of(class), whole = sizeof(struct header) + length;
        void *header;

        if (whole > region_left) {
                char *memory = map(REGION);

                if (!memory) {
                        errno = ENOMEM;
                        return NULL;
                }
                region = memory;
                region_left = REGION;
        }
        header = region;
        region += whole;
        region_left -= whole;
        return begin_block(header, class, length);
}

/* *fresh: all its bytes are 0. */
static void *get(size_t size, int *fresh)
{
        unsigned int class;
        struct free_block *block;

        *fresh = 1;
        if (size > (1 << LARGEST)) {
                return get_own(size);
        }
        class = class_of(size);
        block = free_blocks[class];
        if (!block) {
                return get_new(class);
        }
        *fresh = 0;
        free_blocks[class] = block->next;
        ((struct header *)block - 1)->state = IN_USE;
        return block;
}

void *allocator_get(size_t size)
{
        int fresh;

        return get(size, &fresh);
}

void *allocator_get_zeroed(size_t count, size_t size)
{
        size_t whole;
        void *block;
        int fresh;

        if (__builtin_mul_overflow(count, size, &whole)) {
                errno = ENOMEM;
                return NULL;
        }
        block = get(whole, &fresh);
        return block && !fresh ? memset(block, 0, whole) : block;
}

void *allocator_resize(void *block, size_t size)
{
        size_t length;
        void *larger;

        if (!block) {
                return allocator_get(size);
        }
        length = header_of(block)->length;
        if (size <= length) {
                return block;
        }
        larger = allocator_get(size);
        if (larger) {
                memcpy(larger, block, length);
                allocator_put(block);
        }
        return larger;
}

void allocator_put(void *block)
{
        int number = errno;
        struct header *header;

        if (!block) {
                return;
        }
        header = header_of(block);
        header->state = FREE;
        if (header->class == OWN_CLASS) {
                (void)munmap(header, sizeof *header + header->length);
                errno = number;
        } else {
                struct free_block *freed = block;

                freed->next = free_blocks[header->class];
                free_blocks[header->class] = freed;
        }
}
