/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/update.h"

#include <fcntl.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/own.h"
#include "image/image.h"
#include "state/settle.h"

#define LOOK_INTERVAL (100 * NSEC_PER_MSEC)
#define NSEC_PER_MSEC 1000000L

static const char *const words[] = {
        [UPDATE_UNCHANGED] = "unchanged", [UPDATE_PENDING] = "update",
        [UPDATE_DONE] = "updated",        [UPDATE_BACK] = "back",
        [UPDATE_FAILED] = "failed",       [UPDATE_WITHHELD] = "withheld",
};

const char *update_word_name(enum update_word word)
{
        return words[word];
}

void update_clear(struct update *update)
{
        free(update->name);
        free(update->reference);
        free(update->reason);
        free(update->old_id);
        free(update->new_id);
        free(update->old_digest);
        free(update->new_digest);
        free(update->created);
        *update = (struct update){ 0 };
}

static int conclude(struct update *update, enum update_word word, char *reason,
                    struct machine_error *error)
{
        update->word = word;
        free(update->reason);
        update->reason = reason;
        return reason ? 0 : error_oom(error);
}

/* Takes the text of an error as the reason. */
static int conclude_by(struct update *update, enum update_word word, struct machine_error *failure,
                       struct machine_error *error)
{
        int r = conclude(update, word, strdup(failure->message ? failure->message : "it failed"),
                         error);

        machine_error_clear(failure);
        return r;
}

/* ---- Finding out ---- */

static char *machine_directory(const struct cli *cli, const char *name)
{
        return string_format("%s/machines/%s", cli->directories.state, name);
}

/* The digest under which the registry has, or had, what runs. */
static int find_old_digest(struct cli *cli, struct update *update, struct machine_error *error)
{
        const char *const arguments[] = { "image-status", "--json=short", update->old_id, NULL };
        _cleanup_json_ json_t *status = NULL;
        int r = cli_ask_own(cli, arguments, "the store was not read", &status, error);

        return r < 0 ? r
               : string_replace(&update->old_digest, json_get_string(status, "manifest")) < 0
                       ? error_oom(error)
                       : 0;
}

static int ask_registry(struct cli *cli, struct update *update, struct machine_error *error)
{
        _cleanup_free_ char *address = string_format("docker://%s", update->reference);
        const char *const arguments[] = { "inspect", "--json=short", address, NULL };
        _cleanup_json_ json_t *found = NULL;
        int r = address ? cli_ask_own(cli, arguments, "the registry could not be asked", &found,
                                      error)
                        : error_oom(error);

        if (r < 0) {
                return r;
        }
        if (!json_get_string(found, "Id")) {
                return error_say(error, EBADMSG, "the registry's answer has no image id");
        }
        return string_replace(&update->new_id, json_get_string(found, "Id")) < 0 ||
                               string_replace(&update->new_digest,
                                              json_get_string(found, "Manifest")) < 0 ||
                               string_replace(&update->created, json_get_string(found, "Created")) <
                                       0
                       ? error_oom(error)
                       : 0;
}

static int compare(struct cli *cli, struct update *update, bool force, struct machine_error *error)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        _cleanup_free_ char *directory = machine_directory(cli, update->name), *failed = NULL;
        int r = directory ? ask_registry(cli, update, &failure) : error_oom(error);

        if (r < 0) {
                return directory ? conclude_by(update, UPDATE_FAILED, &failure, error) : r;
        }
        if (strcmp(update->old_id, update->new_id) == 0) {
                return conclude(update, UPDATE_UNCHANGED, strdup(""), error);
        }
        r = image_failed(directory, &failed, error);
        if (r == 0) {
                r = find_old_digest(cli, update, error);
        }
        if (r < 0) {
                return r;
        }
        if (!force && string_equal(failed, update->new_id)) {
                return conclude(update, UPDATE_WITHHELD,
                                strdup("this image has failed before; --force tries it again"),
                                error);
        }
        return conclude(update, UPDATE_PENDING, strdup(""), error);
}

int update_find(struct cli *cli, const struct state_store *store, const char *name, bool force,
                struct update *ret, struct machine_error *error)
{
        struct machine *machine = cli_load_silently(cli, name);
        _cleanup_record_ struct machine_record record = { 0 };
        int r = string_replace(&ret->name, name) < 0 ||
                                (machine &&
                                 string_replace(&ret->reference, machine->root.image) < 0)
                        ? error_oom(error)
                        : cli_find_machine(store, name, &record, error);

