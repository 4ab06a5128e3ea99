/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "base/strings.h"

/* Syntax errors, each with its reported position. */

struct refused {
        const char *text;
        const char *finding; /* expected findings, without "web.machine:" */
};

static const struct refused refused[] = {
        { "a = 1; /* x", ":1:8: error: unterminated comment" },
        { "\xef\xbb\xbf"
          "a = 1;",
          ":1:1: error: the file begins with a byte order mark" },
        { "a = \"\xff\";", ":1:6: error: invalid UTF-8 byte 0xff" },
        { "a = \"\xed\xa0\x80\";", "invalid UTF-8 byte" },
        { "a = \"x\n", ":1:5: error: unterminated string" },
        { "a = on;", ":1:5: error: expected a value, not \"on\"" },
        { "a = on;", "a boolean is written true" },
        { "a = web;", "strings are written in quotes: \"web\"" },
        { "a = [ 1, ];", ":1:10: error: expected a value after the comma" },
        { "a = [ 1 2 ];", ":1:9: error: expected \",\" or \"]\"" },
        { "a = ( 1 2 );", ":1:9: error: expected \",\" or \")\"" },
        { "a = [ [ 1 ] ];", ":1:7: error: expected a string, a number or a boolean" },
        { "a = [ 1, \"x\" ];", ":1:10: error: all elements of an array must have the same type" },
        { "a = [ 1, 2.5 ];", ":1:1: error: mismatched element type in array" },
        { "a = { b = 1;", "expected a key or \"}\", but reached the end of the text" },
        { "a = 1; }", ":1:8: error: expected a key, not \"}\"" },
        { "a = 1;; b = 2;", ":1:7: error: expected a key, not \";\"" },
        { "a 1;", ":1:3: error: expected \"=\" after the key, not \"1\"" },
        { "limits.memory = 1;", "write limits = { .. };" },
        { "1a = 1;", ":1:1: error: expected a key, not \"1a\"" },
        { "_a = 1;", "error: expected a key" },
        { "a = ;", ":1:5: error: expected a value, not \";\"" },
        { "a = 0755;", ":1:5: error: the number 0755 begins with a zero" },
        { "a = -010;", "begins with a zero" },
        { "a = 2147483648;", ":1:5: error: the number 2147483648 is larger than 2147483647" },
        { "a = 4294967296;", "is larger than" },
        { "a = 99999999999999999999;", "is larger than" },
        { "a = 0x80000000;", "is larger than" },
        { "a = 5L;", ":1:5: error: expected a value, not \"5L\"" },
        { "a = 0x;", "error: expected a value" },
        { "a = 1.2.3;", "error: expected a value" },
        { "a = \"\\x00\";", ":1:6: error: \"\\x00\" is not an escape sequence" },
        { "a = \"\\x80\";", "\"\\x80\" is not an escape sequence" },
        { "a = \"\\q\";", "\"\\q\" is not an escape sequence" },
        { "a = \"\x01\";", ":1:6: error: control character in a string" },
        { "a = 1; @include \"x\"", ":1:8: error: @include must be on a line of its own" },
        { "@include x", "@include requires a path in quotes" },
        { "@include \"x", "this path has no closing quote" },
        { "@include \"\"", "empty path after @include" },
        { "@include \"x\" a = 1;", "expected the end of the line after @include" },
        { "x-\xc3\xa4 = 1;", ":1:3: error: expected \"=\" after the key" },
        { "x-a = 1;\n\tx-b = \"\xc3\xa4\" bad\n", ":2:12: error: expected \"=\" after \"bad\"" },
};

static void test_refused(void **state)
{
        struct setting *setting = *state;

        for (size_t i = 0; i < ELEMENTS_OF(refused); i++) {
                assert_int_equal(load_text(setting, refused[i].text), -EINVAL);
                assert_int_equal(setting->error.kind, MACHINE_ERROR_DEFINITION);
                assert_finds(setting, refused[i].finding);
        }
}

static const char *const accepted[] = {
        "",
        "# a comment without an end of line",
        "// another",
        "/* one\n * of several lines */",
        "x-a = 1, x-b = 2 x-c = 3\nx-d : 4;",
        "x-a = { b = { c = ( ); }; d = [ ]; };",
        "x-a = 2147483647; x-b = -2147483647; x-c = 0x7fffffff; x-d = +1; x-e = 0;",
        "x-a = 1.5; x-b = .5; x-c = 1.; x-d = 1e5; x-e = -1.5E-3;",
        "x-a = TRUE; x-b = False;",
        "x-a = \"\\n\\r\\t\\f\\\\\\\"\\x7f\";",
        "x-a = \"one\" \"two\"\n \"three\";",
        "x-a = \"of two\nlines\";",
        "x-a = ( 1, \"b\", [ true ], { c = 2.5; } );",
        "*a-_9* = 1;\nx-b = 1;\r\nx-c = 2;",
};

static void test_accepted(void **state)
{
        struct setting *setting = *state;
        char text[512];

        for (size_t i = 0; i < ELEMENTS_OF(accepted); i++) {
                snprintf(text, sizeof text, "rootfs = \"/\";\nx-all = {\n%s\n};", accepted[i]);
                if (load_text(setting, text) < 0 &&
                    !(accepted[i][0] == '*' && setting->diagnostics.errors == 0)) {
                        fail_msg("%s\n%s", text, setting->findings);
                }
        }
}

