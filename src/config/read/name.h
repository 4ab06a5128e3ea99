/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_NAME_H
#define CONFIG_READ_NAME_H

#include <stdbool.h>

/** What names look like, for hints. */
#define CONFIG_NAME_RULE                                                                        \
        "letters, digits, \"_\", \"-\" and \".\", a letter or digit first, at most 64, and no " \
        "\".machine\", \".network\", \".volume\" or \".pod\" at the end"

/** Whether text can name a network, a volume or a drop-in: letters, digits, "_", "-" and ".", a
 * letter or digit first, at most 64 characters. */
bool config_name_is_valid(const char *text);

/** Whether text can name a machine: such a name or, for an instance of a template,
 * "TEMPLATE@INSTANCE", at most 64 characters. */
bool config_machine_name_is_valid(const char *text);

/** Whether text names a template: a name that ends with "@". */
bool config_name_is_template(const char *text);

#endif
