/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/explain.h"

#include <stdio.h>

#include "base/json.h"
#include "base/strings.h"
#include "cli/explain/paragraph.h"
#include "cli/explain/settings.h"
#include "config/show.h"
#include "launch/launch.h"

/* What the callback fills; `steps` becomes NULL if memory is short. */
struct telling {
        json_t *steps;
        struct settings settings;
};

/* An array of the words of a list. */
static json_t *words_json(const char *list)
{
        _cleanup_strv_ char **words = NULL;
        _cleanup_json_ json_t *array = json_array();

        if (!array || (list && *list && strv_split(list, ' ', &words) < 0)) {
                return NULL;
        }
        STRV_FOREACH(word, words) {
                if (json_array_append_new(array, json_string(*word)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static json_t *step_json(const struct telling *telling, const struct launch_told *step)
{
        const struct launch_words *words = step->words;
        _cleanup_json_ json_t *object = json_object();

        if (json_set_string(object, "step", step->name) < 0 ||
            json_set_boolean(object, "in_machine", step->child) < 0 ||
            json_set_string(object, "what", words->what) < 0 ||
            json_set_value(object, "system_calls", words_json(words->calls)) < 0 ||
            json_set_string(object, "rule", words->rule) < 0 ||
            json_set_string(object, "without", words->without) < 0 ||
            json_set_value(object, "mounts", words_json(words->places)) < 0 ||
            json_set_value(object, "settings",
                           settings_of_keys(&telling->settings, words->keys, false)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static void tell(const struct launch_told *step, void *data)
{
        struct telling *telling = data;

        if (json_array_append_new(telling->steps, step_json(telling, step)) < 0) {
                json_decref(telling->steps);
                telling->steps = NULL;
        }
}

json_t *explain_start(const struct cli *cli, const struct machine *machine)
{
        /* As the supervisor of `start` has them. */
        const struct launch_options options = {
                .title = cli->title,
                .terminal =
                        machine->process.terminal == MACHINE_CHOICE_YES || machine->process.boot,
                .notify = machine->life.ready == MACHINE_READY_NOTIFY,
                .background = true,
        };
        _cleanup_json_ json_t *object = json_object();
        struct telling telling = { .steps = json_array() };
        int r = config_machine_json(machine, false, &telling.settings.values);

        telling.settings.origins = config_origins_json(machine);
        if (r == 0 && telling.settings.origins) {
                launch_list_steps(machine, &options, tell, &telling);
        }
        settings_clear(&telling.settings);
        if (json_set_string(object, "name", machine->name) < 0 ||
            json_set_string(object, "definition", machine->definition) < 0 ||
            json_set_value(object, "steps", telling.steps) < 0) {
                return NULL;
        }
        return r == 0 ? TAKE_PTR(object) : NULL;
}

/* ---- for people ---- */

#define LABEL_WIDTH 11

/* "unshare(2) mount(2)": all system calls are in section 2 of the manual. */
static void print_calls(const json_t *calls)
{
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *line = NULL;
        json_t *call;
        size_t i;

        json_array_foreach(calls, i, call)
        {
                if (strv_take(&words, string_format("%s(2)", json_string_value(call))) < 0) {
                        return;
                }
        }
        line = strv_join(words, " ");
        paragraph_print("  calls", LABEL_WIDTH, line);
}

static void print_settings(const json_t *settings)
{
        const char *label = "  here";
        json_t *setting;
        size_t i;

        json_array_foreach(settings, i, setting)
        {
                uint64_t line = 0;
                _cleanup_free_ char *text = NULL;

                (void)json_get_number(setting, "line", &line);
                text = string_format("%s = %s  (%s:%llu)", json_get_string(setting, "key"),
                                     json_get_string(setting, "value"),
                                     json_get_string(setting, "file"), (unsigned long long)line);
                paragraph_print(label, LABEL_WIDTH, text);
                label = "";
        }
}

static void print_step(size_t number, const json_t *step)
{
        printf("\n%zu. %s%s\n", number, json_get_string(step, "step"),
               json_is_true(json_object_get(step, "in_machine")) ? " (in the machine)" : "");
        paragraph_print("", 2, json_get_string(step, "what"));
        print_calls(json_object_get(step, "system_calls"));
        paragraph_print("  rule", LABEL_WIDTH, json_get_string(step, "rule"));
        paragraph_print("  without", LABEL_WIDTH, json_get_string(step, "without"));
        print_settings(json_object_get(step, "settings"));
}

void explain_print_start(const json_t *start)
{
        const json_t *steps = json_object_get(start, "steps"), *step;
        _cleanup_free_ char *head = string_format(
                "The start of %s, in %zu steps. Those in the machine are done by its first "
                "process, "
                "at the same time as later ones of the parent, once \"clone\" has created it.",
                json_get_string(start, "name"), json_array_size(steps));
        size_t i;

        paragraph_print("", 0, head);
        json_array_foreach(steps, i, step)
        {
                print_step(i + 1, step);
        }
}
