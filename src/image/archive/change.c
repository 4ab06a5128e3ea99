/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/change.h"

#include <strings.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process/signal_name.h"
#include "base/quantity.h"
#include "base/strings.h"

struct changing {
        json_t *config;
        bool command_set;
};

static int wrong(const char *reason, struct machine_error *error)
{
        return error_say(error, EINVAL, "%s", reason);
}

/* ---- Words ---- */

/* Takes one word off the text, without its quotes and backslashes. */
static int take_word(const char **text, char **ret)
{
        _cleanup_free_ char *word = malloc(strlen(*text) + 1);
        size_t length = 0;
        char quote = '\0';
        const char *at = *text;

        if (!word) {
                return -ENOMEM;
        }
        for (; *at && (quote || !strchr(" \t", *at)); at++) {
                if (quote ? *at == quote : (*at == '"' || *at == '\'')) {
                        quote = quote ? '\0' : *at;
                } else if (*at == '\\' && quote != '\'' && at[1]) {
                        word[length++] = *++at;
                } else {
                        word[length++] = *at;
                }
        }
        if (quote) {
                return -EINVAL;
        }
        word[length] = '\0';
        *text = at + strspn(at, " \t");
        *ret = TAKE_PTR(word);
        return 0;
}

static int split_words(const char *text, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **words = NULL;

        while (*text) {
                char *word;
                int r = take_word(&text, &word);

                if (r == -EINVAL) {
                        return wrong("a quote is not closed", error);
                }
                if (r < 0 || strv_take(&words, word) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(words);
        return 0;
}

/* A JSON array of strings, or NULL if the text is something else. */
static json_t *read_array(const char *text)
{
        json_t *array = *text == '[' ? json_loads(text, 0, NULL) : NULL;
        const json_t *item;
        size_t i;

        json_array_foreach(array, i, item)
        {
                if (!json_is_string(item)) {
                        json_decref(array);
                        return NULL;
                }
        }
        return array;
}

/* The words of a JSON array or of a plain list. */
static int read_list(const char *text, char ***ret, struct machine_error *error)
{
        _cleanup_json_ json_t *array = read_array(text);
        const json_t *item;
        size_t i;

        if (!array) {
                return split_words(text, ret, error);
        }
        json_array_foreach(array, i, item)
        {
                if (strv_append(ret, json_string_value(item)) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

/* ---- Members of the config ---- */

static int set(struct changing *changing, const char *key, json_t *value,
               struct machine_error *error)
{
        return json_set_value(changing->config, key, value) < 0 ? error_oom(error) : 0;
}

/* A member that is an object. */
static json_t *object_at(struct changing *changing, const char *key)
{
        json_t *object = json_object_get(changing->config, key);

        if (!json_is_object(object)) {
                object = json_object();
                if (json_object_set_new(changing->config, key, object) < 0) {
                        return NULL;
                }
        }
        return object;
}

/* Without brackets, a shell runs the text. */
static json_t *program_of(const char *text)
{
        json_t *array = read_array(text);

        return array ? array : json_pack("[s,s,s]", "/bin/sh", "-c", text);
}

static int change_command(struct changing *changing, const char *text, struct machine_error *error)
{
        changing->command_set = true;
        return set(changing, "Cmd", program_of(text), error);
}

static int change_entrypoint(struct changing *changing, const char *text,
                             struct machine_error *error)
{
        if (!changing->command_set) {
                (void)json_object_del(changing->config, "Cmd");
        }
        return set(changing, "Entrypoint", program_of(text), error);
}

/* "KEY=VALUE .." or, in an old form, "KEY VALUE". */
static int read_pairs(const char *text, char ***ret, struct machine_error *error)
{
        size_t first = strcspn(text, "= \t");
        int r;

        if (first > 0 && (text[first] == ' ' || text[first] == '\t')) {
                const char *value = text + first + strspn(text + first, " \t");

                return strv_take(ret, string_format("%.*s=%s", (int)first, text, value)) < 0
                               ? error_oom(error)
                               : 0;
        }
        r = split_words(text, ret, error);
        STRV_FOREACH(pair, *ret) {
                const char *equals = strchr(*pair, '=');

                if (r == 0 && (!equals || equals == *pair)) {
                        r = wrong("expected KEY=VALUE", error);
                }
        }
        return r;
}

static int change_environment(struct changing *changing, const char *text,
                              struct machine_error *error)
{
        _cleanup_strv_ char **pairs = NULL, **environment = NULL;
        const json_t *item;
        size_t i;
        int r = read_pairs(text, &pairs, error);

        json_array_foreach(json_object_get(changing->config, "Env"), i, item)
        {
                if (r == 0 && json_is_string(item) &&
                    strv_append(&environment, json_string_value(item)) < 0) {
                        r = error_oom(error);
                }
        }
        STRV_FOREACH(pair, pairs) {
                if (r == 0 && strv_set_variable(&environment, strdup(*pair)) < 0) {
                        r = error_oom(error);
                }
        }
        if (r == 0 && json_set_strings(changing->config, "Env", environment) < 0) {
                r = error_oom(error);
        }
        return r;
}

static int change_label(struct changing *changing, const char *text, struct machine_error *error)
{
        _cleanup_strv_ char **pairs = NULL;
        json_t *labels = object_at(changing, "Labels");
        int r = labels ? read_pairs(text, &pairs, error) : error_oom(error);

        STRV_FOREACH(pair, pairs) {
                char *equals = strchr(*pair, '=');

                if (r == 0) {
                        *equals = '\0';
                        r = json_set_string(labels, *pair, equals + 1) < 0 ? error_oom(error) : 0;
                }
        }
        return r;
}

static int change_ports(struct changing *changing, const char *text, struct machine_error *error)
{
        _cleanup_strv_ char **ports = NULL;
        json_t *object = object_at(changing, "ExposedPorts");
        int r = object ? split_words(text, &ports, error) : error_oom(error);

        STRV_FOREACH(port, ports) {
                _cleanup_free_ char *digits = strndup(*port, strcspn(*port, "/"));
                const char *protocol = strchr(*port, '/');
                _cleanup_free_ char *name = string_format("%s%s", *port, protocol ? "" : "/tcp");
                uint64_t number;

                if (r < 0) {
                        break;
                }
                if (!digits || !name) {
                        return error_oom(error);
                }
                if (quantity_parse_number(digits, &number) < 0 || number < 1 || number > 65535 ||
                    (protocol && strcmp(protocol, "/tcp") != 0 && strcmp(protocol, "/udp") != 0 &&
                     strcmp(protocol, "/sctp") != 0)) {
                        return wrong("expected PORT or PORT/tcp, /udp or /sctp", error);
                }
                r = json_set_value(object, name, json_object()) < 0 ? error_oom(error) : 0;
        }
        return r;
}

static int change_volumes(struct changing *changing, const char *text, struct machine_error *error)
{
        _cleanup_strv_ char **paths = NULL;
        json_t *object = object_at(changing, "Volumes");
        int r = object ? read_list(text, &paths, error) : error_oom(error);

        STRV_FOREACH(path, paths) {
                if (r == 0 && **path != '/') {
                        r = wrong("expected absolute paths", error);
                }
                if (r == 0 && json_set_value(object, *path, json_object()) < 0) {
                        r = error_oom(error);
                }
        }
        return r;
}

static int change_directory(struct changing *changing, const char *text,
                            struct machine_error *error)
{
        const char *current = json_get_string(changing->config, "WorkingDir");

        return set(changing, "WorkingDir",
                   *text == '/' ? json_string(text)
                                : json_sprintf("%s/%s",
                                               current && strcmp(current, "/") != 0 ? current : "",
                                               text),
                   error);
}

static int change_user(struct changing *changing, const char *text, struct machine_error *error)
{
        return set(changing, "User", json_string(text), error);
}

static int change_signal(struct changing *changing, const char *text, struct machine_error *error)
{
        return signal_parse(text) <= 0 ? wrong("expected a signal, such as SIGTERM", error)
                                       : set(changing, "StopSignal", json_string(text), error);
}

static const struct {
        const char *name;
        int (*change)(struct changing *changing, const char *text, struct machine_error *error);
} instructions[] = {
        { "CMD", change_command },       { "ENTRYPOINT", change_entrypoint },
        { "ENV", change_environment },   { "EXPOSE", change_ports },
        { "LABEL", change_label },       { "STOPSIGNAL", change_signal },
        { "USER", change_user },         { "VOLUME", change_volumes },
        { "WORKDIR", change_directory },
};

static int change(struct changing *changing, const char *text, struct machine_error *error)
{
        size_t length = strcspn(text, " \t");
        const char *rest = text + length + strspn(text + length, " \t");

        for (size_t i = 0; i < ELEMENTS_OF(instructions); i++) {
                if (strlen(instructions[i].name) == length &&
                    strncasecmp(instructions[i].name, text, length) == 0) {
                        return *rest ? instructions[i].change(changing, rest, error)
                                     : wrong("a value is required", error);
                }
        }
        return wrong("expected CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME or "
                     "WORKDIR",
                     error);
}

int change_config(json_t *document, char *const *changes, struct machine_error *error)
{
        struct changing changing = { .config = json_object_get(document, "config") };

        if (!json_is_object(changing.config)) {
                changing.config = json_object();
                if (json_object_set_new(document, "config", changing.config) < 0) {
                        return error_oom(error);
                }
        }
        STRV_FOREACH(text, changes) {
                int r = change(&changing, *text, error);

                if (r < 0) {
                        error_prefix(error, "--change \"%s\"", *text);
                        error_kind(error, MACHINE_ERROR_USAGE);
                        return r;
                }
        }
        return 0;
}
