/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/plan/difference.h"

#include <errno.h>
#include <unistd.h>

#include "apply/plan/content.h"
#include "base/strings.h"
#include "config/compare.h"
#include "config/read/stored.h"
#include "config/snapshot.h"
#include "image/image.h"

void difference_clear(struct difference *difference)
{
        strv_free(difference->live);
        strv_free(difference->limits);
        strv_free(difference->files);
        strv_free(difference->mounts);
        strv_free(difference->restart);
        *difference = (struct difference){ 0 };
}

/* ---- Images ---- */

static char *image_id(const struct plan_request *request, const char *reference)
{
        _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;

        return image_resolve(request->state_directory, reference, &info, NULL) == 0
                       ? TAKE_PTR(info.id)
                       : NULL;
}

/* Names of one image mean the same, and one name of two images does not. An image that was not
 * fetched yet is another one only if its name is. */
static int compare_images(const struct plan_request *request, const struct machine_record *record,
                          const struct machine *machine, bool renamed, struct difference *ret)
{
        _cleanup_free_ char *id =
                machine->root.image ? image_id(request, machine->root.image) : NULL;
        bool differs = id && record->image_id ? strcmp(id, record->image_id) != 0 : renamed;

        if (!differs) {
                return 0;
        }
        ret->image = true;
        return strv_append(&ret->restart, "image");
}

/* ---- Keys ---- */

/* The kernel has no word for "as if it had never been set" for these. */
static bool can_be_reset(const struct config_change_of_key *change)
{
        static const char *const lists[] = { "limits.cpus", "limits.memory_nodes", "limits.io",
                                             "limits.hugepages" };

        for (size_t i = 0; i < ELEMENTS_OF(lists); i++) {
                if (strcmp(change->key->name, lists[i]) == 0) {
                        return !change->old || (i < 2 && change->new);
                }
        }
        return true;
}

static bool is_of_network(const char *key)
{
        return strcmp(key, "ports") == 0 || strcmp(key, "networks") == 0 ||
               string_after(key, "network.");
}

/* A pod that was started without limits has no group for those of its members. */
static bool lacks_group(const struct machine_record *record)
{
        _cleanup_free_ char *path = record && machine_record_is_pod(record)
                                            ? machine_record_limited_group(record)
                                            : NULL;

        return path && access(path, F_OK) < 0;
}

static int note_key(const struct config_change_of_key *change, bool resettable,
                    struct difference *ret)
{
        const struct config_key *key = change->key;

        ret->joins_anew |= is_of_network(key->name);
        switch (key->change) {
        case CONFIG_CHANGE_LIVE:
                return strv_append(&ret->live, key->name);
        case CONFIG_CHANGE_LIMIT:
                return strv_append(resettable && can_be_reset(change) ? &ret->limits
                                                                      : &ret->restart,
                                   key->name);
        default:
                return strv_append(&ret->restart, key->name);
        }
}

static int compare_keys(const struct plan_request *request, const struct machine_record *record,
                        const struct config_running *running, const struct machine *machine,
                        struct difference *ret)
{
        _cleanup_config_changes_ struct config_changes changes = { 0 };
        bool renamed = false;
        int r = config_compare(running, machine, request->view->tree, &changes);

        for (size_t i = 0; r == 0 && i < changes.count; i++) {
                if (strcmp(changes.items[i].key->name, "image") == 0) {
                        renamed = true;
                } else {
                        r = note_key(&changes.items[i], !lacks_group(record), ret);
                }
        }
        if (r == 0 && renamed && !record) {
                r = strv_append(&ret->restart, "image");
        }
        return r < 0 || !record ? r : compare_images(request, record, machine, renamed, ret);
}

/* ---- Files ---- */

/* The mount that shows a file of the tree in the machine, or NULL. */
static const struct machine_mount *mount_of(const struct machine *machine, const char *tree,
                                            const char *path)
{
        for (size_t i = 0; i < machine->mount_count; i++) {
                const char *rest = machine->mounts[i].type == MACHINE_MOUNT_BIND
                                           ? string_after(machine->mounts[i].source, tree)
                                           : NULL;

                if (rest && string_equal(*rest == '/' ? rest + 1 : rest, path)) {
                        return &machine->mounts[i];
                }
        }
        return NULL;
}

