/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/model/settle.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/check/check.h"
#include "config/config.h"
#include "config/keys/schema.h"
#include "convert/model/write.h"

/* One file that is being checked, in a temporary directory. */
struct trial {
        char *path;
        struct convert_lines lines;
        struct config_definition *definition; /* of a machine or a pod */
        struct network_definition *network;
};

struct trials {
        char directory[sizeof "/tmp/machinectl-lite-convert-XXXXXX"];
        struct trial *trials; /* one for each file */
        size_t count;
        struct config_options options;
        struct diagnostics diagnostics;
};

static void trials_clear(struct trials *trials)
{
        for (size_t i = 0; i < trials->count; i++) {
                struct trial *trial = &trials->trials[i];

                if (trial->path) {
                        (void)unlink(trial->path);
                }
                config_definition_free(trial->definition);
                network_definition_free(trial->network);
                convert_lines_clear(&trial->lines);
                free(trial->path);
        }
        free(trials->trials);
        diagnostics_clear(&trials->diagnostics);
        (void)rmdir(trials->directory);
}

/* Keys that the format of the file does not have. */
static void drop_unknown(struct conversion *conversion, struct convert_file *file)
{
        const struct config_table *table = convert_table(file);
        bool pod = strcmp(file->suffix, ".pod") == 0;

        for (size_t i = file->setting_count; i > 0; i--) {
                const struct config_key *key = config_key_find(table, file->settings[i - 1].key);

                if (!key || (pod && !(key->flags & CONFIG_OF_POD))) {
                        convert_drop(conversion, file, i - 1,
                                     pod ? "a pod has no such setting: it belongs to its members"
                                         : "the format has no such setting");
                }
        }
}

static int write_trial(struct trials *trials, struct trial *trial, const struct convert_file *file,
                       struct machine_error *error)
{
        _cleanup_free_ char *text = convert_write(file, &trial->lines);
        int r;

        trial->path = string_format("%s/%s%s", trials->directory, file->name, file->suffix);
        if (!text || !trial->path) {
                return error_oom(error);
        }
        r = file_replace(AT_FDCWD, trial->path, text, strlen(text), 0600);
        return r < 0 ? error_set(error, r, "cannot write %s", trial->path) : 0;
}

/* The findings are in the diagnostics; the error only sums them up. */
static int load_trial(struct trials *trials, struct trial *trial, const struct convert_file *file,
                      struct machine_error *error)
{
        struct volume_definition *volume = NULL;
        int r;

        if (file->content) {
                return 0;
        }
        if (strcmp(file->suffix, ".network") == 0) {
                r = config_load_network(trial->path, &trials->options, &trials->diagnostics,
                                        &trial->network, error);
        } else if (strcmp(file->suffix, ".volume") == 0) {
                r = config_load_volume(trial->path, &trials->options, &trials->diagnostics, &volume,
                                       error);
                volume_definition_free(volume);
        } else {
                r = config_definition_open(trial->path, &trials->options, &trials->diagnostics,
                                           &trial->definition, error);
                if (r == 0 && config_check_host(trial->definition, "/etc") < 0) {
                        return error_oom(error);
                }
        }
        if (r < 0 && error->kind == MACHINE_ERROR_DEFINITION) {
                machine_error_clear(error);
                return 0;
        }
        return r;
}

/* Clashes between the definitions, such as a port that two machines publish. */
static int check_together(struct trials *trials, struct machine_error *error)
{
        _cleanup_free_ struct config_definition **definitions =
                calloc(trials->count + 1, sizeof(struct config_definition *));
        size_t count = 0;

        if (!definitions) {
                return error_oom(error);
        }
        for (size_t i = 0; i < trials->count; i++) {
                if (trials->trials[i].definition) {
                        trials->trials[i].definition->position = count;
                        definitions[count++] = trials->trials[i].definition;
                }
        }
        return config_check_together(definitions, count) < 0 ? error_oom(error) : 0;
}

/* The setting that a line belongs to: the last one that begins there or above. SIZE_MAX: none. */
static size_t setting_at(const struct convert_lines *lines, unsigned int line)
{
        size_t found = SIZE_MAX, at = 0;

        for (size_t i = 0; i < lines->count; i++) {
                if (lines->lines[i] <= line && lines->lines[i] > at) {
                        at = lines->lines[i];
                        found = lines->settings[i];
                }
        }
        return found;
}

