/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oci/bundle/locate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The JSON library keeps no positions, so the text is searched again when an error has to name one.
 * The library has accepted the text, so little is checked here; a text that ends early only ends
 * the search. */

struct scanner {
        const char *at;
        const char *end;
};

static void skip_blanks(struct scanner *scanner)
{
        while (scanner->at < scanner->end && strchr(" \t\r\n", *scanner->at)) {
                scanner->at++;
        }
}

static bool take(struct scanner *scanner, char character)
{
        skip_blanks(scanner);
        if (scanner->at >= scanner->end || *scanner->at != character) {
                return false;
        }
        scanner->at++;
        return true;
}

/* Returns the string's raw content, without its quotes. */
static const char *take_string(struct scanner *scanner, size_t *ret_length)
{
        const char *start;

        if (!take(scanner, '"')) {
                return NULL;
        }
        start = scanner->at;
        while (scanner->at < scanner->end && *scanner->at != '"') {
                scanner->at += *scanner->at == '\\' ? 2 : 1;
        }
        if (scanner->at >= scanner->end) {
                return NULL;
        }
        *ret_length = (size_t)(scanner->at - start);
        scanner->at++;
        return start;
}

/* Without recursion: the depth is the document's. */
static void skip_value(struct scanner *scanner)
{
        size_t depth = 0;

        do {
                size_t length;

                skip_blanks(scanner);
                if (scanner->at >= scanner->end) {
                        return;
                }
                switch (*scanner->at) {
                case '"':
                        (void)take_string(scanner, &length);
                        break;
                case '{':
                case '[':
                        depth++;
                        scanner->at++;
                        break;
                case '}':
                case ']':
                        if (depth == 0) {
                                return;
                        }
                        depth--;
                        scanner->at++;
                        break;
                case ',':
                case ':':
                        scanner->at++;
                        break;
                default:
                        while (scanner->at < scanner->end && !strchr(",]} \t\r\n", *scanner->at)) {
                                scanner->at++;
                        }
                }
        } while (depth > 0 && scanner->at < scanner->end);
}

/* Moves to the value of a member. */
static bool enter_member(struct scanner *scanner, const char *name, size_t name_length)
{
        if (!take(scanner, '{')) {
                return false;
        }
        do {
                size_t length;
                const char *key = take_string(scanner, &length);

                if (!key || !take(scanner, ':')) {
                        return false;
                }
                skip_blanks(scanner);
                if (length == name_length && memcmp(key, name, length) == 0) {
                        return true;
                }
                skip_value(scanner);
        } while (take(scanner, ','));
        return false;
}

static bool enter_element(struct scanner *scanner, size_t index)
{
        if (!take(scanner, '[')) {
                return false;
        }
        for (size_t i = 0; i < index; i++) {
                skip_value(scanner);
                if (!take(scanner, ',')) {
                        return false;
                }
        }
        skip_blanks(scanner);
        return true;
}

/* Enters the first part of the path and moves the path behind it. */
static bool enter_part(struct scanner *scanner, const char **path)
{
        const char *part = *path + (**path == '.');
        size_t length;

        if (part[0] == '[' && part[1] == '"') {
                const char *close = strstr(part, "\"]");

                part += 2;
                *path = close ? close + 2 : part + strlen(part);
                return close && enter_member(scanner, part, (size_t)(close - part));
        }
        if (part[0] == '[') {
                char *close;
                size_t index = strtoul(part + 1, &close, 10);

                *path = *close == ']' ? close + 1 : close;
                return enter_element(scanner, index);
        }
        length = strcspn(part, ".[");
        *path = part + length;
        return length > 0 && enter_member(scanner, part, length);
}

unsigned int json_locate(const char *text, size_t length, const char *path)
{
        struct scanner scanner = { text, text + length };
        unsigned int line = 1;
        const char *found;

        skip_blanks(&scanner);
        found = scanner.at;
        while (*path && enter_part(&scanner, &path)) {
                found = scanner.at;
        }
        for (const char *at = text; at < found && at < text + length; at++) {
                line += *at == '\n';
        }
        return line;
}
