/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/record_networks.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"

bool record_network_parse(const char *text, struct record_network *ret)
{
        if (sscanf(text, "%64s %45s %45s", ret->name, ret->address, ret->address6) != 3) {
                return false;
        }
        if (strcmp(ret->address, "-") == 0) {
                ret->address[0] = '\0';
        }
        if (strcmp(ret->address6, "-") == 0) {
                ret->address6[0] = '\0';
        }
        return true;
}

static const char *or_null(const char *text)
{
        return text[0] ? text : NULL;
}

static json_t *network_json(const struct record_network *network, size_t index)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *interface = string_format("eth%zu", index);

        if (!object || !interface || json_set_string(object, "name", network->name) < 0 ||
            json_set_string(object, "interface", interface) < 0 ||
            json_set_string(object, "address", or_null(network->address)) < 0 ||
            json_set_string(object, "address6", or_null(network->address6)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

json_t *record_networks_json(char *const *networks)
{
        _cleanup_json_ json_t *array = json_array();
        size_t index = 0;

        STRV_FOREACH(text, networks) {
                struct record_network network;

                if (!array || (record_network_parse(*text, &network) &&
                               json_array_append_new(array, network_json(&network, index++)) < 0)) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}
