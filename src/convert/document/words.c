/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/document/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* A word that is being put together. */
struct word {
        FILE *out;
        char *text;
        size_t length;
        bool begun; /* also by empty quotes */
};

static int word_open(struct word *word)
{
        *word = (struct word){ 0 };
        word->out = open_memstream(&word->text, &word->length);
        return word->out ? 0 : -ENOMEM;
}

/* Appends the word to the list and begins the next one. */
static int word_end(struct word *word, char ***words)
{
        int r = 0;

        if (!word->begun) {
                return 0;
        }
        if (fclose(TAKE_PTR(word->out)) != 0) {
                return -ENOMEM;
        }
        r = strv_take(words, TAKE_PTR(word->text));
        return r < 0 ? r : word_open(word);
}

static void word_clear(struct word *word)
{
        if (word->out) {
                (void)fclose(word->out);
        }
        free(word->text);
}
#define _cleanup_word_ _cleanup_(word_clear)

/* ---- Shell ---- */

/* "$(pwd)" and "`pwd`" are known; other commands stay as they are. */
static size_t substitute(const struct shell *shell, const char *text, FILE *out)
{
        bool backquote = text[0] == '`';
        const char *start = text + (backquote ? 1 : 2);
        size_t length = strcspn(start, backquote ? "`" : ")");
        size_t whole = (size_t)(start - text) + length + (start[length] != '\0');

        if (length == 3 && strncmp(start, "pwd", 3) == 0) {
                fputs(shell->directory, out);
        } else {
                fwrite(text, 1, whole, out);
        }
        return whole;
}

static size_t take_dollar(struct shell *shell, struct word *word)
{
        word->begun = true;
        if (shell->text[0] == '`' || shell->text[1] == '(') {
                return substitute(shell, shell->text, word->out);
        }
        return expand_reference(shell->expander, shell->text, 0, word->out);
}

static void count_lines(struct shell *shell, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                shell->line += shell->text[i] == '\n';
        }
        shell->text += length;
}

static void take_single_quoted(struct shell *shell, struct word *word)
{
        size_t length = strcspn(shell->text + 1, "'");

        word->begun = true;
        fwrite(shell->text + 1, 1, length, word->out);
        count_lines(shell, length + 1 + (shell->text[length + 1] == '\''));
}

static void take_double_quoted(struct shell *shell, struct word *word)
{
        word->begun = true;
        shell->text++;
        while (*shell->text && *shell->text != '"') {
                if (*shell->text == '\\' && shell->text[1] && strchr("$`\"\\\n", shell->text[1])) {
                        if (shell->text[1] != '\n') {
                                fputc(shell->text[1], word->out);
                        }
                        count_lines(shell, 2);
                } else if (*shell->text == '$' || *shell->text == '`') {
                        count_lines(shell, take_dollar(shell, word));
                } else {
                        fputc(*shell->text, word->out);
                        count_lines(shell, 1);
                }
        }
        shell->text += *shell->text == '"';
}

static void take_backslash(struct shell *shell, struct word *word)
{
        size_t length = shell->text[1] == '\r' && shell->text[2] == '\n' ? 3
                        : shell->text[1]                                 ? 2
                                                                         : 1;

        if (length == 2 && shell->text[1] != '\n') {
                word->begun = true;
                fputc(shell->text[1], word->out);
        }
        count_lines(shell, length);
}

/* Takes one character or quoted part that belongs to the command. */
static int take_part(struct shell *shell, struct word *word, char ***words)
{
        switch (*shell->text) {
        case ' ':
        case '\t':
        case '\r':
                shell->text++;
                return word_end(word, words);
        case '\\':
                take_backslash(shell, word);
                return 0;
        case '\'':
                take_single_quoted(shell, word);
                return 0;
        case '"':
                take_double_quoted(shell, word);
                return 0;
        case '$':
        case '`':
                count_lines(shell, take_dollar(shell, word));
                return 0;
        default:
                word->begun = true;
                fputc(*shell->text++, word->out);
                return 0;
        }
}

/* Skips what ends commands, and comments. */
static void skip_between(struct shell *shell)
{
        for (;;) {
                size_t length = strspn(shell->text, " \t\r\n;&|<>(){}");

                count_lines(shell, length);
                if (*shell->text != '#') {
                        return;
                }
                shell->text += strcspn(shell->text, "\n");
        }
}

int shell_next(struct shell *shell, char ***ret, unsigned int *ret_line)
{
        _cleanup_word_ struct word word = { 0 };
        _cleanup_strv_ char **words = NULL;
        int r = word_open(&word);

        skip_between(shell);
        *ret_line = shell->line;
        while (r == 0 && *shell->text && !strchr("\n;&|<>", *shell->text)) {
                if (*shell->text == '#' && !word.begun) {
                        break;
                }
                r = take_part(shell, &word, &words);
        }
        r = r < 0 ? r : word_end(&word, &words);
        if (r == 0) {
                *ret = TAKE_PTR(words);
        }
        return r;
}

/* ---- Unit files ---- */

static size_t take_escape(const char *text, FILE *out)
{
        static const char letters[] = "abfnrtvs", values[] = "\a\b\f\n\r\t\v ";
        const char *letter = text[1] ? strchr(letters, text[1]) : NULL;
        char *end;

        if (text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
            isxdigit((unsigned char)text[3])) {
                const char digits[3] = { text[2], text[3], '\0' };
                int byte = (int)strtol(digits, &end, 16);

                fputc(byte ? byte : '?', out);
                return 4;
        }
        fputc(letter ? values[letter - letters] : text[1] ? text[1] : '\\', out);
        return text[1] ? 2 : 1;
}

int words_split_unit(const char *text, char ***ret)
{
        _cleanup_word_ struct word word = { 0 };
        _cleanup_strv_ char **words = NULL;
        char quote = '\0';
        int r = word_open(&word);

        while (r == 0 && *text) {
                if (*text == '\\') {
                        word.begun = true;
                        text += take_escape(text, word.out);
                } else if (quote ? *text == quote : (*text == '"' || *text == '\'')) {
                        word.begun = true;
                        quote = quote ? '\0' : *text;
                        text++;
                } else if (!quote && strchr(" \t\r\n", *text)) {
                        text++;
                        r = word_end(&word, &words);
                } else {
                        word.begun = true;
                        fputc(*text++, word.out);
                }
        }
        r = r < 0 ? r : word_end(&word, &words);
        if (r == 0) {
                *ret = TAKE_PTR(words);
        }
        return r;
}
