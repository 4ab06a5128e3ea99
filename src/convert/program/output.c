/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "convert/model/write.h"
#include "convert/program/program.h"

/* ---- Files ---- */

static char *file_path(const struct arguments *arguments, const struct convert_file *file)
{
        return string_format("%s/%s%s", arguments->out, file->name, file->suffix);
}

/* Before the first file is written. */
static int check_free(const struct arguments *arguments, const struct conversion *conversion,
                      struct machine_error *error)
{
        for (size_t i = 0; i < conversion->count && !arguments->force; i++) {
                _cleanup_free_ char *path = file_path(arguments, conversion->files[i]);

                if (!path) {
                        return error_oom(error);
                }
                if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
                        error_say(error, EEXIST, "%s exists already", path);
                        error_hint(error, "choose another directory, or replace it with --force");
                        return -EEXIST;
                }
        }
        return 0;
}

static int write_file(const struct arguments *arguments, const struct convert_file *file,
                      struct machine_error *error)
{
        _cleanup_free_ char *text = convert_write(file, NULL);
        _cleanup_free_ char *path = arguments->out ? file_path(arguments, file) : NULL;
        int r;

        if (!text || (arguments->out && !path)) {
                return error_oom(error);
        }
        if (!arguments->out) {
                return fputs(text, stdout) < 0 || putchar('\n') < 0
                               ? error_set(error, errno, "cannot write to standard output")
                               : 0;
        }
        /* Definitions contain what the source has in its variables. */
        r = file_replace(AT_FDCWD, path, text, strlen(text), 0600);
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

int program_write(const struct arguments *arguments, const struct conversion *conversion,
                  struct machine_error *error)
{
        int r = 0;

        if (!arguments->out && arguments->json) {
                return 0;
        }
        if (arguments->out) {
                r = directory_make(arguments->out, 0755);
                r = r < 0 ? error_set(error, r, "cannot make the directory %s", arguments->out)
                          : check_free(arguments, conversion, error);
        }
        for (size_t i = 0; i < conversion->count && r == 0; i++) {
                r = write_file(arguments, conversion->files[i], error);
        }
        return r;
}

/* ---- Reports ---- */

static int print_notes(const struct convert_file *file, enum convert_note_kind kind)
{
        for (size_t i = 0; i < file->note_count; i++) {
                const struct convert_note *note = &file->notes[i];
                _cleanup_free_ char *place = convert_place_text(&note->place);
                _cleanup_free_ char *text = string_printable(note->text);
                _cleanup_free_ char *printable = place ? string_printable(place) : NULL;

                if (!text || !printable) {
                        return -ENOMEM;
                }
                if (note->kind == kind) {
                        fprintf(stderr, "%s%s: %s\n", printable,
                                kind == CONVERT_LOST ? "lost" : "differs", text);
                }
        }
        return 0;
}

static int print_report(const struct arguments *arguments, const struct conversion *conversion)
{
        size_t lost = convert_count_lost(conversion);
        int r = 0;

        for (int kind = CONVERT_DIFFERS; kind <= CONVERT_LOST && r == 0; kind++) {
                if (kind == CONVERT_DIFFERS && arguments->quiet) {
                        continue;
                }
                r = print_notes(&conversion->general, (enum convert_note_kind)kind);
                for (size_t i = 0; i < conversion->count && r == 0; i++) {
                        r = print_notes(conversion->files[i], (enum convert_note_kind)kind);
                }
        }
        if (lost > 0) {
                fprintf(stderr, "%zu of %zu settings were lost; the files say where\n", lost,
                        conversion->settings);
        }
        return r;
}

static int add_notes_json(json_t *array, const struct convert_file *file)
{
        for (size_t i = 0; i < file->note_count; i++) {
                const struct convert_note *note = &file->notes[i];
                json_t *object =
                        json_pack("{s:s, s:s?, s:i, s:s?, s:s, s:s?}", "kind",
                                  note->kind == CONVERT_LOST ? "lost" : "differs", "source",
                                  note->place.file, "line", (int)note->place.line, "setting",
                                  note->place.name, "message", note->text, "key", note->key);

                if (!object || json_array_append_new(array, object) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static json_t *file_json(const struct convert_file *file)
{
        _cleanup_free_ char *text = convert_write(file, NULL);
        _cleanup_free_ char *name = string_format("%s%s", file->name, file->suffix);

        return text && name ? json_pack("{s:s, s:s}", "name", name, "text", text) : NULL;
}

static int print_json(const struct conversion *conversion)
{
        _cleanup_json_ json_t *files = json_array(), *notes = json_array(), *report = NULL;
        int r = files && notes ? add_notes_json(notes, &conversion->general) : -ENOMEM;

        for (size_t i = 0; i < conversion->count && r == 0; i++) {
                r = json_array_append_new(files, file_json(conversion->files[i])) < 0 ? -ENOMEM : 0;
                r = r < 0 ? r : add_notes_json(notes, conversion->files[i]);
        }
        if (r == 0) {
                report = json_pack("{s:O, s:O, s:I, s:I}", "files", files, "notes", notes,
                                   "settings", (json_int_t)conversion->settings, "lost",
                                   (json_int_t)convert_count_lost(conversion));
        }
        if (!report || json_dumpf(report, stdout, JSON_COMPACT) < 0) {
                return -ENOMEM;
        }
        putchar('\n');
        return 0;
}

int program_report(const struct arguments *arguments, const struct conversion *conversion)
{
        return arguments->json ? print_json(conversion) : print_report(arguments, conversion);
}
