/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_PRIORITY_H
#define IMAGE_PRIORITY_H

/* A big layer takes as long as one thread decompresses it. What fetches, hashes and writes beside
 * it needs less of a processor but is woken for each piece, and on two processors would each time
 * take the one that decompresses. */

/** How much less the threads that only have to keep up ask for. */
#define PRIORITY_NICE 10

/** The calling thread, and those that it starts from then on, leave the processors to others. */
void priority_give_way(void);

#endif
