/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/units/unit.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "convert/document/words.h"
#include "convert/model/values.h"

/* ---- Ways to take a value ---- */

UNIT_TAKE(option)
{
        const struct container_option *option = container_option_find(row->target, 0);

        option->take(&unit->container, option, value);
}

UNIT_TAKE(option_words)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(word, words) {
                unit_take_option(unit, row, *word);
        }
}

UNIT_TAKE(text)
{
        convert_text(unit->conversion, row->target, value);
}

UNIT_TAKE(boolean)
{
        convert_boolean(unit->conversion, row->target, value_is_true(value));
}

UNIT_TAKE(size)
{
        convert_size(unit->conversion, row->target, value);
}

UNIT_TAKE(time)
{
        convert_time(unit->conversion, row->target, value);
}

UNIT_TAKE(integer)
{
        if (strcmp(value, "infinity") == 0) {
                convert_text(unit->conversion, row->target, "max");
        } else {
                convert_integer(unit->conversion, row->target, value);
        }
}

UNIT_TAKE(words)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        convert_add_words(unit->conversion, row->target, words);
}

UNIT_TAKE(weight)
{
        convert_weight(unit->conversion, row->target, value, 100, 10000);
}

/* "LimitNOFILE=1024:4096". */
UNIT_TAKE(ulimit)
{
        convert_ulimit(unit->conversion, row->key + strlen("Limit"), value);
}

UNIT_TAKE(lost)
{
        convert_lost(unit->conversion, "%s", row->text);
}

UNIT_TAKE(no_effect)
{
}

/* ---- Specifiers ---- */

static const struct {
        char letter;
        const char *value; /* of the system manager */
} specifiers[] = {
        { 't', "/run" }, { 'S', "/var/lib" }, { 'C', "/var/cache" }, { 'L', "/var/log" },
        { 'T', "/tmp" }, { 'V', "/var/tmp" }, { 'E', "/etc" },       { 'u', "root" },
        { 'U', "0" },    { 'g', "root" },     { 'G', "0" },          { '%', "%" },
};

static const char *specifier_value(const struct unit *unit, char letter)
{
        const char *home = getenv("HOME");

        for (size_t i = 0; i < ELEMENTS_OF(specifiers); i++) {
                if (specifiers[i].letter == letter) {
                        return specifiers[i].value;
                }
        }
        switch (letter) {
        case 'h':
                return home ? home : "/root";
        case 'n':
        case 'N':
        case 'p':
                return unit->name;
        default:
                return NULL;
        }
}

char *unit_specifiers(struct unit *unit, const char *value)
{
        char *result = NULL;
        size_t length;
        FILE *out = open_memstream(&result, &length);

        for (const char *s = value; out && *s; s++) {
                const char *text = *s == '%' && s[1] ? specifier_value(unit, s[1]) : NULL;

                if (*s == '%' && s[1] && unit->template && strchr("ipHmbvl%", s[1])) {
                        fprintf(out, "%%%c", *++s);
                } else if (text) {
                        fputs(text, out);
                        s++;
                } else {
                        if (*s == '%' && s[1]) {
                                convert_lost(unit->conversion,
                                             "the specifier \"%.2s\" has no value in a machine "
                                             "that is not from a template",
                                             s);
                        }
                        fputc(*s, out);
                }
        }
        if (!out || fclose(out) != 0) {
                free(result);
                return NULL;
        }
        return result;
}

/* ---- Documents ---- */

static const struct unit_row *find_row(const struct unit_section *section, const char *key)
{
        for (size_t i = 0; i < section->count; i++) {
                if (strcmp(section->rows[i].key, key) == 0 ||
                    strcmp(section->rows[i].key, "*") == 0) {
                        return &section->rows[i];
                }
        }
        return NULL;
}

static void convert_setting(struct unit *unit, const struct unit_section *section,
                            const struct node *setting)
{
        const struct unit_row *row = find_row(section, setting->key);
        _cleanup_free_ char *value = NULL;

        convert_begin(unit->conversion, unit->file, setting->line, "%s", setting->key);
        if (!row) {
                convert_lost(unit->conversion, "it has no equivalent in a machine");
                return;
        }
        value = unit->literal ? strdup(setting->text) : unit_specifiers(unit, setting->text);
        if (!value) {
                unit->conversion->failed = -ENOMEM;
        } else if (*value) {
                row->take(unit, row, value);
        }
}

static void convert_section(struct unit *unit, const struct unit_section *sections,
                            const struct node *section)
{
        for (; sections->name; sections++) {
                if (strcmp(sections->name, section->key) == 0) {
                        for (size_t i = 0; i < section->count; i++) {
                                convert_setting(unit, sections, section->children[i]);
                        }
                        return;
                }
        }
        if (string_after(section->key, "X-")) {
                return;
        }
        convert_begin(unit->conversion, unit->file, section->line, "[%s]", section->key);
        convert_lost(unit->conversion, "the section has no equivalent");
}

void unit_convert(struct unit *unit, const char *file, const struct node *root,
                  const struct unit_section *sections)
{
        unit->file = file;
        for (size_t i = 0; i < root->count; i++) {
                convert_section(unit, sections, root->children[i]);
        }
}

int unit_convert_drop_ins(struct unit *unit, const char *directory,
                          const struct unit_section *sections, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = directory_list(AT_FDCWD, directory, ".conf", &names);

        if (r < 0) {
                return r == -ENOENT ? 0 : error_set(error, r, "cannot read %s", directory);
        }
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = string_format("%s/%s.conf", directory, *name);
                _cleanup_free_ char *text = NULL;
                _cleanup_node_ struct node *root = NULL;

                r = path ? document_read(path, &text, NULL, error) : error_oom(error);
                r = r < 0 ? r : document_parse_unit(path, text, &root, error);
                if (r < 0) {
                        return r;
                }
                unit_convert(unit, path, root, sections);
        }
        return 0;
}
