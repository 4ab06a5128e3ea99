/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REGISTRY_REQUEST_H
#define IMAGE_REGISTRY_REQUEST_H

#include "image/registry/registry.h"

/* One HTTP request of a transfer: http.c sends it, and sends others as the answer demands. */

/** The server that is asked. */
struct endpoint *request_endpoint(const struct transfer *transfer);

/** Starts a request to transfer->url. Returns 0 or -errno. */
int request_send(struct transfer *transfer);

/** Aborts the request, if one is running, but keeps the answer. */
void request_stop(struct transfer *transfer);

/** Frees the answer. */
void request_forget_answer(struct transfer *transfer);

#endif
