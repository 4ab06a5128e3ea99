/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/scanner_internal.h"

#include <errno.h>
#include <string.h>

#include "base/strings.h"

/* libconfig compares each new key of a group with all previous ones. */
#define KEYS_MAXIMUM 2000

static int scan_settings(struct scanner *scanner, unsigned int depth);

static bool at_include(const struct scanner *scanner)
{
        return string_after(scanner->at, "@include") != NULL;
}

/* `@include "path"` on a line of its own. It is resolved by the loader, so libconfig never sees it.
 */
static int scan_include(struct scanner *scanner)
{
        const char *start = scanner->at, *path, *end;
        struct config_place place = scanner_place(scanner, start, start + 8);
        size_t before = strspn(scanner->line_start, " \t");
        ssize_t mark;

        path = start + 8 + strspn(start + 8, " \t");
        if (scanner->line_start + before != start) {
                return scanner_fail(scanner, &place,
                                    strdup("@include must be on a line of its own"), NULL);
        }
        if (*path != '"') {
                return scanner_fail(scanner, &place, strdup("@include requires a path in quotes"),
                                    strdup("@include \"common/base.machine\""));
        }
        end = path + 1 + strcspn(path + 1, "\"\n");
        place = scanner_place(scanner, path + 1, end);
        if (*end != '"') {
                return scanner_fail(scanner, &place, strdup("this path has no closing quote"),
                                    NULL);
        }
        if (end == path + 1) {
                return scanner_fail(scanner, &place, strdup("empty path after @include"), NULL);
        }
        mark = scanner_mark(scanner, CONFIG_MARK_INCLUDE, &place);
        if (mark < 0) {
                return (int)mark;
        }
        scanner->at = end + 1;
        scanner->at += strspn(scanner->at, " \t\r");
        scanner_blank(scanner, start, scanner->at);
        if (*scanner->at && *scanner->at != '\n' && *scanner->at != '#' &&
            !string_after(scanner->at, "//")) {
                return scanner_expected(scanner, "the end of the line after @include", NULL);
        }
        return 0;
}

static int scan_sequence(struct scanner *scanner, unsigned int depth, char close);

static int scan_group(struct scanner *scanner, unsigned int depth)
{
        int r;

        scanner->at++;
        r = scan_settings(scanner, depth + 1);
        if (r < 0) {
                return r;
        }
        if (*scanner->at != '}') {
                return scanner_expected(scanner, "a key or \"}\"", NULL);
        }
        scanner->at++;
        return 0;
}

static int scan_value(struct scanner *scanner, unsigned int depth, bool in_sequence)
{
        const char *start = scanner->at;
        struct config_place place = scanner_place(scanner, start, start + 1);
        ssize_t mark;
        int r;

        if (!scanner_at_scalar(scanner) && !(*start && strchr("{([", *start))) {
                return scanner_expected(scanner, "a value", NULL);
        }
        if (depth >= CONFIG_DEPTH_MAXIMUM) {
                return scanner_fail(
                        scanner, &place,
                        string_format("nested more than %d levels deep", CONFIG_DEPTH_MAXIMUM),
                        NULL);
        }
        mark = scanner_mark(scanner, CONFIG_MARK_VALUE, &place);
        if (mark < 0) {
                return (int)mark;
        }
        switch (*start) {
        case '{':
                r = scan_group(scanner, depth);
                break;
        case '(':
                r = scan_sequence(scanner, depth, ')');
                break;
        case '[':
                r = scan_sequence(scanner, depth, ']');
                break;
        default:
                return scanner_read_scalar(scanner, (size_t)mark, in_sequence);
        }
        scanner->scan.marks[mark].place.length = (uint32_t)(scanner->at - start);
        return r;
}

/* libconfig reports an array with different types by its line, not its element. */
static int check_array_type(struct scanner *scanner, size_t first, size_t mark)
{
        const char *text = scanner->scan.text;
        const struct config_place *a = &scanner->scan.marks[first].place;
        const struct config_place *b = &scanner->scan.marks[mark].place;
        bool a_string = text[a->offset] == '"', b_string = text[b->offset] == '"';

        if (a_string == b_string) {
                return 0;
        }
        return scanner_fail(scanner, b,
                            strdup("all elements of an array must have the same type as the first"),
                            b_string ? NULL : strdup("put it in quotes"));
}

static int scan_sequence(struct scanner *scanner, unsigned int depth, char close)
{
        size_t first = 0;
        int r;

        scanner->at++;
        r = scanner_skip_blanks(scanner);
        while (r == 0 && *scanner->at != close) {
                size_t mark = scanner->scan.count;

                if (close == ']' && *scanner->at && strchr("{([", *scanner->at)) {
                        return scanner_expected(scanner, "a string, a number or a boolean",
                                                strdup("a list of groups or lists is written in "
                                                       "parentheses: ( .. )"));
                }
                r = scan_value(scanner, depth + 1, true);
                if (r < 0) {
                        return r;
                }
                first = first ? first : mark;
                r = close == ']' ? check_array_type(scanner, first, mark) : 0;
                r = r < 0 ? r : scanner_skip_blanks(scanner);
                if (r < 0) {
                        return r;
                }
                if (*scanner->at == close) {
                        break;
                }
                if (*scanner->at != ',') {
                        return scanner_expected(
                                scanner, close == ']' ? "\",\" or \"]\"" : "\",\" or \")\"", NULL);
                }
                scanner->at++;
                r = scanner_skip_blanks(scanner);
                if (r == 0 && *scanner->at == close) {
                        return scanner_expected(scanner, "a value after the comma",
                                                strdup("remove the comma after the last one"));
                }
        }
        if (r == 0) {
                scanner->at++;
        }
        return r;
}

