/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/model/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "config/read/name.h"

/* Far more than any real source has: hostile ones must not exhaust memory. */
#define HELD_MAXIMUM 20000

static void place_clear(struct convert_place *place)
{
        free(place->file);
        free(place->name);
        *place = (struct convert_place){ 0 };
}

static void setting_clear(struct convert_setting *setting)
{
        free(setting->key);
        json_decref(setting->value);
        place_clear(&setting->place);
}

static void file_clear(struct convert_file *file)
{
        for (size_t i = 0; i < file->setting_count; i++) {
                setting_clear(&file->settings[i]);
        }
        for (size_t i = 0; i < file->note_count; i++) {
                place_clear(&file->notes[i].place);
                free(file->notes[i].text);
                free(file->notes[i].key);
        }
        free(file->settings);
        free(file->notes);
        free(file->name);
        free(file->origin);
        free(file->content);
}

void conversion_clear(struct conversion *conversion)
{
        for (size_t i = 0; i < conversion->count; i++) {
                file_clear(conversion->files[i]);
                free(conversion->files[i]);
        }
        free(conversion->files);
        file_clear(&conversion->general);
        place_clear(&conversion->here);
        *conversion = (struct conversion){ 0 };
}

static void fail(struct conversion *conversion, int number)
{
        if (!conversion->failed) {
                conversion->failed = number;
        }
}

/* Counts what is kept. False once something failed. */
static bool may_hold(struct conversion *conversion)
{
        if (++conversion->held > HELD_MAXIMUM) {
                fail(conversion, -E2BIG);
        }
        return !conversion->failed;
}

static bool place_copy(const struct convert_place *from, struct convert_place *to)
{
        *to = (struct convert_place){ .line = from->line, .number = from->number };
        return string_replace(&to->file, from->file) == 0 &&
               string_replace(&to->name, from->name) == 0;
}

/* ---- Files ---- */

struct convert_file *convert_find(const struct conversion *conversion, const char *name,
                                  const char *suffix)
{
        for (size_t i = 0; i < conversion->count; i++) {
                struct convert_file *file = conversion->files[i];

                if (string_equal(file->name, name) && string_equal(file->suffix, suffix)) {
                        return file;
                }
        }
        return NULL;
}

char *convert_name(const char *name)
{
        char *copy = strndup(name, 56);

        for (char *s = copy; s && *s; s++) {
                bool first = s == copy;

                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
                            *s) ||
                    (first && strchr("._-", *s))) {
                        *s = first ? 'x' : '-';
                }
        }
        if (copy && !config_name_is_valid(copy)) {
                char *other = string_format("x%.40s-x", copy);

                free(copy);
                copy = other;
        }
        return copy;
}

/* A name that is valid and free; the caller frees it. */
static char *choose_name(const struct conversion *conversion, const char *name, const char *suffix)
{
        bool given = config_machine_name_is_valid(name) || config_name_is_template(name);
        _cleanup_free_ char *valid = given ? strdup(name) : convert_name(name);

        for (size_t number = 2; valid && convert_find(conversion, valid, suffix); number++) {
                char *other = string_format("%.*s-%zu", (int)strcspn(valid, "@"), name, number);

                free(valid);
                valid = other ? convert_name(other) : NULL;
                free(other);
        }
        return TAKE_PTR(valid);
}

struct convert_file *convert_open(struct conversion *conversion, const char *name,
                                  const char *suffix, const char *origin)
{
        struct convert_file **grown =
                reallocarray(conversion->files, conversion->count + 1, sizeof *grown);
        struct convert_file *file = calloc(1, sizeof *file);

        conversion->files = grown ? grown : conversion->files;
        if (!grown || !file || !may_hold(conversion)) {
                free(file);
                fail(conversion, -ENOMEM);
                return NULL;
        }
        file->name = choose_name(conversion, name, suffix);
        file->origin = strdup(origin);
        file->suffix = suffix;
        grown[conversion->count++] = file;
        conversion->file = file;
        if (!file->name || !file->origin) {
                fail(conversion, -ENOMEM);
                return NULL;
        }
        if (strcmp(file->name, name) != 0) {
                convert_differs(conversion, NULL, "the name \"%s\" became \"%s\"", name,
                                file->name);
        }
        return file;
}

