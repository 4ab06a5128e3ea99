/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REGISTRY_H
#define IMAGE_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>
#include <machine/error.h>

#include "base/json.h"
#include "base/log.h"
#include "image/credentials.h"
#include "image/reference.h"

/* A registry and its mirrors, spoken to by the OCI distribution API. */

/** One server that has the repository. */
struct endpoint {
        char *base;          /* "https://HOST[:PORT]" */
        char *host;          /* "HOST[:PORT]", for certificates and credentials */
        char *authorization; /* header line, or NULL so far */
        unsigned int tokens; /* how many were fetched */
        bool mirror;
        bool failed; /* a mirror that did not answer is left alone */
};

struct registry {
        CURLM *multi;
        struct endpoint *endpoints; /* mirrors, then the registry itself */
        size_t endpoint_count;
        char *domain;
        char *repository;
        bool push; /* tokens are asked for pushing */
        const struct log *log;
};

struct transfer;

/** Takes a piece of the body. 0 or -errno, which ends the transfer; its error may be filled. */
typedef int (*transfer_write)(struct transfer *transfer, const void *data, size_t length);

/** One request with its retries, redirections and authorizations. */
struct transfer {
        struct registry *registry;
        /* Set by the caller. */
        const char *method; /* NULL: GET */
        char *path;         /* below the endpoint, or a full URL; owned */
        const char *accept;
        uint64_t range_from; /* bytes that are there already */
        uint64_t total;      /* what the whole is long, or 0: not known */
        transfer_write write;
        /** Forget what came: the server sends it from the start. NULL: there is no way. */
        int (*restart)(struct transfer *transfer);
        void *data;
        size_t body_max; /* with write NULL: the body is kept, up to so many bytes */
        /* Of the request's own content. */
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
        char *range; /* Content-Range */
        char **challenges;
        /* State. */
        CURL *easy;
        struct curl_slist *headers;
        char *url;
        size_t endpoint;
        unsigned int redirects;
        unsigned int attempts;
        unsigned int authorizations;
        unsigned int tokens; /* the endpoint's count when the request was sent */
        uint64_t not_before; /* log_now() of the next attempt */
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

/** Sets a registry up; registries and mirrors from the file (NULL: the usual one). insecure: plain
 * http. 0 or -errno. */
int registry_open(struct registry *registry, const struct image_reference *reference,
                  const char *registries, bool insecure, const struct log *log,
                  struct machine_error *error);
void registry_close(struct registry *registry);
#define _cleanup_registry_ _cleanup_(registry_close)

/** Starts a transfer; it goes on in registry_drive(). */
int transfer_start(struct transfer *transfer, struct registry *registry);

/** Ends a transfer, done or not, and frees what it has. */
void transfer_clear(struct transfer *transfer);
#define _cleanup_transfer_ _cleanup_(transfer_clear)

/**
 * Waits for something to happen to one of the transfers or descriptors, or for the time to pass,
 * and does what is due. waiting may be NULL. 0 or -errno.
 */
int registry_drive(struct registry *registry, struct transfer *const *transfers, size_t count,
                   struct curl_waitfd *waiting, unsigned int waiting_count, unsigned int usec_max,
                   struct machine_error *error);

/** Starts a transfer and waits until it is finished. 0 where the answer was a success. */
int registry_run(struct registry *registry, struct transfer *transfer, struct machine_error *error);

/* ---- authorize.c ---- */

/** Answers a challenge: a token or a password for the endpoint. 0 or -errno. */
int registry_authorize(struct registry *registry, struct endpoint *endpoint,
                       char *const *challenges, struct machine_error *error);

/* ---- connection.c ---- */

/** Options that every request has: protocols, certificates, time limits. registry is the host
 * ("HOST[:PORT]") that this one is asked for on behalf of. 0 or -errno */
int connection_set_up(CURL *easy, const char *url, const char *registry,
                      struct machine_error *error);

/** Whether two URLs have scheme, host and port in common. */
bool connection_same_origin(const char *a, const char *b);

/** A URL that is relative to another, made whole. NULL where it is not one. The caller frees. */
char *connection_resolve(const char *base, const char *relative);

#endif
