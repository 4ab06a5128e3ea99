/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/volume.h>

#include "config/kinds/kind.h"

#define AT(member) .offset = offsetof(struct volume_definition, member)

/* The format of .volume files. */
static const struct config_key volume_keys[] = {
        { .name = "size",
          .kind = &config_kind_size,
          .change = CONFIG_CHANGE_RESTART,
          AT(size),
          .minimum = 4096,
          .help = "The maximum size of the volume's files. It is a project quota, which the file "
                  "system of the state directory must support, and which only root can set. A "
                  "volume that was made without a size cannot get one.",
          .example = "\"10G\"" },
        { .name = "owner",
          .kind = &config_kind_owner,
          .change = CONFIG_CHANGE_LIVE,
          AT(owner),
          .help = "The owner and group of the volume's top directory when it is made, as ids in "
                  "the machine.",
          .example = "\"999:999\"",
          .default_text = "as the directory in the machine's root" },
        { .name = "labels",
          .kind = &config_kind_labels,
          .change = CONFIG_CHANGE_LIVE,
          AT(labels),
          .help = "Labels of the volume.",
          .example = "[ \"team=web\" ]" },
};

const struct config_table config_volume_table = {
        .name = "volume",
        .keys = volume_keys,
        .count = ELEMENTS_OF(volume_keys),
        .size = sizeof(struct volume_definition),
};