void convert_close(struct conversion *conversion, struct convert_file *file)
{
        for (size_t i = 0; i < conversion->count; i++) {
                if (conversion->files[i] == file) {
                        memmove(&conversion->files[i], &conversion->files[i + 1],
                                (conversion->count - i - 1) * sizeof(struct convert_file *));
                        conversion->count--;
                        file_clear(file);
                        free(file);
                        return;
                }
        }
}

/* ---- Settings ---- */

void convert_begin(struct conversion *conversion, const char *file, unsigned int line,
                   const char *format, ...)
{
        char *name = STRING_OF_ARGUMENTS(format);

        free(conversion->here.name);
        conversion->here.name = name;
        conversion->here.line = line;
        conversion->here.number = ++conversion->settings;
        if (!name || string_replace(&conversion->here.file, file) < 0) {
                fail(conversion, -ENOMEM);
        }
}

void convert_at(struct conversion *conversion, const char *file, unsigned int line,
                const char *name)
{
        conversion->here.line = line;
        conversion->here.number = 0;
        if (string_replace(&conversion->here.file, file) < 0 ||
            string_replace(&conversion->here.name, name) < 0) {
                fail(conversion, -ENOMEM);
        }
}

/* Takes the value. */
static void add_setting(struct conversion *conversion, const char *key, json_t *value, bool element)
{
        struct convert_file *file = conversion->file;
        struct convert_setting setting = { .value = value, .element = element };
        struct convert_setting *grown;

        if (!file || !may_hold(conversion)) {
                json_decref(value);
                return;
        }
        grown = reallocarray(file->settings, file->setting_count + 1, sizeof *grown);
        file->settings = grown ? grown : file->settings;
        setting.key = strdup(key);
        if (!grown || !value || !setting.key || !place_copy(&conversion->here, &setting.place)) {
                setting_clear(&setting);
                fail(conversion, -ENOMEM);
                return;
        }
        grown[file->setting_count++] = setting;
}

void convert_value(struct conversion *conversion, const char *key, json_t *value)
{
        convert_unset(conversion, key);
        add_setting(conversion, key, value, false);
}

/* Text that is not UTF-8 has no place in a definition. */
static json_t *text_value(struct conversion *conversion, const char *text)
{
        for (const char *s = text; *s; s += string_utf8_length(s)) {
                if (string_utf8_length(s) == 0) {
                        convert_lost(conversion, "the value is not UTF-8 text");
                        return NULL;
                }
        }
        return json_string(text);
}

void convert_text(struct conversion *conversion, const char *key, const char *text)
{
        json_t *value = text_value(conversion, text);

        if (value) {
                convert_value(conversion, key, value);
        }
}

void convert_number(struct conversion *conversion, const char *key, long long number)
{
        convert_value(conversion, key, json_integer(number));
}

void convert_boolean(struct conversion *conversion, const char *key, bool value)
{
        convert_value(conversion, key, json_boolean(value));
}

void convert_add_value(struct conversion *conversion, const char *key, json_t *value)
{
        add_setting(conversion, key, value, true);
}

void convert_add(struct conversion *conversion, const char *key, const char *text)
{
        json_t *value = text_value(conversion, text);

        if (value) {
                convert_add_value(conversion, key, value);
        }
}

const json_t *convert_get(const struct conversion *conversion, const char *key)
{
        const struct convert_file *file = conversion->file;

        for (size_t i = 0; file && i < file->setting_count; i++) {
                if (strcmp(file->settings[i].key, key) == 0) {
                        return file->settings[i].value;
                }
        }
        return NULL;
}

