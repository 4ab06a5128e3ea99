/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/keys.h"

#include <limits.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/json.h"
#include "base/rights/trust.h"
#include "base/strings.h"

#define KEY_SIZE_MAX (1U << 20)

int base64_decode(const char *text, size_t length, char **ret, size_t *ret_length)
{
        _cleanup_free_ char *data = NULL;
        size_t padding = length >= 1 && text[length - 1] == '=';
        int n;

        padding += length >= 2 && padding && text[length - 2] == '=';
        if (length > INT_MAX || length % 4 != 0) {
                return -EINVAL;
        }
        data = calloc(1, length / 4 * 3 + 1);
        if (!data) {
                return -ENOMEM;
        }
        n = EVP_DecodeBlock((unsigned char *)data, (const unsigned char *)text, (int)length);
        /* The padding is decoded as zeros. */
        if (n < 0 || (size_t)n < padding) {
                return -EINVAL;
        }
        data[(size_t)n - padding] = '\0';
        *ret_length = (size_t)n - padding;
        *ret = TAKE_PTR(data);
        return 0;
}

static const struct {
        const char *name;
        bool list;
        bool path;
} sources[] = {
        { "keyPath", false, true },
        { "keyPaths", true, true },
        { "keyData", false, false },
        { "keyDatas", true, false },
};

static bool is_list_of_strings(const json_t *value)
{
        const json_t *item;
        size_t i;

        json_array_foreach(value, i, item)
        {
                if (!json_is_string(item)) {
                        return false;
                }
        }
        return json_array_size(value) > 0;
}

int keys_check(const json_t *requirement, bool datas, struct machine_error *error)
{
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
                const json_t *value = json_object_get(requirement, sources[i].name);

                count += value != NULL;
                if (value &&
                    !(sources[i].list ? is_list_of_strings(value) : json_is_string(value))) {
                        return error_say(error, EINVAL, "\"%s\" must be a %s", sources[i].name,
                                         sources[i].list ? "list of strings" : "string");
                }
        }
        return count == 1 ? 0
                          : error_say(error, EINVAL,
                                      "exactly one of keyPath, keyPaths%s keyData is required",
                                      datas ? ", keyDatas and" : " and");
}

void keys_clear(struct keys *keys)
{
        for (size_t i = 0; i < keys->count; i++) {
                free(keys->items[i].data);
                free(keys->items[i].what);
        }
        free(keys->items);
        *keys = (struct keys){ 0 };
}

static int read_key(const char *text, bool path, struct key *key, struct machine_error *error)
{
        int r;

        key->what = strdup(path ? text : "keyData");
        if (!key->what) {
                return error_oom(error);
        }
        if (path) {
                return trust_read(text, 0, "the key", KEY_SIZE_MAX, &key->data, &key->length,
                                  error);
        }
        r = base64_decode(text, strlen(text), &key->data, &key->length);
        return r < 0 ? error_say(error, r, "the key in the policy is not base64") : 0;
}

int keys_read(const json_t *requirement, struct keys *ret, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTS_OF(sources); i++) {
                json_t *value = json_object_get(requirement, sources[i].name);
                size_t count = sources[i].list ? json_array_size(value) : 1;

                if (!value) {
                        continue;
                }
                ret->items = calloc(count, sizeof *ret->items);
                for (size_t k = 0; r == 0 && ret->items && k < count; k++) {
                        ret->count++;
                        r = read_key(json_string_value(sources[i].list ? json_array_get(value, k)
                                                                       : value),
                                     sources[i].path, &ret->items[k], error);
                }
                return ret->items ? r : error_oom(error);
        }
        return error_say(error, EINVAL, "the requirement names no key");
}
