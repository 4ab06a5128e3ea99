/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "convert/container/take.h"

/* Reading a command line: options, the image, the command. */

struct cursor {
        struct container *container;
        const char *file;
        unsigned int line;
        char *const *words; /* the rest */
        bool rootfs;        /* the first argument is a directory */
};

static void apply(struct cursor *cursor, const struct container_option *option, const char *shown,
                  const char *value)
{
        convert_begin(cursor->container->conversion, cursor->file, cursor->line, "%s", shown);
        if (strcmp(option->name, "rootfs") == 0) {
                cursor->rootfs = true;
                return;
        }
        option->take(cursor->container, option, value);
}

static void refuse(struct cursor *cursor, const char *word, const char *reason)
{
        convert_begin(cursor->container->conversion, cursor->file, cursor->line, "%s", word);
        convert_lost(cursor->container->conversion, "%s", reason);
}

static void take_long(struct cursor *cursor)
{
        const char *word = *cursor->words++;
        size_t length = strcspn(word, "=");
        _cleanup_free_ char *name = strndup(word + 2, length - 2);
        _cleanup_free_ char *shown = strndup(word, length);
        const struct container_option *option = name ? container_option_find(name, 0) : NULL;
        const char *value = word[length] ? word + length + 1 : NULL;

        if (!option || !shown) {
                refuse(cursor, word, "the option is unknown");
                return;
        }
        if (!value && !option->flag) {
                value = *cursor->words;
                if (!value) {
                        refuse(cursor, word, "the option has no value");
                        return;
                }
                cursor->words++;
        }
        apply(cursor, option, shown, value);
}

/* "-it", "-p 80:80", "-p80:80", "-dp 80:80". */
static void take_short(struct cursor *cursor)
{
        const char *word = *cursor->words++;

        for (const char *letter = word + 1; *letter; letter++) {
                const struct container_option *option = container_option_find(NULL, *letter);
                const char shown[] = { '-', *letter, '\0' };
                const char *value = letter + 1;

                if (!option) {
                        refuse(cursor, word, "the option is unknown");
                        return;
                }
                if (option->flag) {
                        apply(cursor, option, shown, NULL);
                        continue;
                }
                value += *value == '=';
                if (!*value) {
                        value = *cursor->words;
                        if (!value) {
                                refuse(cursor, word, "the option has no value");
                                return;
                        }
                        cursor->words++;
                }
                apply(cursor, option, shown, value);
                return;
        }
}

static void take_options(struct cursor *cursor)
{
        while (*cursor->words && (*cursor->words)[0] == '-' && (*cursor->words)[1]) {
                if (strcmp(*cursor->words, "--") == 0) {
                        cursor->words++;
                        return;
                }
                if ((*cursor->words)[1] == '-') {
                        take_long(cursor);
                } else {
                        take_short(cursor);
                }
        }
}

static void take_image(struct cursor *cursor)
{
        struct conversion *conversion = cursor->container->conversion;
        const char *word = *cursor->words++;

        if (cursor->rootfs) {
                convert_begin(conversion, cursor->file, cursor->line, "the root");
                container_take_host_path(cursor->container,
                                         &(struct container_option){ .key = "rootfs" }, word);
        } else {
                _cleanup_free_ char *image = container_image(word);

                convert_begin(conversion, cursor->file, cursor->line, "the image");
                convert_text(conversion, "image", image ? image : word);
        }
}

void container_take_words(struct container *container, const char *file, unsigned int line,
                          char *const *words)
{
        struct cursor cursor = { container, file, line, words, false };

        take_options(&cursor);
        if (!*cursor.words) {
                return;
        }
        take_image(&cursor);
        if (*cursor.words) {
                convert_begin(container->conversion, file, line, "the command");
        }
        while (*cursor.words) {
                if (strv_append(&container->arguments, *cursor.words++) < 0) {
                        container->conversion->failed = -ENOMEM;
                        return;
                }
        }
}

void container_take_options(struct container *container, const char *file, unsigned int line,
                            char *const *words)
{
        struct cursor cursor = { container, file, line, words, false };

        while (*cursor.words) {
                take_options(&cursor);
                if (*cursor.words) {
                        refuse(&cursor, *cursor.words, "an argument where options are expected");
                        cursor.words++;
                }
        }
}
