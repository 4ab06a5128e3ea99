/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The functions of libarchive that write, under their own names, so that the library and the many
 * that it brings along are loaded when a tar is written and not by who fetches, lists or removes
 * images. The compiler holds each line against the prototype in the library's header. */

#include "image/libarchive.h"

#include <stdbool.h>
#include <stdlib.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/library.h"
#include "base/strings.h"

#define LIBRARY "libarchive.so.13"

/* X(type of result, name, parameters, arguments) */
/* clang-format off */
#define FUNCTIONS(X) \
        X(void, archive_entry_free, (struct archive_entry *a), (a)) \
        X(struct archive_entry *, archive_entry_new, (void), ()) \
        X(void, archive_entry_set_hardlink, (struct archive_entry *a, const char *b), (a, b)) \
        X(void, archive_entry_set_mode, (struct archive_entry *a, mode_t b), (a, b)) \
        X(void, archive_entry_set_mtime, (struct archive_entry *a, time_t b, long c), (a, b, c)) \
        X(void, archive_entry_set_pathname, (struct archive_entry *a, const char *b), (a, b)) \
        X(void, archive_entry_set_rdevmajor, (struct archive_entry *a, dev_t b), (a, b)) \
        X(void, archive_entry_set_rdevminor, (struct archive_entry *a, dev_t b), (a, b)) \
        X(void, archive_entry_set_size, (struct archive_entry *a, la_int64_t b), (a, b)) \
        X(void, archive_entry_set_symlink, (struct archive_entry *a, const char *b), (a, b)) \
        X(void, archive_entry_set_uid, (struct archive_entry *a, la_int64_t b), (a, b)) \
        X(void, archive_entry_set_gid, (struct archive_entry *a, la_int64_t b), (a, b)) \
        X(void, archive_entry_unset_size, (struct archive_entry *a), (a)) \
        X(void, archive_entry_xattr_add_entry, \
          (struct archive_entry *a, const char *b, const void *c, size_t d), (a, b, c, d)) \
        X(int, archive_write_close, (struct archive *a), (a)) \
        X(la_ssize_t, archive_write_data, (struct archive *a, const void *b, size_t c), (a, b, c)) \
        X(int, archive_write_free, (struct archive *a), (a)) \
        X(int, archive_write_header, (struct archive *a, struct archive_entry *b), (a, b)) \
        X(struct archive *, archive_write_new, (void), ()) \
        X(int, archive_write_open, \
          (struct archive *a, void *b, archive_open_callback *c, archive_write_callback *d, \
           archive_close_callback *e), (a, b, c, d, e)) \
        X(int, archive_write_set_bytes_in_last_block, (struct archive *a, int b), (a, b)) \
        X(int, archive_write_set_format_pax_restricted, (struct archive *a), (a)) \
        X(int, archive_write_set_options, (struct archive *a, const char *opts), (a, opts))
/* clang-format on */

struct libarchive {
#define MEMBER(type, name, parameters, arguments) __typeof__(name) *name;
        FUNCTIONS(MEMBER)
#undef MEMBER
};

#define ENTRY(type, name, parameters, arguments) { #name, offsetof(struct libarchive, name) },
static const struct library_function functions[] = { FUNCTIONS(ENTRY) };
#undef ENTRY

/* Where the library was loaded to: of the process, as it is, and written once. */
static struct libarchive libarchive;

int libarchive_load(struct machine_error *error)
{
        static bool loaded;
        int r = 0;

        if (!loaded) {
                r = library_load(LIBRARY, functions, ELEMENTS_OF(functions), &libarchive, error);
                loaded = r == 0;
        }
        if (r < 0) {
                error_prefix(error, "cannot write an archive");
                error_hint(error, "install libarchive (Debian: libarchive13, Fedora: libarchive)");
        }
        return r;
}

/* tar_writer.c loads before anything else is done with the library. A caller that did not is a
 * fault of the program. */
#define FORWARD(type, name, parameters, arguments) \
        type name parameters                       \
        {                                          \
                if (!libarchive.name) {            \
                        abort();                   \
                }                                  \
                return libarchive.name arguments;  \
        }
FUNCTIONS(FORWARD)
#undef FORWARD
