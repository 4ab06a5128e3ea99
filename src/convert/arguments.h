/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_ARGUMENTS_H
#define CONVERT_ARGUMENTS_H

#include <stdbool.h>

/** The command line of machinectl-lite-convert. */
struct arguments {
        char **sources; /* files, directories, or one command line */
        char **profiles;
        char **env_files;
        const char *from; /* the kind of the source, or NULL */
        const char *to;   /* the kind of the result, or NULL: definitions */
        const char *out;  /* a directory, or NULL: standard output */
        const char *name;
        const char *search_path; /* of definitions that are converted back */
        bool force;              /* replace files */
        bool json;
        bool quiet;
        bool colour;
};

#endif
