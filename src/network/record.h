/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_RECORD_H
#define NETWORK_RECORD_H

#include "network/state.h"

/* The state of a network as JSON. */

/** The text of a state. 0 or -ENOMEM; the caller frees *ret. */
int network_record_write(const struct network_state *state, char **ret);

/**
 * Reads text that network_record_write() wrote. path is for messages. -EBADMSG with an error that
 * names the file for a damaged text, for one of another version and for one of another network.
 */
int network_record_read(const char *text, const char *path, const char *name,
                        struct network_state **ret, struct machine_error *error);

#endif
