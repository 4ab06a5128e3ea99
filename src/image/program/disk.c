/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "image/disk/make.h"
#include "image/program/program.h"

/* Verbs for images that are one file. */

static int print_made(const struct program *program, const struct disk_made *made)
{
        if (program->json != PROGRAM_JSON_OFF) {
                return program_print_json(
                        program, json_pack("{s:s,s:s,s:s,s:I,s:s*}", "event", "image", "path",
                                           program->argv[0], "format", program->format, "size",
                                           (json_int_t)made->size, "root_hash",
                                           *made->root_hash ? made->root_hash : NULL));
        }
        if (*made->root_hash) {
                (void)printf("%s\n", made->root_hash);
        }
        return 0;
}

/* Called by machinectl-lite, which has checked the arguments, in the directory that becomes the
 * root. */
int program_make_disk(struct program *program, struct machine_error *error)
{
        struct disk_making making = {
                .verity = program->verity,
                .path = program->argv[0],
                .architecture = program->architecture,
        };
        _cleanup_close_ int tree = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct disk_made made = { 0 };
        int r;

        if (tree < 0) {
                return error_set(error, errno, "cannot open the root");
        }
        if (!image_format_find(program->format, &making.format) || making.path[0] != '/') {
                return error_say(error, EINVAL, "make-disk needs a format and an absolute path");
        }
        r = disk_make(tree, &making, &made, error);
        if (r < 0) {
                error_prefix(error, "cannot make %s", making.path);
                return r;
        }
        return print_made(program, &made);
}
