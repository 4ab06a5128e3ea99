/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REGISTRY_REGISTRY_H
#define IMAGE_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>
#include <machine/error.h>

#include "base/json.h"
#include "base/log.h"
#include "image/reference.h"
#include "image/registry/credentials.h"

/* A client of the OCI distribution API for a registry and its mirrors. */

/** A server that has the repository. */
struct endpoint {
        char *base;          /* "https://HOST[:PORT]" */
        char *api;           /* "/v2" with the path before it */
        char *prefix;        /* prepended to the repository, ends with a slash; or "" */
        char *host;          /* "HOST[:PORT]", for certificates and credentials */
        char *authorization; /* header line, or NULL if none yet */
        unsigned int tokens; /* the number of tokens fetched */
        bool mirror;
        bool failed; /* a mirror that failed is not asked again */
};

struct registry {
        CURLM *multi;
        struct endpoint *endpoints; /* mirrors, then the registry itself */
        size_t endpoint_count;
        char *domain;
        char *repository;
        bool push; /* tokens are for pushing */
        const struct log *log;
};

struct transfer;

/** Takes a piece of the body. Returns 0 or -errno, which aborts the transfer; it may set the error.
 */
typedef int (*transfer_write)(struct transfer *transfer, const void *data, size_t length);

/** One request, with its retries, redirections and authorizations. */
struct transfer {
        struct registry *registry;
        /* Set by the caller. */
        const char *method; /* NULL: GET */
        char *path;         /* below the repository ("blobs/DIGEST"), or a full URL; owned */
        const char *accept;
        uint64_t range_from; /* bytes that are present already */
        uint64_t total;      /* the size of the whole content, or 0 if unknown */
        transfer_write write;
        /** Discards what was received: the server sends the content from the start. NULL:
         * impossible. */
        int (*restart)(struct transfer *transfer);
        void *data;
        bool decode;     /* decode an unrequested Content-Encoding; excludes ranges */
        size_t body_max; /* if write is NULL: keep the body, up to this size */
        /* The request's content. */
        int upload_fd; /* or -EBADF */
        uint64_t upload_length;
        const char *upload_type;
        const char *upload_text;
        /* The answer. */
        long status;
        char *body;
        size_t body_length;
        char *content_type;
        char *digest; /* Docker-Content-Digest */
        char *location;
        char *link;
        char *range;    /* Content-Range */
        char *encoding; /* Content-Encoding */
        char **challenges;
        /* State. */
        CURL *easy;
        struct curl_slist *headers;
        char *url;
        size_t endpoint;
        unsigned int redirects;
        unsigned int attempts;
        unsigned int authorizations;
        unsigned int renewals; /* of an expired address */
        unsigned int tokens;   /* the endpoint's count when the request was sent */
        uint64_t not_before;   /* earliest log_now() of the next attempt */
        bool running;
        bool started; /* the body has begun and is wanted */
        bool finished;
        int result;
        struct machine_error error;
};

#define TRANSFER_INIT                                            \
        {                                                        \
                .upload_fd = -EBADF, .error = MACHINE_ERROR_INIT \
        }

/** Sets up a registry with its mirrors from the file (NULL: the default). insecure: plain HTTP.
 * Returns 0 or -errno. */
int registry_open(struct registry *registry, const struct image_reference *reference,
                  const char *registries, bool insecure, const struct log *log,
                  struct machine_error *error);
void registry_close(struct registry *registry);
#define _cleanup_registry_ _cleanup_(registry_close)

/** Starts a transfer; registry_drive() continues it. */
int transfer_start(struct transfer *transfer, struct registry *registry);

/** Whether the body has an encoding that was not requested and has not been decoded. */
bool transfer_is_encoded(const struct transfer *transfer);

/** Ends a transfer, finished or not, and frees its resources. */
void transfer_clear(struct transfer *transfer);
#define _cleanup_transfer_ _cleanup_(transfer_clear)

/**
 * Waits until one of the transfers or descriptors is ready or the time has passed, and processes
 * the events. waiting may be NULL. Returns 0 or -errno.
 */
int registry_drive(struct registry *registry, struct transfer *const *transfers, size_t count,
                   struct curl_waitfd *waiting, unsigned int waiting_count, unsigned int usec_max,
                   struct machine_error *error);

/** Runs a transfer to its end. Returns 0 if the server reported success. */
int registry_run(struct registry *registry, struct transfer *transfer, struct machine_error *error);

/* ---- authorize.c ---- */

/** Answers a challenge: obtains a token or a password for the endpoint. Returns 0 or -errno. */
int registry_authorize(struct registry *registry, struct endpoint *endpoint,
                       char *const *challenges, struct machine_error *error);

/* ---- connection.c ---- */

/** Sets the options of every request: protocols, certificates, time limits. registry is the host
 * ("HOST[:PORT]") on whose behalf the request is made. Returns 0 or -errno. */
int connection_set_up(CURL *easy, const char *url, const char *registry,
                      struct machine_error *error);

/** Whether two URLs have the same scheme, host and port. */
bool connection_same_origin(const char *a, const char *b);

/** Resolves a URL relative to another. NULL if it is invalid. The caller frees. */
char *connection_resolve(const char *base, const char *relative);

#endif