static int note_file(const struct plan_request *request, const struct machine *machine,
                     const struct config_named_file *file, struct difference *ret)
{
        const struct machine_mount *mount = mount_of(machine, request->view->tree, file->path);
        const char *shown = file->path[0] ? file->path : ".";

        if (!mount) {
                return strv_append(&ret->restart, shown);
        }
        return strv_append(&ret->mounts, mount->target) < 0 ? -ENOMEM
                                                            : strv_append(&ret->files, shown);
}

/* The tree in which a machine that runs has a file, or NULL: after a reload not all of its files
 * are of one revision. */
static char *tree_of_file(const struct plan_request *request, const char *snapshot,
                          const char *path)
{
        const char *trees = request->store->directory;

        for (const char *at = snapshot; (at = strstr(at, trees));) {
                const char *revision = at + strlen(trees) + 1;
                const char *rest = revision + strcspn(revision, "/:\"");
                const char *end = string_after(*rest == '/' ? rest + 1 : rest, path);

                if (end && strchr(":\"", *end)) {
                        return strndup(at, (size_t)(rest - at));
                }
                at = rest;
        }
        return NULL;
}

static int compare_file(const struct plan_request *request, const char *snapshot,
                        const struct config_named_file *file)
{
        _cleanup_free_ char *tree = tree_of_file(request, snapshot, file->path);

        /* A stored tree never changes. */
        if (tree && strcmp(tree, request->view->tree) == 0) {
                return 1;
        }
        return tree ? content_is_equal(tree, request->view->tree, file->path) : 0;
}

static int compare_files(const struct plan_request *request, const char *snapshot,
                         const struct machine *machine, struct difference *ret)
{
        struct config_named_file *files = NULL;
        size_t count = 0;
        int r = config_named_files(machine, request->view->tree, &files, &count);

        for (size_t i = 0; r == 0 && i < count; i++) {
                r = compare_file(request, snapshot, &files[i]);
                r = r == 0 ? note_file(request, machine, &files[i], ret) : r < 0 ? r : 0;
        }
        for (size_t i = 0; i < count; i++) {
                free(files[i].path);
        }
        free(files);
        return r;
}

/* ---- Networks ---- */

static char *search_path_of(const struct plan_request *request, const char *tree)
{
        _cleanup_strv_ char **directories = NULL;

        STRV_FOREACH(directory, request->view->directories) {
                const char *below = string_after(*directory, request->view->tree);

                if ((!below || (*below && *below != '/')) &&
                    strv_append(&directories, *directory) < 0) {
                        return NULL;
                }
        }
        return config_tree_directories(tree, request->view->host.name, &directories) < 0
                       ? NULL
                       : strv_join(directories, ":");
}

static int compare_network(const struct config_options *old_options,
                           const struct config_options *new_options, const char *name,
                           struct difference *ret)
{
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };
        struct network_definition *old = NULL, *new = NULL;
        int r = 0;

        if (config_load_network(name, old_options, &unheard, &old, NULL) == 0 &&
            config_load_network(name, new_options, &unheard, &new, NULL) == 0) {
                r = config_networks_equal(old, new);
        }
        if (r == 0 && old && new) {
                ret->network = ret->joins_anew = true;
                r = strv_take(&ret->restart, string_format("%s.network", name));
        }
        network_definition_free(old);
        network_definition_free(new);
        return r < 0 ? r : 0;
}

static int compare_networks(const struct plan_request *request, const char *old_tree,
                            const struct machine *machine, struct difference *ret)
{
        _cleanup_free_ char *search_path = search_path_of(request, old_tree);
        const struct config_options old_options = { .search_path = search_path };
        const struct config_options new_options = { .search_path = request->view->search_path };
        _cleanup_strv_ char **names = NULL;
        int r = search_path ? config_network_names(machine, &names) : -ENOMEM;

        STRV_FOREACH(name, names) {
                r = r < 0 ? r : compare_network(&old_options, &new_options, *name, ret);
        }
        return r;
}

