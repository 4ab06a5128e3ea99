/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/registry/registry.h"

#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/registry/configuration.h"

/* The path of the API for a mirror that has a path. As in Docker and containerd, "/v2" follows it:
 * "http://HOST/PATH" becomes "/PATH/v2/NAME". If the path contains "/v2" itself, the rest of it
 * precedes the names, for a project of a registry as a mirror: "http://HOST/v2/PROJECT" becomes
 * "/v2/PROJECT/NAME". */
static int split_path(const char *path, struct endpoint *endpoint)
{
        size_t length = strlen(path);
        const char *own;

        while (length > 0 && path[length - 1] == '/') {
                length--;
        }
        own = memmem(path, length, "/v2", 3);
        if (own && (size_t)(own - path) + 3 < length && own[3] != '/') {
                own = NULL;
        }
        if (!own) {
                endpoint->api = string_format("%.*s/v2", (int)length, path);
                endpoint->prefix = strdup("");
        } else {
                size_t before = (size_t)(own - path) + 3;

                endpoint->api = strndup(path, before);
                endpoint->prefix = before < length
                                           ? string_format("%.*s/", (int)(length - before - 1),
                                                           path + before + 1)
                                           : strdup("");
        }
        return endpoint->api && endpoint->prefix ? 0 : -ENOMEM;
}

static int add_endpoint(struct registry *registry, const char *where, bool insecure, bool mirror)
{
        struct endpoint *endpoint = &registry->endpoints[registry->endpoint_count];
        const char *http = string_after(where, "http://"), *https = string_after(where, "https://");
        const char *host = http ? http : https ? https : where;
        size_t length = strcspn(host, "/");

        endpoint->host = strndup(host, length);
        endpoint->base = string_format("%s://%.*s", http || (insecure && !https) ? "http" : "https",
                                       (int)length, host);
        endpoint->mirror = mirror;
        registry->endpoint_count++;
        return endpoint->host && endpoint->base ? split_path(host + length, endpoint) : -ENOMEM;
}

static int add_endpoints(struct registry *registry, const struct registry_settings *settings)
{
        /* The host of Docker's registry differs from its name. */
        const char *host = strcmp(registry->domain, "docker.io") == 0 ? "registry-1.docker.io"
                                                                      : registry->domain;
        int r = 0;

        registry->endpoints =
                calloc(strv_length(settings->mirrors) + 1, sizeof *registry->endpoints);
        if (!registry->endpoints) {
                return -ENOMEM;
        }
        STRV_FOREACH(mirror, settings->mirrors) {
                if (r == 0 && !registry->push) {
                        r = add_endpoint(registry, *mirror, false, true);
                }
        }
        return r == 0 ? add_endpoint(registry, host, settings->insecure, false) : r;
}

int registry_open(struct registry *registry, const struct image_reference *reference,
                  const char *registries, bool insecure, const struct log *log,
                  struct machine_error *error)
{
        _cleanup_registry_settings_ struct registry_settings settings = { 0 };
        int r = registries_read(registries, reference->domain, &settings, error);

        if (r < 0) {
                return r;
        }
        settings.insecure = settings.insecure || insecure;
        registry->log = log;
        registry->domain = strdup(reference->domain);
        registry->repository = strdup(reference->repository);
        if (!registry->domain || !registry->repository ||
            curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
            !(registry->multi = curl_multi_init()) || add_endpoints(registry, &settings) < 0) {
                return error_oom(error);
        }
        return 0;
}

void registry_close(struct registry *registry)
{
        for (size_t i = 0; i < registry->endpoint_count; i++) {
                struct endpoint *endpoint = &registry->endpoints[i];

                free(endpoint->base);
                free(endpoint->api);
                free(endpoint->prefix);
                free(endpoint->host);
                if (endpoint->authorization) {
                        explicit_bzero(endpoint->authorization, strlen(endpoint->authorization));
                        free(endpoint->authorization);
                }
        }
        free(registry->endpoints);
        free(registry->domain);
        free(registry->repository);
        if (registry->multi) {
                (void)curl_multi_cleanup(registry->multi);
                curl_global_cleanup();
        }
        *registry = (struct registry){ 0 };
}
