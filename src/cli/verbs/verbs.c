/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verbs/verbs.h"

#include <string.h>

#include "base/error.h"
#include "base/suggest.h"

static const struct verb *const definition_verbs[] = {
        &verb_check,   &verb_config, &verb_cat,  &verb_edit, &verb_convert,
        &verb_explain, &verb_schema, &verb_lock, NULL,
};

static const struct verb *const life_verbs[] = {
        &verb_run,        &verb_create,  &verb_start,  &verb_stop,   &verb_restart, &verb_reboot,
        &verb_kill,       &verb_pause,   &verb_resume, &verb_wait,   &verb_rename,  &verb_clone,
        &verb_export,     &verb_import,  &verb_delete, &verb_enable, &verb_disable, &verb_update,
        &verb_checkpoint, &verb_restore, NULL,
};

static const struct verb *const entering_verbs[] = {
        &verb_exec, &verb_shell, &verb_login, &verb_attach, &verb_copy_to, &verb_copy_from, NULL,
};

static const struct verb *const state_verbs[] = {
        &verb_list,   &verb_status, &verb_show, &verb_port,      &verb_logs,
        &verb_events, &verb_stats,  &verb_top,  &verb_set_limit, NULL,
};

static const struct verb *const image_verbs[] = {
        &verb_pull,
        &verb_load,
        &verb_save,
        &verb_push,
        &verb_commit,
        &verb_tag,
        &verb_inspect,
        &verb_list_tags,
        &verb_list_images,
        &verb_image_status,
        &verb_remove_image,
        &verb_prune,
        NULL,
};

static const struct verb *const host_verbs[] = {
        &verb_apply,  &verb_network, &verb_volume,    &verb_collect,
        &verb_doctor, &verb_unshare, &verb_supervise, NULL,
};

const struct verb_group cli_verb_groups[] = {
        { "Definitions", definition_verbs },
        { "Machines", life_verbs },
        { "Programs and files in machines", entering_verbs },
        { "State and resources", state_verbs },
        { "Images", image_verbs },
        { "The host", host_verbs },
        { NULL, NULL },
};

const struct verb *const cli_everyday_verbs[] = {
        &verb_check,  &verb_run,  &verb_start, &verb_stop,   &verb_restart, &verb_list,
        &verb_status, &verb_logs, &verb_exec,  &verb_delete, &verb_pull,    NULL,
};

const struct verb_alias cli_verb_aliases[] = {
        { "enter", &verb_shell },
        { "images", &verb_list_images },
        { "ls", &verb_list },
        { "poweroff", &verb_stop },
        { "ps", &verb_list },
        { "rm", &verb_delete },
        { "rmi", &verb_remove_image },
        { "unpause", &verb_resume },
        { NULL, NULL },
};

