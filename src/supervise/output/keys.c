/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/output/keys.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/quantity.h"
#include "base/strings.h"

#define CONTROL(letter) ((letter)&0x1f)

struct keys keys_usual(void)
{
        return (struct keys){
                .sequence = { CONTROL(']'), CONTROL(']'), CONTROL(']') },
                .count = 3,
                .window = USEC_PER_SEC,
        };
}

/* One key of a sequence; *text moves behind it. */
static int parse_key(const char **text)
{
        const char *rest = string_after(*text, "ctrl-");
        char key = rest ? *rest : **text;

        if (key == '\0' || key == ',' ||
            (rest && !strchr("@[\\]^_", key) && !(key >= 'a' && key <= 'z') &&
             !(key >= 'A' && key <= 'Z'))) {
                return -EINVAL;
        }
        *text = (rest ? rest : *text) + 1;
        return rest ? CONTROL(key) : (unsigned char)key;
}

int keys_parse(const char *text, struct keys *ret)
{
        struct keys keys = { .hold = true };

        while (*text) {
                int key = parse_key(&text);

                if (key < 0 || keys.count == KEYS_MAXIMUM || (*text && *text != ',') ||
                    (*text == ',' && !text[1])) {
                        return -EINVAL;
                }
                keys.sequence[keys.count++] = (char)key;
                text += *text == ',';
        }
        *ret = keys;
        return 0;
}

/* How much of the sequence is at the end of what was matched so far and this key: after two of
 * "aab", another "a" still leaves two. */
static size_t advance(const struct keys *keys, char key)
{
        for (size_t length = keys->matched + 1; length > 0; length--) {
                size_t skipped = keys->matched + 1 - length;

                if (keys->sequence[length - 1] == key &&
                    memcmp(keys->sequence, keys->sequence + skipped, length - 1) == 0) {
                        return length;
                }
        }
        return 0;
}

static bool is_late(const struct keys *keys)
{
        return keys->window > 0 && keys->matched > 0 && log_now() - keys->began > keys->window;
}

/* What can no longer belong to the sequence was meant for the program. Returns how many keys. */
static size_t put(const struct keys *keys, size_t before, size_t matched, char key, char *text)
{
        size_t count = keys->hold ? before + 1 - matched : 1;

        for (size_t i = 0; i < count; i++) {
                text[i] = keys->hold && i < before ? keys->sequence[i] : key;
        }
        return count;
}

bool keys_look(struct keys *keys, char *text, size_t *length)
{
        char typed[KEYS_CHUNK];
        size_t end = 0, count = *length;

        if (keys->count == 0) {
                return false;
        }
        memcpy(typed, text, count);
        for (size_t i = 0; i < count; i++) {
                size_t before;

                keys->matched = is_late(keys) ? 0 : keys->matched;
                before = keys->matched;
                keys->matched = advance(keys, typed[i]);
                keys->began = keys->matched == 1 ? log_now() : keys->began;
                end += put(keys, before, keys->matched, typed[i], text + end);
                if (keys->matched == keys->count) {
                        *length = end;
                        return true;
                }
        }
        *length = end;
        return false;
}
