/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/network.h>

#include "config/kind.h"

#define AT(member) .offset = offsetof(struct network_definition, member)

/* The format of .network files. */
static const struct config_key network_keys[] = {
        { .name = "bridge",
          .kind = &config_kind_interface,
          AT(bridge),
          .help = "The bridge interface. One that exists is used and left, else it is made on "
                  "first "
                  "use and removed with the last machine.",
          .example = "\"br-backend\"",
          .default_text = "made from the network's name" },
        { .name = "subnet",
          .kind = &config_kind_subnet,
          AT(subnet),
          .help = "The IPv4 addresses of the network.",
          .example = "\"10.89.0.0/24\"" },
        { .name = "subnet6",
          .kind = &config_kind_subnet6,
          AT(subnet6),
          .help = "The IPv6 addresses of the network.",
          .example = "\"fd00:89::/64\"" },
        { .name = "gateway",
          .kind = &config_kind_address,
          AT(gateway),
          .help = "The bridge's own IPv4 address.",
          .example = "\"10.89.0.1\"",
          .default_text = "the first of subnet" },
        { .name = "gateway6",
          .kind = &config_kind_address6,
          AT(gateway6),
          .help = "The bridge's own IPv6 address.",
          .example = "\"fd00:89::1\"",
          .default_text = "the first of subnet6" },
        { .name = "mtu",
          .kind = &config_kind_number,
          AT(mtu),
          .minimum = 68,
          .maximum = 65535,
          .help = "The largest packet.",
          .example = "1400",
          .default_text = "that of the host's default route" },
        { .name = "internal",
          .kind = &config_kind_boolean,
          AT(internal),
          .help = "Whether the network has no way out.",
          .example = "true",
          .default_text = "false" },
        { .name = "isolated",
          .kind = &config_kind_boolean,
          AT(isolated),
          .help = "Whether its machines cannot reach each other.",
          .example = "true",
          .default_text = "false" },
};

const struct config_table config_network_table = {
        .name = "network",
        .keys = network_keys,
        .count = ELEMENTS_OF(network_keys),
        .size = sizeof(struct network_definition),
};