static int refuse_file(const struct convert_file *file, const struct diagnostic *finding,
                       struct machine_error *error)
{
        error_say(error, EINVAL, "%s cannot become %s%s: %s", file->origin, file->name,
                  file->suffix, finding->message);
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

/* Marks the settings with errors; what is dropped last does not move what is dropped first. */
static int drop_refused(struct conversion *conversion, struct trials *trials, size_t number,
                        size_t *dropped, struct machine_error *error)
{
        struct convert_file *file = conversion->files[number];
        struct trial *trial = &trials->trials[number];
        _cleanup_free_ const char **reasons = calloc(file->setting_count + 1, sizeof *reasons);

        if (!reasons) {
                return error_oom(error);
        }
        for (size_t i = 0; i < trials->diagnostics.count; i++) {
                const struct diagnostic *finding = &trials->diagnostics.items[i];
                size_t setting;

                if (finding->severity != DIAGNOSTIC_ERROR ||
                    !string_equal(finding->place.file, trial->path)) {
                        continue;
                }
                setting = setting_at(&trial->lines, finding->place.line);
                if (setting == SIZE_MAX) {
                        return refuse_file(file, finding, error);
                }
                reasons[setting] = finding->message;
        }
        for (size_t i = file->setting_count; i > 0; i--) {
                if (reasons[i - 1]) {
                        convert_drop(conversion, file, i - 1, reasons[i - 1]);
                        (*dropped)++;
                }
        }
        return 0;
}

/* The network of a machine as far as it is converted as well, or is the one that needs no file.
 * NULL: it is defined elsewhere. */
static const struct network_definition *find_network(const struct conversion *conversion,
                                                     const struct trials *trials,
                                                     const struct network_definition *usual,
                                                     const char *name)
{
        for (size_t i = 0; i < trials->count; i++) {
                if (trials->trials[i].network && string_equal(conversion->files[i]->name, name)) {
                        return trials->trials[i].network;
                }
        }
        return string_equal(name, usual->name) ? usual : NULL;
}

static int check_addresses(const struct conversion *conversion, struct trials *trials,
                           struct machine_error *error)
{
        struct network_definition *usual = NULL;
        int r = config_load_network("default", &trials->options, &trials->diagnostics, &usual,
                                    error);

        for (size_t i = 0; i < trials->count && r == 0; i++) {
                struct config_definition *definition = trials->trials[i].definition;
                _cleanup_strv_ char **names = NULL;

                if (definition && config_network_names(definition->machine, &names) < 0) {
                        r = error_oom(error);
                }
                STRV_FOREACH(name, names) {
                        const struct network_definition *network =
                                find_network(conversion, trials, usual, *name);

                        if (network && config_check_addresses(definition, network) < 0) {
                                r = error_oom(error);
                        }
                }
        }
        network_definition_free(usual);
        return r;
}

static int open_trials(struct conversion *conversion, struct trials *trials,
                       struct machine_error *error)
{
        strcpy(trials->directory, "/tmp/machinectl-lite-convert-XXXXXX");
        if (!mkdtemp(trials->directory)) {
                trials->directory[0] = '\0';
                return error_set(error, errno, "cannot make a directory in /tmp");
        }
        trials->trials = calloc(conversion->count + 1, sizeof *trials->trials);
        if (!trials->trials) {
                return error_oom(error);
        }
        trials->count = conversion->count;
        trials->options =
                (struct config_options){ .search_path = trials->directory, .instance = "instance" };
        return 0;
}

static int settle_once(struct conversion *conversion, struct trials *trials, size_t *dropped,
                       struct machine_error *error)
{
        int r = open_trials(conversion, trials, error);

        for (size_t i = 0; i < conversion->count && r == 0; i++) {
                r = write_trial(trials, &trials->trials[i], conversion->files[i], error);
        }
        for (size_t i = 0; i < conversion->count && r == 0; i++) {
                r = load_trial(trials, &trials->trials[i], conversion->files[i], error);
        }
        r = r < 0 ? r : check_together(trials, error);
        r = r < 0 ? r : check_addresses(conversion, trials, error);
        for (size_t i = 0; i < conversion->count && r == 0; i++) {
                r = drop_refused(conversion, trials, i, dropped, error);
        }
        if (r == 0 && trials->diagnostics.errors > 0 && *dropped == 0) {
                r = error_say(error, EINVAL, "the result is not valid: %s",
                              trials->diagnostics.items[0].message);
        }
        return r;
}

int convert_settle(struct conversion *conversion, struct machine_error *error)
{
        for (size_t i = 0; i < conversion->count; i++) {
                drop_unknown(conversion, conversion->files[i]);
        }
        for (;;) {
                struct trials trials = { 0 };
                size_t dropped = 0;
                int r = settle_once(conversion, &trials, &dropped, error);

                trials_clear(&trials);
                if (r < 0 || conversion->failed) {
                        return r < 0 ? r : conversion->failed;
                }
                if (dropped == 0) {
                        return 0;
                }
        }
}
