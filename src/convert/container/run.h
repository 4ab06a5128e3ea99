/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_CONTAINER_RUN_H
#define CONVERT_CONTAINER_RUN_H

#include "base/error.h"
#include "convert/source.h"

/** Whether the words are a command line of docker or podman. */
bool run_is_command(char *const *words);

/** Converts one command line, given as words. */
int run_convert_words(struct conversion *conversion, const struct convert_source *source,
                      const char *file, unsigned int line, char *const *words,
                      struct machine_error *error);

/** Converts all command lines of a shell script. */
int run_convert_script(struct conversion *conversion, const struct convert_source *source,
                       struct machine_error *error);

#endif
