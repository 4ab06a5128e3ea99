/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TOOL_TOOL_H
#define BASE_TOOL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <machine/error.h>

/**
 * Programs of the host that make, check and change file systems. They read what strangers have
 * written, so each runs in a sandbox: a user namespace with the same ids and no capability but that
 * to read every file, no network, no other processes, the host's programs and libraries read-only,
 * and of everything else only the files that the caller gives.
 */

struct tool {
        const char *name;    /* "mkfs.erofs" */
        const char *package; /* Debian's, which has it: "erofs-utils" */
};

/** Finds a tool where distributions install it; PATH does not count. Returns its path, which the
 * caller frees, or NULL if it is missing. */
char *tool_find(const struct tool *tool);

/** Checks that all tools are installed; tools ends with NULL. Returns 0, or -ENOENT with an error
 * that names all that are missing, and their packages. `purpose` completes "to ..". */
int tool_check(const struct tool *const *tools, const char *purpose, struct machine_error *error);

/** A file or directory that a tool sees. */
struct tool_file {
        const char *name; /* it is TOOL_PLACE/NAME there */
        int fd;           /* of it, in the caller's mount namespace; borrowed */
        bool writable;
};

#define TOOL_PLACE "/work"

struct tool_run {
        const struct tool *tool;
        const char *const *arguments;   /* without the tool's name, ends with NULL */
        const char *const *environment; /* in addition to PATH and the locale C.UTF-8, or NULL */
        const char *input;              /* for its standard input, or NULL */
        const struct tool_file *files;  /* ends with an element without a name */
};

/**
 * Runs a tool and waits for it. The caller may mount and make user namespaces. Returns its exit
 * status, or -errno with error set. *ret_output (may be NULL) is what it has written on both
 * streams, the first 64 KiB of it, set whenever the tool has run; the caller frees it.
 */
int tool_run(const struct tool_run *run, char **ret_output, struct machine_error *error);

/** The same for tools whose only good status is 0. Any other is -EIO, with an error that consists
 * of the tool's name and the last line that it has written. */
int tool_succeed(const struct tool_run *run, char **ret_output, struct machine_error *error);

#endif
