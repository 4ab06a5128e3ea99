/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/scope.h"

#include <errno.h>

#include "base/strings.h"

/* Shortens a path by its last component. Returns whether something is left. */
static bool shorten(char *path)
{
        char *slash = strrchr(path, '/');

        if (!slash || slash == path) {
                return false;
        }
        *slash = '\0';
        return true;
}

static int add_paths(const char *path, char ***scopes)
{
        _cleanup_free_ char *rest = strdup(path);
        int r = rest ? 0 : -ENOMEM;

        if (r == 0 && strcmp(path, "/") == 0) {
                return 0;
        }
        do {
                r = r == 0 ? strv_append(scopes, rest) : r;
        } while (r == 0 && shorten(rest));
        return r;
}

/* "*.example.org" and "*.org" for "registry.example.org:5000". */
static int add_domains(const char *domain, char ***scopes)
{
        size_t length = strcspn(domain, ":");
        int r = 0;

        for (const char *dot = memchr(domain, '.', length); r == 0 && dot;
             dot = memchr(dot + 1, '.', length - (size_t)(dot + 1 - domain))) {
                r = strv_take(scopes,
                              string_format("*%.*s", (int)(length - (size_t)(dot - domain)), dot));
        }
        return r;
}

static int add_reference(const struct image_reference *reference, char ***scopes)
{
        _cleanup_free_ char *repository =
                string_format("%s/%s", reference->domain, reference->repository);
        int r = repository ? strv_take(scopes, image_reference_format(reference)) : -ENOMEM;

        do {
                r = r == 0 ? strv_append(scopes, repository) : r;
        } while (r == 0 && shorten(repository));
        return r < 0 ? r : add_domains(reference->domain, scopes);
}

int scope_list(const struct trust_subject *subject, char ***ret)
{
        _cleanup_strv_ char **scopes = NULL;
        int r = 0;

        if (subject->reference) {
                r = add_reference(subject->reference, &scopes);
        } else if (subject->path) {
                r = add_paths(subject->path, &scopes);
        }
        if (r == 0) {
                *ret = TAKE_PTR(scopes);
        }
        return r;
}
