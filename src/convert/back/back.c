/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/back/back.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/keys/schema.h"

static const struct back_target *const targets[] = { &back_quadlet, &back_nspawn, &back_oci };

static const struct back_target *find_target(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(targets); i++) {
                if (strcmp(targets[i]->name, name) == 0) {
                        return targets[i];
                }
        }
        return NULL;
}

json_t *back_get(const struct back *back, const char *key)
{
        const struct config_key *found = config_key_find(&config_machine_table, key);
        json_t *value = NULL;

        if (machine_origin_of(back->machine, key)) {
                (void)found->kind->emit(found, back->machine, &value);
        }
        return value;
}

static void take_key(struct back *back, const struct back_target *target,
                     const struct config_key *key, const struct machine_origin *origin)
{
        _cleanup_json_ json_t *value = NULL;

        if (key->kind->emit(key, back->machine, &value) < 0) {
                back->conversion->failed = -ENOMEM;
        }
        if (!value) {
                return;
        }
        convert_begin(back->conversion, origin->file, origin->line, "%s", key->name);
        for (const struct back_row *row = target->rows; row->key; row++) {
                if (strcmp(row->key, key->name) == 0) {
                        row->take(back, row, value);
                        return;
                }
        }
        convert_lost(back->conversion, "it has no equivalent");
}

static void take_keys(struct back *back, const struct back_target *target)
{
        for (size_t i = 0; i < config_machine_table.count; i++) {
                const struct config_key *key = &config_machine_table.keys[i];
                const struct machine_origin *origin = machine_origin_of(back->machine, key->name);

                if (origin && !(key->kind->shape & CONFIG_SHAPE_GROUP)) {
                        take_key(back, target, key, origin);
                }
        }
        convert_at(back->conversion, back->machine->name, 0, "the machine");
        target->finish(back);
}

/* ---- Writing ---- */

static int write_result(const struct arguments *arguments, const struct back_target *target,
                        const char *name, const char *text, struct machine_error *error)
{
        bool bundle = target->suffix[0] == '/';
        _cleanup_free_ char *path = NULL, *directory = NULL;
        int r;

        if (!arguments->out) {
                return fputs(text, stdout) < 0
                               ? error_set(error, errno, "cannot write to standard output")
                               : 0;
        }
        path = string_format("%s/%s%s", arguments->out, bundle ? "" : name,
                             target->suffix + bundle);
        r = path ? directory_make(arguments->out, 0755) : -ENOMEM;
        if (r < 0) {
                return error_set(error, r, "cannot make the directory %s", arguments->out);
        }
        if (!arguments->force && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
                error_say(error, EEXIST, "%s exists already", path);
                error_hint(error, "choose another directory, or replace it with --force");
                return -EEXIST;
        }
        r = file_replace(AT_FDCWD, path, text, strlen(text), 0600);
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

static void clear(struct back *back)
{
        for (size_t i = 0; i < BACK_SECTIONS_MAXIMUM; i++) {
                strv_free(back->sections[i].lines);
        }
        json_decref(back->document);
}

static int convert(const struct arguments *arguments, const struct back_target *target,
                   struct conversion *conversion, const struct machine *machine,
                   struct machine_error *error)
{
        struct back back = { .conversion = conversion, .machine = machine };
        _cleanup_free_ char *text = NULL;
        int r;

        take_keys(&back, target);
        text = conversion->failed ? NULL : target->write(&back);
        /* Notes are the result's only as messages: other formats have no place for them. */
        r = text ? write_result(arguments, target, machine->name, text, error) : error_oom(error);
        clear(&back);
        return r;
}

static int load(const struct arguments *arguments, struct machine **ret,
                struct machine_error *error)
{
        const struct config_options options = { .search_path = arguments->search_path,
                                                .standard_input = true,
                                                .unlocked = true,
                                                .instance = "instance" };
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *text = NULL;
        int r = config_load(arguments->sources[0], &options, &diagnostics, ret, error);

        text = diagnostics_format(&diagnostics, arguments->colour);
        if (r < 0 && text) {
                fputs(text, stderr);
        }
        return r;
}

int back_convert(const struct arguments *arguments, struct conversion *conversion,
                 struct machine_error *error)
{
        const struct back_target *target = find_target(arguments->to);
        struct machine *machine = NULL;
        int r;

        if (!target) {
                error_say(error, EINVAL, "--to=%s: expected quadlet, nspawn or oci", arguments->to);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (arguments->sources[1]) {
                error_say(error, EINVAL, "--to converts one definition at a time");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = load(arguments, &machine, error);
        if (r < 0) {
                return r;
        }
        if (machine->holds_pod) {
                error_say(error, ENOTSUP, "%s is a pod: only machines are converted back",
                          machine->name);
                r = error_kind(error, MACHINE_ERROR_DEFINITION);
        } else {
                r = convert(arguments, target, conversion, machine, error);
        }
        machine_free(machine);
        return r;
}