static void remove_setting(struct convert_file *file, size_t index)
{
        setting_clear(&file->settings[index]);
        memmove(&file->settings[index], &file->settings[index + 1],
                (file->setting_count - index - 1) * sizeof file->settings[0]);
        file->setting_count--;
}

void convert_unset(struct conversion *conversion, const char *key)
{
        struct convert_file *file = conversion->file;

        for (size_t i = file ? file->setting_count : 0; i > 0; i--) {
                if (strcmp(file->settings[i - 1].key, key) == 0) {
                        remove_setting(file, i - 1);
                }
        }
}

/* ---- Notes ---- */

/* Takes the text. */
static void add_note(struct conversion *conversion, struct convert_file *file,
                     enum convert_note_kind kind, const struct convert_place *place,
                     const char *key, char *text)
{
        struct convert_note note = { .kind = kind, .text = text };
        struct convert_note *grown;

        if (!may_hold(conversion)) {
                free(text);
                return;
        }
        grown = reallocarray(file->notes, file->note_count + 1, sizeof *grown);
        file->notes = grown ? grown : file->notes;
        if (!grown || !text || !place_copy(place, &note.place) ||
            string_replace(&note.key, key) < 0) {
                place_clear(&note.place);
                free(note.key);
                free(text);
                fail(conversion, -ENOMEM);
                return;
        }
        grown[file->note_count++] = note;
}

static struct convert_file *note_file(struct conversion *conversion)
{
        return conversion->file ? conversion->file : &conversion->general;
}

void convert_differs(struct conversion *conversion, const char *key, const char *format, ...)
{
        add_note(conversion, note_file(conversion), CONVERT_DIFFERS, &conversion->here, key,
                 STRING_OF_ARGUMENTS(format));
}

void convert_lost(struct conversion *conversion, const char *format, ...)
{
        add_note(conversion, note_file(conversion), CONVERT_LOST, &conversion->here, NULL,
                 STRING_OF_ARGUMENTS(format));
}

/* Of a network that is refused, its name is kept as long as something else can be at fault: its
 * addresses, and then its aliases. Returns whether something was removed. */
static bool reduce_network(const struct convert_setting *setting)
{
        static const char *const parts[] = { "address", "address6", "mac", "mtu", NULL };
        bool removed = false;

        if (strcmp(setting->key, "networks") != 0) {
                return false;
        }
        for (size_t i = 0; parts[i]; i++) {
                removed |= json_object_del(setting->value, parts[i]) == 0;
        }
        return removed || json_object_del(setting->value, "aliases") == 0;
}

void convert_drop(struct conversion *conversion, struct convert_file *file, size_t index,
                  const char *reason)
{
        add_note(conversion, file, CONVERT_LOST, &file->settings[index].place, NULL,
                 strdup(reason));
        if (!reduce_network(&file->settings[index])) {
                remove_setting(file, index);
        }
}

/* ---- Counting ---- */

static void mark_lost(const struct convert_file *file, bool *lost, size_t count)
{
        for (size_t i = 0; i < file->note_count; i++) {
                const struct convert_note *note = &file->notes[i];

                if (note->kind == CONVERT_LOST && note->place.number <= count) {
                        lost[note->place.number] = true;
                }
        }
}

size_t convert_count_lost(const struct conversion *conversion)
{
        _cleanup_free_ bool *lost = calloc(conversion->settings + 1, sizeof *lost);
        size_t count = 0;

        if (!lost) {
                return conversion->settings;
        }
        mark_lost(&conversion->general, lost, conversion->settings);
        for (size_t i = 0; i < conversion->count; i++) {
                mark_lost(conversion->files[i], lost, conversion->settings);
        }
        for (size_t i = 0; i <= conversion->settings; i++) {
                count += lost[i];
        }
        return count;
}
