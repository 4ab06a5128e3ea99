/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CRIU_SESSION_H
#define CRIU_SESSION_H

#include "criu/criu.h"
#include "criu/wire.h"

/* Its answers are small. */
#define CRIU_MESSAGE_MAXIMUM 65536

/** The number that the first of the inherited descriptors has in its process. */
#define CRIU_INHERITED_FIRST 4

/** Sends a message. 0 or -errno with error set. */
int criu_send(struct criu *criu, struct wire *message, struct machine_error *error);

/** Waits for a message up to the deadline; *ret borrows the buffer of CRIU_MESSAGE_MAXIMUM bytes. 0
 * or -errno with error set. */
int criu_receive(struct criu *criu, uint8_t *buffer, struct wire_reader *ret,
                 struct machine_error *error);

#endif
