/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_HEIR_H
#define SUPERVISE_HEIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * A process that shares the caller's memory and descriptors and sleeps while the caller lives. When
 * the caller has exited with heir_succeed(), it does the rest of the work with everything that the
 * caller had: open files and their locks, namespaces, memory. Nobody waits for it.
 *
 * It learns from the kernel that the caller has exited (set_tid_address(2)), so the two never run
 * at the same time. If the caller dies in any other way, its memory may be in any state, and the
 * heir exits without touching it. It is called machinectl-heir.
 */
struct heir {
        void (*task)(void *data);
        void *data;
        pid_t pid;
        uint32_t caller_lives; /* a futex; the kernel sets it to 0 */
        uint32_t succeeds;
};

/** The size of the stack that an heir needs. */
#define HEIR_STACK_SIZE (256 * 1024)

/**
 * Creates the heir. It has the caller's current namespaces and credentials, blocks all signals, and
 * calls task(data) after heir_succeed(). `heir` and `stack` (HEIR_STACK_SIZE, aligned to 16) must
 * stay where they are. 0 or -errno; -EOPNOTSUPP in a build with sanitizers, which follow neither
 * stacks nor memory of another process, and for the first process of a pid namespace, whose exit
 * ends all others.
 */
int heir_create(struct heir *heir, void *stack, void (*task)(void *data), void *data);

/** Exits with this status, and leaves everything to the heir. */
_Noreturn void heir_succeed(struct heir *heir, int status);

/** Ends an heir that is not needed. Does nothing if there is none. */
void heir_dismiss(struct heir *heir);

#endif