/* Verbs of other tools that no verb of ours equals, and what serves their purpose here. */
static const struct {
        const char *name;
        const char *advice;
} foreign_verbs[] = {
        { "bind", "\"mounts\" in the definition binds a path of the host, \"run --mount\" too" },
        { "boot", "\"run\" and \"start\" start a machine, with \"boot\" in its definition its "
                  "own init" },
        { "build",
          "\"commit\" creates an image from a machine, and \"load\" loads what another tool "
          "has built" },
        { "clean", "\"prune\" removes unused images, \"delete\" a machine and its files" },
        { "compose", "\"apply\" applies a directory of definitions" },
        { "console", "\"attach\" connects to the terminal of a machine" },
        { "container", "machines are managed by verbs of their own: machinectl-lite --help all" },
        { "cp", "\"copy-to\" and \"copy-from\" copy files" },
        { "daemon-reload",
          "definitions are read at each start; \"restart\" applies a changed one" },
        { "destroy",
          "\"delete --force\" stops and deletes a machine, \"stop --now\" only kills it" },
        { "diff", "\"config diff\" compares a definition with what runs, \"commit\" keeps changed "
                  "files as an image" },
        { "down", "\"stop\" stops machines, \"delete\" also deletes their files" },
        { "execute", "\"exec\" runs a program in a machine" },
        { "export-raw", "\"export\" archives a machine" },
        { "export-tar", "\"export\" archives a machine" },
        { "freeze", "\"pause\" freezes a machine" },
        { "history", "\"image-status\" shows the layers of an image" },
        { "image", "\"list-images\", \"image-status\" and \"remove-image\" manage images" },
        { "image-list", "\"list-images\" lists images" },
        { "import-fs", "\"load --name\" makes an image of a tar archive of a root" },
        { "import-raw", "\"load --name\" makes an image of a tar archive of a root" },
        { "import-tar", "\"load --name\" makes an image of a tar archive of a root" },
        { "info", "\"status\" shows a machine, \"doctor\" the host" },
        { "init", "\"create\" prepares a machine without starting it" },
        { "is-active", "\"status\" exits with 0 if the machine runs and with 3 if not" },
        { "is-enabled", "\"systemctl is-enabled container@M\" tells whether a machine starts at "
                        "boot" },
        { "kube", "\"apply\" applies a directory of definitions" },
        { "launch", "\"run\" and \"start\" start a machine" },
        { "monitor", "\"stats\" shows the resource usage of machines, \"events\" what happens" },
        { "mount", "\"mounts\" in the definition mounts a path of the host" },
        { "pod", "a pod is a definition NAME.pod, for which the verbs of machines work" },
        { "pull-raw", "\"pull\" fetches an image from a registry" },
        { "pull-tar", "\"pull\" fetches an image from a registry" },
        { "read-only", "\"read_only\" in the definition makes the root read-only" },
        { "reload",
          "\"restart\" applies a changed definition, \"set-limit\" changes limits at once" },
        { "remove", "\"delete\" deletes machines, \"remove-image\" images" },
        { "search", "\"list-tags\" lists the tags of a repository in a registry" },
        { "set-property", "\"set-limit\" changes limits of a running machine" },
        { "signal", "\"kill --signal\" sends a signal to a machine" },
        { "snapshot", "\"commit\" creates an image from a machine, \"clone\" a second machine" },
        { "system", "\"doctor\" shows the host, \"prune\" removes what is unused" },
        { "terminate", "\"stop --now\" kills a machine" },
        { "thaw", "\"resume\" resumes a paused machine" },
        { "up", "\"start\" starts machines" },
        { "validate", "\"check\" validates definitions" },
        { "version", "\"--version\" shows the version" },
};

static const struct verb *find(const char *name, struct suggestion *nearest)
{
        for (const struct verb_group *group = cli_verb_groups; group->title; group++) {
                for (const struct verb *const *verb = group->verbs; *verb; verb++) {
                        if (strcmp((*verb)->name, name) == 0) {
                                return *verb;
                        }
                        suggest(nearest, name, (*verb)->name);
                }
        }
        for (const struct verb_alias *alias = cli_verb_aliases; alias->name; alias++) {
                if (strcmp(alias->name, name) == 0) {
                        return alias->verb;
                }
        }
        return NULL;
}

const struct verb *cli_find_verb(const char *name, struct machine_error *error)
{
        struct suggestion nearest = SUGGESTION_INIT;
        const struct verb *verb = find(name, &nearest);

        if (verb) {
                return verb;
        }
        cli_usage_error(NULL, error, "unknown verb \"%s\"", name);
        for (size_t i = 0; i < ELEMENTS_OF(foreign_verbs); i++) {
                if (strcmp(foreign_verbs[i].name, name) == 0) {
                        error_hint(error, "%s", foreign_verbs[i].advice);
                        return NULL;
                }
        }
        if (nearest.word) {
                error_hint(error, "did you mean \"%s\"?", nearest.word);
        }
        return NULL;
}