static void test_nul_byte(void **state)
{
        struct setting *setting = *state;
        char *path = path_join(setting->directory, "web.machine");
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_int_equal(fwrite("a = 1;\nb\0c", 1, 10, file), 10);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(load_with(setting, "web.machine", NULL), -EINVAL);
        assert_finds(setting, ":2:2: error: NUL byte");
        free(path);
}

/* Nesting and sizes are limited before libconfig parses a text. */
static void test_bounds(void **state)
{
        struct setting *setting = *state;
        size_t size = 2 << 20;
        char *text = malloc(size);

        assert_non_null(text);
        memset(text, '(', size - 1);
        text[size - 1] = '\0';
        assert_int_equal(load_text(setting, text), -EFBIG);
        memcpy(text, "x-a=", 4);
        text[100000] = '\0';
        assert_int_equal(load_text(setting, text), -EINVAL);
        assert_finds(setting, "nested more than 32 levels deep");

        for (size_t i = 0; i < 3000; i++) {
                sprintf(text + 10 * i, "x-%05zu=1;", i);
        }
        assert_int_equal(load_text(setting, text), -EINVAL);
        assert_finds(setting, "more than 2000 keys");

        /* An error in every few bytes of a long line fills neither the memory nor the screen. */
        for (size_t i = 0; i < 2000; i++) {
                memcpy(text + 4 * i, "b=1;", 5);
        }
        assert_int_equal(load_text(setting, text), -EINVAL);
        assert_int_equal(setting->diagnostics.errors, 2001);
        assert_finds(setting,
                     "and 999 more errors of this kind (check --json lists them)\nand 1001 more\n");
        assert_true(strlen(setting->findings) < 1000000);

        memcpy(text, "x-a=[", 5);
        memset(text + 5, '1', size - 5);
        for (size_t i = 6; i < size; i += 2) {
                text[i] = ',';
        }
        memcpy(text + 200000, "];", 3);
        assert_int_equal(load_text(setting, text), -EINVAL);
        assert_finds(setting, "more than 50000 keys and values");
        free(text);
}

/* A tree of hostile files fills no memory either. */
static void test_full(void **state)
{
        struct diagnostics diagnostics = { 0 };
        char *text;

        (void)state;
        for (int i = 0; i < 36000; i++) {
                struct diagnostic finding = {
                        .place.file = string_format("/srv/m%d.machine", i % 3),
                        .place.line = 7,
                        .message = string_format("no such user \"u%d\"", i),
                };

                if (i % 1500 == 0) {
                        diagnostics_begin(&diagnostics);
                }
                assert_int_equal(diagnostics_add(&diagnostics, &finding), 0);
        }
        assert_int_equal(diagnostics.errors, 36000);
        assert_int_equal(diagnostics.count, 20000);
        text = diagnostics_format(&diagnostics, false);
        assert_string_equal(text, "/srv/m0.machine:7: error: no such user \"u0\"\n"
                                  "/srv/m0.machine:7: error: no such user \"u3\"\n"
                                  "/srv/m0.machine:7: error: no such user \"u6\"\n"
                                  "      = and 19997 more errors of this kind, in 2 more files "
                                  "(check --json lists them)\n"
                                  "and 16000 more\n");
        free(text);
        diagnostics_clear(&diagnostics);
}

/* libconfig does not see what the scanner skips, and the rest is still read. */
static void test_goes_on(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_rooted(setting, "x-a = 0755;\nx-b = \"\\x00\";\nhostname = \"-\";\n"
                                              "user = \"root\"; user = { a = 1;\n};\n"
                                              "limits = { tasks = 99999999999; nice = 99; };"),
                         -EINVAL);
        assert_int_equal(setting->diagnostics.errors, 6);
        assert_finds(setting, ":4:16: error: duplicate key \"user\"");
        assert_finds(setting, ":6:20: error: the number 99999999999");
        assert_finds(setting, ":6:40: error: 99 is out of range");
}

static void test_joined_strings(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_rooted(setting, "command = [ \"a\" \"b\", \"c\" ];"), 0);
        assert_int_equal(setting->diagnostics.warnings, 1);
        assert_finds(setting, "is a comma missing between them?");
        assert_string_equal(machine_of(setting)->process.command[0], "ab");
        assert_int_equal(load_rooted(setting, "description = \"a\" \"b\";"), 0);
        assert_int_equal(setting->diagnostics.warnings, 0);
        assert_string_equal(machine_of(setting)->description, "ab");
}

static void test_forgotten_quote(void **state)
{
        struct setting *setting = *state;

        assert_int_equal(load_text(setting, "hostname = \"a;\ncommand = [ \"b\" ];\n"), -EINVAL);
        assert_finds(setting, "is the string that begins on line 1 unterminated?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_accepted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nul_byte, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
                cmocka_unit_test(test_full),
                cmocka_unit_test_setup_teardown(test_goes_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_joined_strings, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_forgotten_quote, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
