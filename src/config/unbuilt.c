/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/kind.h"

/* Whether a value is one of those, separated by blanks, that the engine does. */
static bool is_built(const char *built, const char *value)
{
        size_t length = strlen(value);

        for (const char *word = built; *word;) {
                size_t n = strcspn(word, " ");

                if (n == length && strncmp(word, value, n) == 0) {
                        return true;
                }
                word += n;
                word += *word == ' ';
        }
        return false;
}

static char *value_text(const struct config_key *key, const struct machine *machine)
{
        _cleanup_json_ json_t *value = NULL;

        if (key->kind->emit(key, machine, &value) < 0) {
                return NULL;
        }
        if (json_is_string(value)) {
                return strdup(json_string_value(value));
        }
        return value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("");
}

static char *way_out(const char *built)
{
        _cleanup_strv_ char **words = NULL;
        char *text = NULL;

        if (strv_split(built, ' ', &words) < 0) {
                return NULL;
        }
        text = strv_join(words, "\" or \"");
        return text;
}

static int refuse(const struct config_key *key, const char *value,
                  const struct machine_origin *origin, struct machine_error *error)
{
        _cleanup_free_ char *words = way_out(key->built);

        if (!words) {
                return error_oom(error);
        }
        if (origin) {
                error_say(error, EOPNOTSUPP,
                          "%s:%u: \"%s\"%s%s%s cannot be done yet by this version", origin->file,
                          origin->line, key->name, key->built[0] ? " = \"" : "",
                          key->built[0] ? value : "", key->built[0] ? "\"" : "");
        } else {
                error_say(
                        error, EOPNOTSUPP,
                        "\"%s\" is \"%s\" where nothing is said, which cannot be done yet by this "
                        "version",
                        key->name, value);
        }
        if (key->built[0]) {
                const char *point = strchr(key->name, '.');

                error_hint(error, "%.*s%s%s = \"%s\"%s works", point ? (int)(point - key->name) : 0,
                           key->name, point ? " = { " : "", point ? point + 1 : key->name, words,
                           point ? "; };" : ";");
        } else {
                error_hint(error, "remove the key");
        }
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

int config_refuse_unbuilt(const struct machine *machine, struct machine_error *error)
{
        const struct config_table *table = &config_machine_table;

        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                const struct machine_origin *origin;
                _cleanup_free_ char *value = NULL;

                if (!key->built) {
                        continue;
                }
                origin = machine_origin_of(machine, key->name);
                /* A key of which nothing is done matters when it is given; of one of which some is
                 * done the default matters as well. */
                if (!origin && !key->built[0]) {
                        continue;
                }
                value = value_text(key, machine);
                if (!value) {
                        return error_oom(error);
                }
                if (!is_built(key->built, value)) {
                        return refuse(key, value, origin, error);
                }
        }
        return 0;
}