/* The mark of an earlier key of the same name in the group, or NULL. */
static const struct config_mark *find_earlier(const struct scanner *scanner, size_t mark)
{
        const struct config_mark *marks = scanner->scan.marks;
        const char *text = scanner->source->text;

        for (size_t i = marks[mark].previous; i > 0; i = marks[i - 1].previous) {
                if (marks[i - 1].place.length == marks[mark].place.length &&
                    memcmp(text + marks[i - 1].place.offset, text + marks[mark].place.offset,
                           marks[mark].place.length) == 0) {
                        return &marks[i - 1];
                }
        }
        return NULL;
}

static int refuse_duplicate(struct scanner *scanner, const struct config_place *place,
                            const struct config_place *earlier)
{
        const char *name = scanner->source->text + place->offset;

        return config_report_related(
                scanner->diagnostics, DIAGNOSTIC_ERROR, place,
                string_format("duplicate key \"%.*s\"", (int)place->length, name), earlier,
                "the first one is here");
}

static int scan_name(struct scanner *scanner, size_t *last, struct config_place *ret)
{
        size_t length = scanner_name_length(scanner);
        ssize_t mark;

        if (length == 0) {
                return scanner_expected(scanner, "a key", NULL);
        }
        *ret = scanner_place(scanner, scanner->at, scanner->at + length);
        if (++scanner->keys > KEYS_MAXIMUM) {
                return scanner_fail(scanner, ret, string_format("more than %d keys", KEYS_MAXIMUM),
                                    NULL);
        }
        mark = scanner_mark(scanner, CONFIG_MARK_KEY, ret);
        if (mark < 0) {
                return (int)mark;
        }
        scanner->scan.marks[mark].previous = *last;
        *last = (size_t)mark + 1;
        scanner->at += length;
        return 0;
}

/* Reports a name that is not followed by "=". If the next token is on another line, the place is
 * the name itself. "limits.memory = .." is a frequent mistake. */
static int refuse_name(struct scanner *scanner, const struct config_place *name)
{
        const char *text = scanner->source->text + name->offset;

        if (*scanner->at && scanner->line == name->line) {
                return scanner_expected(scanner, "\"=\" after the key",
                                        *scanner->at == '.' ? string_format("write %.*s = { .. };",
                                                                            (int)name->length, text)
                                                            : NULL);
        }
        return scanner_fail(scanner, name,
                            string_format("expected \"=\" after \"%.*s\"", (int)name->length, text),
                            NULL);
}

static int scan_setting(struct scanner *scanner, unsigned int depth, size_t *last)
{
        const struct config_mark *earlier;
        struct config_place name;
        size_t mark = scanner->scan.count;
        const char *start = scanner->at;
        int r = scan_name(scanner, last, &name);

        if (r < 0) {
                return r;
        }
        r = scanner_skip_blanks(scanner);
        if (r < 0) {
                return r;
        }
        if (*scanner->at != '=' && *scanner->at != ':') {
                return refuse_name(scanner, &name);
        }
        scanner->at++;
        r = scanner_skip_blanks(scanner);
        r = r < 0 ? r : scan_value(scanner, depth, false);
        r = r < 0 ? r : scanner_skip_blanks(scanner);
        if (r < 0) {
                return r;
        }
        if (*scanner->at == ';' || *scanner->at == ',') {
                scanner->at++;
        }
        earlier = find_earlier(scanner, mark);
        if (earlier) {
                struct config_place first = earlier->place;

                *last = scanner->scan.marks[mark].previous;
                scanner->scan.count = mark;
                scanner_blank(scanner, start, scanner->at);
                return refuse_duplicate(scanner, &name, &first);
        }
        return 0;
}

static int scan_settings(struct scanner *scanner, unsigned int depth)
{
        size_t last = 0;
        int r;

        for (;;) {
                r = scanner_skip_blanks(scanner);
                if (r < 0 || !*scanner->at || *scanner->at == '}') {
                        return r;
                }
                r = at_include(scanner) ? scan_include(scanner)
                                        : scan_setting(scanner, depth, &last);
                if (r < 0) {
                        return r;
                }
        }
}

void config_scan_clear(struct config_scan *scan)
{
        free(scan->text);
        free(scan->marks);
        *scan = (struct config_scan){ 0 };
}

static int scan_text(struct scanner *scanner)
{
        int r = scanner_check_bytes(scanner);

        if (r < 0) {
                return r;
        }
        r = scan_settings(scanner, 0);
        if (r < 0) {
                return r;
        }
        return *scanner->at ? scanner_expected(scanner, "a key", NULL) : 0;
}

int config_scan(const struct config_source *source, struct diagnostics *diagnostics,
                struct config_scan *ret)
{
        struct scanner scanner = {
                .source = source,
                .diagnostics = diagnostics,
                .at = source->text,
                .line = 1,
                .line_start = source->text,
        };
        int r;

        scanner.scan.text = malloc(source->length + 2);
        if (!scanner.scan.text) {
                return -ENOMEM;
        }
        memcpy(scanner.scan.text, source->text, source->length);
        memcpy(scanner.scan.text + source->length, "\n", 2);
        r = scan_text(&scanner);
        if (r < 0) {
                config_scan_clear(&scanner.scan);
                return r;
        }
        *ret = scanner.scan;
        return 0;
}
