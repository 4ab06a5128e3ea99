/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_SOURCE_H
#define CONVERT_SOURCE_H

#include "base/error.h"
#include "convert/model/model.h"

/** One source: a file or a directory, with what the command line says about it. */
struct convert_source {
        const char *path;      /* absolute */
        const char *shown;     /* as the user gave it, for messages */
        const char *directory; /* absolute: of the file, or the directory itself */
        const char *name;      /* for the machine, or NULL */
        char *const *profiles; /* of a compose file, or NULL */
        char *const *env_files;
};

#endif
