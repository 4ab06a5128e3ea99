/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/rights/trust.h"
#include "base/strings.h"

/* A user who can change a definition, or the files that it names, controls what root starts. A
 * start opens each of them with the same rules; this reports problems in advance. */

static int judge(struct config_definition *definition, const char *path,
                 const struct config_place *place)
{
        const struct config_trust *trust = &definition->loader.trust;
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        bool root = caller_is_root();
        /* A user who checks his own definition needs no warning about its owner. */
        uid_t owner = root ? trust->owner : geteuid();
        int r;

        if (trust->required && !root) {
                return 0;
        }
        r = trust_judge(path, owner, &reason);
        if (r == -EPERM) {
                return config_report(definition->diagnostics,
                                     trust->required ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING, place,
                                     TAKE_PTR(reason.message), TAKE_PTR(reason.hint));
        }
        return r;
}

static int judge_source(struct config_definition *definition, const struct config_source *source)
{
        const char *slash = strrchr(source->name, '/');
        const struct config_place place = { .source = source };
        _cleanup_free_ char *path = NULL;

        /* Standard input and options are not files and have no inode. */
        if (source->inode == 0) {
                return 0;
        }
        path = path_join(source->directory, slash ? slash + 1 : source->name);
        return path ? judge(definition, path, &place) : -ENOMEM;
}

/* If one directory is inside the other, one finding is enough. */
static int judge_directories(struct config_definition *definition)
{
        size_t before = definition->diagnostics->count;

        STRV_FOREACH(directory, definition->directories) {
                int r = judge(definition, *directory, &definition->tree->value);

                if (r < 0 || definition->diagnostics->count > before) {
                        return r;
                }
        }
        return 0;
}

static int judge_named(struct config_definition *definition, const struct machine *machine)
{
        size_t index = 0;

        STRV_FOREACH(path, machine->process.environment_files) {
                struct config_place place =
                        config_definition_place(definition, "environment_files", index++);
                int r = judge(definition, *path, &place);

                if (r < 0) {
                        return r;
                }
        }
        for (size_t i = 0; i < machine->credential_count; i++) {
                struct config_place place = config_definition_place(definition, "credentials", i);
                const char *path = machine->credentials[i].path;
                int r = path ? judge(definition, path, &place) : 0;

                if (r < 0) {
                        return r;
                }
        }
        if (machine->security.seccomp.file) {
                struct config_place place =
                        config_definition_place(definition, "seccomp.profile", SIZE_MAX);

                return judge(definition, machine->security.seccomp.file, &place);
        }
        return 0;
}

int config_check_trust(struct config_definition *definition)
{
        size_t before = definition->diagnostics->count;
        int r = 0;

        for (size_t i = 0;
             r == 0 && !definition->loader.trust.required && i < definition->loader.source_count;
             i++) {
                r = judge_source(definition, definition->loader.sources[i]);
        }
        if (r == 0 && definition->diagnostics->count == before) {
                r = judge_directories(definition);
        }
        return r == 0 && definition->machine ? judge_named(definition, definition->machine) : r;
}
