/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints machine.5: a text before, the keys of the format from their table, a text after. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/key.h"

static int copy_file(const char *path)
{
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        char line[1024];

        if (!file) {
                perror(path);
                return 1;
        }
        while (fgets(line, sizeof line, file)) {
                fputs(line, stdout);
        }
        return 0;
}

/* Text as roff takes it literally: a backslash begins an escape, a minus is a hyphen. */
static void print_text(const char *text)
{
        for (; *text; text++) {
                switch (*text) {
                case '\\':
                        fputs("\\e", stdout);
                        break;
                case '"':
                        fputs("\\(dq", stdout);
                        break;
                case '-':
                        fputs("\\-", stdout);
                        break;
                default:
                        putchar(*text);
                }
        }
}

/* A line of its own. The first character is no request, even where it is a dot. */
static void print_line(const char *before, const char *text, const char *after)
{
        fputs("\\&", stdout);
        print_text(before);
        print_text(text);
        print_text(after);
        putchar('\n');
}

static void print_choices(const struct config_choice *choices)
{
        fputs("One of ", stdout);
        for (const struct config_choice *choice = choices; choice->text; choice++) {
                if (choice != choices) {
                        fputs(choice[1].text ? ", " : " and ", stdout);
                }
                print_text("\"");
                print_text(choice->text);
                print_text("\"");
        }
        puts(".");
}

static void print_built(const char *built)
{
        if (!built) {
                return;
        }
        if (*built) {
                print_line("This version does only: ", built, ".");
        } else {
                puts("This version checks the key and refuses to start a machine that has it.");
        }
}

static void print_key(const struct config_key *key)
{
        /* A list's keys are named in the list: "mounts.target" is "target" there. */
        printf(".It Ic %s\n", key->name);
        if (key->help) {
                print_line("", key->help, "");
        }
        if (key->choices && key->choices->text) {
                print_choices(key->choices);
        } else if (key->kind->accepted) {
                print_line("Takes ", key->kind->accepted, ".");
        }
        if (key->default_text) {
                print_line("Default: ", key->default_text, ".");
        }
        if (key->example) {
                print_line("Example: ", key->example, ".");
        }
        print_built(key->built);
        if (key->elements) {
                puts("The keys of each element:\n.Bl -tag -width indent");
                for (size_t i = 0; i < key->elements->count; i++) {
                        print_key(&key->elements->keys[i]);
                }
                puts(".El");
        }
}

int main(int argc, char **argv)
{
        if (argc != 3) {
                fprintf(stderr, "usage: %s BEFORE AFTER\n", argv[0]);
                return 64;
        }
        if (copy_file(argv[1]) != 0) {
                return 1;
        }
        puts(".Bl -tag -width indent");
        for (size_t i = 0; i < config_machine_table.count; i++) {
                print_key(&config_machine_table.keys[i]);
        }
        puts(".El");
        return copy_file(argv[2]) != 0 || fflush(stdout) != 0;
}
