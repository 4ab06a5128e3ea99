/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_RECORD_NETWORKS_H
#define STATE_RECORD_NETWORKS_H

#include <jansson.h>
#include <stdbool.h>

/** A network of a machine as its record has it: "NAME ADDRESS ADDRESS6", "-" for none. */
struct record_network {
        char name[65];
        char address[46]; /* or "" */
        char address6[46];
};

/** Reads one. Returns whether it is one. */
bool record_network_parse(const char *text, struct record_network *ret);

/** All of them, in the order of the machine's links: objects with `name`, `interface`, `address`
 * and `address6`. NULL if out of memory. */
json_t *record_networks_json(char *const *networks);

#endif
