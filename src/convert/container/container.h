/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_CONTAINER_CONTAINER_H
#define CONVERT_CONTAINER_CONTAINER_H

#include <stdint.h>

#include "convert/model/model.h"

/**
 * A container as the options of `podman run` and `docker run` describe it. Compose files and
 * Quadlets say the same things in other words: their readers use these options.
 */

struct container_alias {
        struct convert_place place; /* its name is the alias */
        bool of_first;              /* in the first network alone */
};

/** A network that the container joins besides the first one. */
struct container_link {
        json_t *settings; /* an element of `networks` */
        struct convert_place place;
};

struct container {
        struct conversion *conversion;
        const char *directory; /* that paths are relative to */
        char **entrypoint;
        char **arguments;
        uint64_t memory; /* 0: none */
        uint64_t memory_and_swap;
        uint64_t cpu_quota;
        uint64_t cpu_period;
        struct container_alias *aliases; /* other names on its networks */
        size_t alias_count;
        size_t networks;              /* that it has joined */
        struct container_link *links; /* those after the first */
        size_t link_count;
        bool in_link; /* options are of the last of these */
        bool entrypoint_given;
        bool init;
        bool swap_unlimited;
        bool restarts; /* after each exit, as often as necessary */
};

struct container_option {
        const char *name; /* "publish" */
        char letter;
        bool flag; /* takes a value only after "=" */
        void (*take)(struct container *container, const struct container_option *option,
                     const char *value);
        const char *key;  /* of the format */
        const char *text; /* why it is lost, or what differs */
};

/** The option of a name, without dashes, or of a letter (name NULL). NULL: unknown. */
const struct container_option *container_option_find(const char *name, char letter);

/** Applies an option by its name, whose value may be NULL for a flag. */
void container_take(struct container *container, const char *name, const char *value);

/** Applies options and arguments from a command line: options, the image, the command. The place is
 * that of the first word. */
void container_take_words(struct container *container, const char *file, unsigned int line,
                          char *const *words);

/** The same for options alone, as in PodmanArgs=. */
void container_take_options(struct container *container, const char *file, unsigned int line,
                            char *const *words);

/** Derives what depends on several options, once all have been taken. */
void container_finish(struct container *container);

void container_clear(struct container *container);
#define _cleanup_container_ _cleanup_(container_clear)

/** Puts the machine on a network, whose file is made unless it is there or defined elsewhere.
 * Returns whether it is, which it is not twice. */
bool container_join(struct container *container, const char *network, bool elsewhere);

/** Sets an option of the network that the machine has joined last: "network-alias", "ip", "ip6" or
 * "mac-address". */
void container_take_of_network(struct container *container, const char *option, const char *value);

/** A reference as in docker and podman, where "nginx" is docker.io/library/nginx. NULL if memory is
 * short. */
char *container_image(const char *reference);

/** Makes a command for a shell. */
void container_shell_command(struct conversion *conversion, const char *key, const char *command);

#endif
