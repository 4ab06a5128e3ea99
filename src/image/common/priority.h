/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_PRIORITY_H
#define IMAGE_COMMON_PRIORITY_H

/* A large layer takes as long as one thread needs to decompress it. Fetching, hashing and writing
 * need less of a processor, but wake up for each piece; on two processors each wake-up would
 * preempt the thread that decompresses. */

/** The nice value added for threads that only have to keep up. */
#define PRIORITY_NICE 10

/** Lowers the priority of the calling thread and of the threads that it starts from then on. */
void priority_give_way(void);

#endif
