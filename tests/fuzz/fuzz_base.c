/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Untrusted text as parsed by the lowest floor: quantities, signals, paths, and text for a
 * terminal. A parsed value must be printed and parsed again to the same value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/process/signal_name.h"
#include "base/quantity.h"
#include "base/strings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

static void fuzz_quantities(const char *text)
{
        uint64_t value, again;
        char printed[32];

        if (quantity_parse_size(text, &value) == 0) {
                quantity_format_size_exact(value, printed);
                require(quantity_parse_size(printed, &again) == 0 && again == value);
        }
        if (quantity_parse_time(text, &value) == 0) {
                quantity_format_time_exact(value, printed);
                require(quantity_parse_time(printed, &again) == 0 && again == value);
        }
        if (quantity_parse_number(text, &value) == 0) {
                quantity_format_size(value, printed);
                quantity_format_time(value, printed);
        }
}

static void fuzz_paths(const char *text)
{
        _cleanup_free_ char *plain = NULL, *again = NULL;

        if (path_normalize(text, &plain) == 0) {
                require(path_normalize(plain, &again) == 0 && strcmp(plain, again) == 0);
                require(path_is_below(plain, "/"));
                require(!strstr(plain, "//") && strlen(plain) <= strlen(text));
        }
}

static void fuzz_terminal(const char *text)
{
        _cleanup_free_ char *shown = string_printable(text);

        for (const char *byte = shown; shown && *byte; byte++) {
                require((unsigned char)*byte >= 0x20 && *byte != 0x7f);
        }
}

static void fuzz_arrays(const char *text)
{
        _cleanup_strv_ char **parts = NULL;
        _cleanup_free_ char *joined = NULL;

        if (strv_split(text, ':', &parts) == 0) {
                joined = strv_join(parts, ":");
                require(joined && strcmp(joined, text) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size);
        int signal = text ? signal_parse(text) : -1;
        char name[16];

        if (!text) {
                return 0;
        }
        if (signal > 0) {
                signal_name(signal, name);
                require(signal_parse(name) == signal);
        }
        fuzz_quantities(text);
        fuzz_paths(text);
        fuzz_terminal(text);
        fuzz_arrays(text);
        return 0;
}