/* ---- Volumes ---- */

/* Owner and labels are for when a volume is made. */
static int compare_volume(const struct config_options *old_options,
                          const struct config_options *new_options, const char *name,
                          struct difference *ret)
{
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };
        struct volume_definition *old = NULL, *new = NULL;
        int r = 0;

        if (config_load_volume(name, old_options, &unheard, &old, NULL) == 0 &&
            config_load_volume(name, new_options, &unheard, &new, NULL) == 0 &&
            old->size != new->size) {
                r = strv_take(&ret->restart, string_format("%s.volume", name));
        }
        volume_definition_free(old);
        volume_definition_free(new);
        return r;
}

static int compare_volumes(const struct plan_request *request, const char *old_tree,
                           const struct machine *machine, struct difference *ret)
{
        _cleanup_free_ char *search_path = search_path_of(request, old_tree);
        const struct config_options old_options = { .search_path = search_path };
        const struct config_options new_options = { .search_path = request->view->search_path };
        int r = search_path ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < machine->mount_count; i++) {
                if (machine->mounts[i].type == MACHINE_MOUNT_VOLUME) {
                        r = compare_volume(&old_options, &new_options, machine->mounts[i].source,
                                           ret);
                }
        }
        return r;
}

/* ---- The whole ---- */

static int compare_trees(const struct plan_request *request, const char *snapshot,
                         const char *old_tree, const struct machine *machine,
                         struct difference *ret)
{
        int r = compare_files(request, snapshot, machine, ret);

        if (r < 0 || !old_tree || strcmp(old_tree, request->view->tree) == 0) {
                return r;
        }
        r = compare_networks(request, old_tree, machine, ret);
        return r < 0 ? r : compare_volumes(request, old_tree, machine, ret);
}

int difference_of_running(const struct plan_request *request, const struct machine_record *record,
                          const struct machine *machine, struct difference *ret,
                          struct machine_error *error)
{
        _cleanup_free_ char *revision =
                source_store_revision_of(request->store, record->definition);
        _cleanup_free_ char *tree = revision ? source_store_tree(request->store, revision) : NULL;
        _cleanup_free_ char *snapshot = NULL;
        struct config_running running = { .trees = request->store->directory };
        int r = state_load_definition(request->machines, record->name, &snapshot);

        running.snapshot = snapshot;
        r = r < 0 ? r : compare_keys(request, record, &running, machine, ret);
        if (r == -ENOENT || r == -EBADMSG) {
                return strv_append(&ret->restart, "what it was started with is not on record") < 0
                               ? error_oom(error)
                               : 0;
        }
        r = r < 0 ? r : compare_trees(request, snapshot, tree, machine, ret);
        return r < 0 ? error_set(error, r, "cannot compare machine \"%s\" with its definition",
                                 record->name)
                     : 0;
}

static bool is_none(const struct difference *difference)
{
        return !difference->live && !difference->limits && !difference->files &&
               !difference->restart;
}

int difference_is_none(const struct plan_request *request, const char *revision,
                       const struct machine *machine, struct machine_error *error)
{
        _cleanup_difference_ struct difference difference = { 0 };
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };
        _cleanup_free_ char *tree = source_store_tree(request->store, revision);
        _cleanup_free_ char *search_path = tree ? search_path_of(request, tree) : NULL;
        const struct config_options options = { .search_path = search_path };
        _cleanup_free_ char *snapshot = NULL;
        struct machine *old = NULL;
        struct config_running running = { .trees = request->store->directory };
        int r;

        if (!search_path) {
                return error_oom(error);
        }
        if (config_load(machine->name, &options, &unheard, &old, NULL) < 0) {
                return 0;
        }
        snapshot = config_snapshot(old);
        machine_free(old);
        running.snapshot = snapshot;
        r = snapshot ? compare_keys(request, NULL, &running, machine, &difference) : -ENOMEM;
        r = r < 0 ? r : compare_trees(request, snapshot, tree, machine, &difference);
        return r < 0 ? error_set(error, r, "cannot compare machine \"%s\" with revision %s",
                                 machine->name, revision)
                     : is_none(&difference);
}