        if (r < 0) {
                machine_free(machine);
                return r;
        }
        if (!machine) {
                return conclude(ret, UPDATE_FAILED, strdup("its definition cannot be read"), error);
        }
        machine_free(machine);
        if (!ret->reference || strchr(ret->reference, '@')) {
                return conclude(ret, UPDATE_UNCHANGED,
                                strdup(ret->reference ? "its digest is fixed" : "it has no image"),
                                error);
        }
        if (!machine_state_is_live(record.state) || !record.image_id) {
                return conclude(ret, UPDATE_UNCHANGED, strdup("not running"), error);
        }
        return string_replace(&ret->old_id, record.image_id) < 0 ? error_oom(error)
                                                                 : compare(cli, ret, force, error);
}

/* ---- Carrying out ---- */

static int run_verb(struct cli *cli, const char *verb, const char *argument, const char *other,
                    struct machine_error *error)
{
        const char *const arguments[] = { verb, argument, other, NULL };
        int r = cli_run_own(cli, arguments, NULL, error);

        return r == 0 ? 0 : r < 0 ? r : error_say(error, EIO, "\"%s %s\" failed", verb, argument);
}

/* Waits until a machine is ready and healthy, or is known not to become it. */
static int settle(struct cli *cli, const struct state_store *store, const char *name,
                  uint64_t begun, struct machine_error *error)
{
        static const struct timespec interval = { .tv_nsec = LOOK_INTERVAL };
        struct machine *machine = cli_load_silently(cli, name);
        uint64_t deadline = 0;
        int r = machine ? 0
                        : error_say(error, EINVAL, "the definition of \"%s\" cannot be read", name);

        while (r == 0) {
                r = settle_look(store, machine, name, begun, &deadline, error);
                if (r == 0) {
                        (void)nanosleep(&interval, NULL);
                }
        }
        machine_free(machine);
        return r < 0 ? r : 0;
}

/* A writable layer moves to the image that the name points to. */
static int restart(struct cli *cli, const struct state_store *store, const char *name,
                   const char *directory, struct machine_error *error)
{
        uint64_t begun;
        int r = image_unpin(directory, error);

        if (r == 0) {
                r = run_verb(cli, "restart", name, NULL, error);
        }
        begun = log_now();
        return r < 0 ? r : settle(cli, store, name, begun, error);
}

/* Whether the machine runs the image still, because the restart was refused. */
static bool still_runs(const struct state_store *store, const struct update *update)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(store, update->name, &record, NULL) == 0 &&
               machine_state_is_live(record.state) && string_equal(record.image_id, update->old_id);
}

static int go_back(struct cli *cli, const struct state_store *store, struct update *update,
                   const char *directory, const struct image_info *old, bool pinned,
                   struct machine_error *error)
{
        int r;

        log_warning(&cli->log, "machine \"%s\" goes back to %s", update->name, update->old_id);
        r = run_verb(cli, "tag", update->old_id, update->reference, error);
        if (r == 0 && still_runs(store, update)) {
                return pinned ? image_pin(directory, old, error) : 0;
        }
        return r < 0 ? r : restart(cli, store, update->name, directory, error);
}

static int try_image(struct cli *cli, const struct state_store *store, struct update *update,
                     const char *directory, const struct image_info *old,
                     struct machine_error *error)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        _cleanup_error_ struct machine_error second = MACHINE_ERROR_INIT;
        _cleanup_free_ char *pinned = NULL;
        int r = image_pinned(directory, &pinned, NULL, error);

        if (r < 0) {
                return r;
        }
        r = restart(cli, store, update->name, directory, &failure);
        if (r == 0) {
                r = image_keep(directory, update->old_id, NULL, error);
                return r < 0 ? r : conclude(update, UPDATE_DONE, strdup(""), error);
        }
        r = go_back(cli, store, update, directory, old, pinned, &second);
        if (r < 0) {
                log_error(&cli->log, &second);
        }
        if (image_keep(directory, update->old_id, update->new_id, error) < 0) {
                return -EIO;
        }
        return conclude_by(update, r < 0 ? UPDATE_FAILED : UPDATE_BACK, &failure, error);
}

int update_carry_out(struct cli *cli, const struct state_store *store, struct update *update,
                     struct machine_error *error)
{
        _cleanup_image_info_ struct image_info old = IMAGE_INFO_INIT;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        _cleanup_free_ char *directory = machine_directory(cli, update->name);
        int r = directory ? image_resolve(cli->directories.state, update->old_id, &old, error)
                          : error_oom(error);

        if (r == 0 && string_replace(&old.reference, update->reference) < 0) {
                r = error_oom(error);
        }
        /* From here on the old image is locked against removal. */
        if (r == 0 && run_verb(cli, "pull", update->reference, NULL, &failure) < 0) {
                return conclude_by(update, UPDATE_FAILED, &failure, error);
        }
        return r < 0 ? r : try_image(cli, store, update, directory, &old, error);
}
