/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_MODEL_WRITE_H
#define CONVERT_MODEL_WRITE_H

#include "convert/model/model.h"

/** Which setting begins at which line of a written file. */
struct convert_lines {
        size_t *lines;
        size_t *settings; /* indexes */
        size_t count;
};

void convert_lines_clear(struct convert_lines *lines);
#define _cleanup_convert_lines_ _cleanup_(convert_lines_clear)

/** The table of keys of a file's format: of machines also for pods. */
const struct config_table *convert_table(const struct convert_file *file);

/** A file as a definition, in the order of the key table, with its notes as comments. lines may be
 * NULL. NULL if memory is short; the caller frees it. */
char *convert_write(const struct convert_file *file, struct convert_lines *lines);

/** A place for messages, "compose.yaml:12: services.web.gpus". NULL if memory is short. */
char *convert_place_text(const struct convert_place *place);

#endif
