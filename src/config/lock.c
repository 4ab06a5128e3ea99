/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/lock.h"

#include <stdint.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rights/trust.h"
#include "base/strings.h"

#define LOCK_SIZE_MAX (4U << 20)

int config_lock_parse(const char *text, const char *what, json_t **ret, struct machine_error *error)
{
        _cleanup_json_ json_t *lock = NULL;
        json_error_t problem;
        uint64_t version = 0;

        lock = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
        if (!lock) {
                error_say(error, EINVAL, "%s:%d:%d: %s", what, problem.line, problem.column,
                          problem.text);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        if (json_get_number(lock, "version", &version) < 0 || version != CONFIG_LOCK_VERSION ||
            !json_is_object(json_object_get(lock, "images"))) {
                error_say(error, EINVAL, "%s is not a lock of version %d", what,
                          CONFIG_LOCK_VERSION);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        *ret = TAKE_PTR(lock);
        return 0;
}

/* The directory of a path, without its last component. NULL if out of memory. */
static char *directory_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : strdup(".");
}

/* The lock that holds for a definition; NULL if there is none. */
static int find_lock(const char *path, char **ret)
{
        _cleanup_free_ char *directory = directory_of(path), *above = NULL, *top = NULL;
        _cleanup_free_ char *own = NULL;

        above = directory ? directory_of(directory) : NULL;
        top = above ? directory_of(above) : NULL;
        own = directory ? string_format("%s/" CONFIG_LOCK_FILE, directory) : NULL;
        if (!top || !own) {
                return -ENOMEM;
        }
        if (access(own, F_OK) < 0 && string_ends_with(above, "/hosts")) {
                free(own);
                own = string_format("%s/" CONFIG_LOCK_FILE, top);
        }
        if (!own) {
                return -ENOMEM;
        }
        *ret = access(own, F_OK) == 0 ? TAKE_PTR(own) : NULL;
        return 0;
}

static int read_lock(const struct config_definition *definition, const char *path, json_t **ret,
                     struct machine_error *error)
{
        const struct config_trust *trust = &definition->loader.trust;
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = trust->required ? trust_read_text(path, trust->owner, "the lock of images",
                                                  LOCK_SIZE_MAX, &text, &length, error)
                                : file_read_text(path, LOCK_SIZE_MAX, &text, &length);

        if (r < 0) {
                return error_is_set(error) ? r : file_explain(r, "the lock of images", path, error);
        }
        return config_lock_parse(text, path, ret, error);
}

static int report_missing(struct config_definition *definition, const char *lock)
{
        struct config_place place = config_definition_place(definition, "image", SIZE_MAX);

        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                             string_format("%s does not name this image", lock),
                             strdup("add it with \"machinectl-lite lock DIRECTORY\""));
}

int config_lock_apply(struct config_definition *definition, struct machine_error *error)
{
        struct machine *machine = definition->machine;
        _cleanup_free_ char *path = NULL;
        _cleanup_json_ json_t *lock = NULL;
        const char *locked;
        int r;

        if (!machine->root.image || !machine->definition || strchr(machine->root.image, '@')) {
                return 0;
        }
        r = find_lock(machine->definition, &path) < 0 ? error_oom(error) : 0;
        if (r < 0 || !path) {
                return r;
        }
        r = read_lock(definition, path, &lock, error);
        if (r < 0) {
                return r;
        }
        locked = json_get_string(
                json_object_get(json_object_get(lock, "images"), machine->root.image), "image");
        if (!locked || !strchr(locked, '@')) {
                return report_missing(definition, path) < 0 ? error_oom(error) : 0;
        }
        return string_replace(&machine->root.image, locked) < 0 ? error_oom(error) : 0;
}
