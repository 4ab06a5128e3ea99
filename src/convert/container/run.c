/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/container/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/container/container.h"
#include "convert/document/node.h"
#include "convert/document/words.h"

/* ---- Command lines ---- */

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool is_engine(const char *word)
{
        static const char *const engines[] = { "docker", "podman", "nerdctl" };

        for (size_t i = 0; i < ELEMENTS_OF(engines); i++) {
                if (strcmp(base_name(word), engines[i]) == 0) {
                        return true;
                }
        }
        return false;
}

/* The engine's name in the words, after sudo and variables, or NULL. */
static char *const *find_engine(char *const *words)
{
        static const char *const before[] = { "sudo", "exec", "-E", "-n", "time", "nohup" };

        STRV_FOREACH(word, words) {
                bool skipped = strchr(*word, '=') && (*word)[0] != '-';

                for (size_t i = 0; i < ELEMENTS_OF(before); i++) {
                        skipped |= strcmp(*word, before[i]) == 0;
                }
                if (!skipped) {
                        return is_engine(*word) ? word : NULL;
                }
        }
        return NULL;
}

bool run_is_command(char *const *words)
{
        return find_engine(words) != NULL;
}

/* The first word after "run" or "create", or NULL if the command does something else. */
static char *const *find_options(char *const *engine)
{
        static const char *const with_value[] = { "-H",     "--host",    "-c",          "--context",
                                                  "--root", "--runroot", "--log-level", "-l" };
        char *const *word = engine + 1;

        while (*word && (*word)[0] == '-') {
                bool value = false;

                for (size_t i = 0; i < ELEMENTS_OF(with_value); i++) {
                        value |= strcmp(*word, with_value[i]) == 0;
                }
                word += value && word[1] ? 2 : 1;
        }
        if (*word && strcmp(*word, "container") == 0) {
                word++;
        }
        return *word && (strcmp(*word, "run") == 0 || strcmp(*word, "create") == 0) ? word + 1
                                                                                    : NULL;
}

/* The value of --name. NULL if there is none. */
static const char *given_name(char *const *words)
{
        const char *name = NULL;

        STRV_FOREACH(word, words) {
                const char *value = string_after(*word, "--name=");

                if (value || strcmp(*word, "--name") == 0) {
                        name = value ? value : word[1];
                        break;
                }
        }
        return name;
}

/* "docker.io/library/nginx:1.27" is "nginx". The image is what the options leave. */
static char *name_from_image(const struct conversion *conversion)
{
        const char *image = json_string_value(convert_get(conversion, "image"));
        const char *name = base_name(image ? image : "machine");
        _cleanup_free_ char *plain = strndup(name, strcspn(name, ":@"));

        return plain ? convert_name(plain) : NULL;
}

static int rename_file(struct conversion *conversion, struct machine_error *error)
{
        struct convert_file *file = conversion->file;
        char *name = name_from_image(conversion);

        for (size_t number = 2; name && convert_find(conversion, name, file->suffix); number++) {
                char *other = string_format("%.*s-%zu", (int)strcspn(name, "@"), name, number);

                free(name);
                name = other;
        }
        if (!name) {
                return error_oom(error);
        }
        free(file->name);
        file->name = name;
        return 0;
}

/* A name for the time until the image is known; no definition can have it. */
#define NAMELESS "machine"

int run_convert_words(struct conversion *conversion, const struct convert_source *source,
                      const char *file, unsigned int line, char *const *words,
                      struct machine_error *error)
{
        char *const *engine = find_engine(words);
        char *const *options = engine ? find_options(engine) : NULL;
        const char *name = options ? given_name(options) : NULL;
        _cleanup_container_ struct container container = {
                .conversion = conversion,
                .directory = source->directory,
        };

        if (!options) {
                error_say(error, EINVAL, "%s: only \"run\" and \"create\" can be converted", file);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        name = source->name ? source->name : name;
        if (!convert_open(conversion, name ? name : NAMELESS, ".machine", file)) {
                return error_oom(error);
        }
        container_take_words(&container, file, line, options);
        container_finish(&container);
        return name ? 0 : rename_file(conversion, error);
}

/* ---- Scripts ---- */

struct script {
        struct conversion *conversion;
        const struct convert_source *source;
        char **variables; /* "NAME=VALUE" */
        char **missing;   /* variables of the current command without a value */
        unsigned int line;
};

static const char *lookup(void *data, const char *name)
{
        const struct script *script = data;
        const char *value = NULL;

        STRV_FOREACH(variable, script->variables) {
                const char *rest = string_after(*variable, name);

                value = rest && *rest == '=' ? rest + 1 : value;
        }
        if (!value && strcmp(name, "PWD") == 0) {
                value = script->source->directory;
        }
        return value ? value : getenv(name);
}

static void missing(void *data, const char *name, const char *message)
{
        struct script *script = data;

        if (strv_append(&script->missing, name) < 0) {
                script->conversion->failed = -ENOMEM;
        }
}

/* Only of commands that are converted. */
static void report_missing(struct script *script)
{
        STRV_FOREACH(name, script->missing) {
                convert_begin(script->conversion, script->source->shown, script->line, "$%s",
                              *name);
                convert_lost(script->conversion, "the variable has no value");
        }
}

/* Remembers "NAME=VALUE" and "export NAME=VALUE". */
static int keep_variables(struct script *script, char *const *words)
{
        STRV_FOREACH(word, words) {
                const char *equals = strchr(*word, '=');

                if (equals && equals != *word && strv_append(&script->variables, *word) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int convert_command(struct script *script, char *const *words, size_t *count,
                           struct machine_error *error)
{
        char *const *engine = find_engine(words);

        if (engine && find_options(engine)) {
                int r = run_convert_words(script->conversion, script->source, script->source->shown,
                                          script->line, words, error);

                ++*count;
                report_missing(script);
                return r;
        }
        return !engine && keep_variables(script, words) < 0 ? error_oom(error) : 0;
}

int run_convert_script(struct conversion *conversion, const struct convert_source *source,
                       struct machine_error *error)
{
        struct script script = { .conversion = conversion, .source = source };
        const struct expander expander = { lookup, missing, &script };
        struct shell shell = { .line = 1, .expander = &expander, .directory = source->directory };
        _cleanup_free_ char *text = NULL;
        size_t count = 0;
        int r = document_read(source->path, &text, NULL, error);

        shell.text = text;
        while (r == 0 && *shell.text && !conversion->failed) {
                _cleanup_strv_ char **words = NULL;

                strv_free(TAKE_PTR(script.missing));
                r = shell_next(&shell, &words, &script.line) < 0 ? error_oom(error) : 0;
                if (r == 0 && words) {
                        r = convert_command(&script, words, &count, error);
                }
        }
        strv_free(script.variables);
        strv_free(script.missing);
        if (r == 0 && count == 0) {
                error_say(error, EINVAL, "%s has no \"docker run\" or \"podman run\"",
                          source->shown);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return r;
}
