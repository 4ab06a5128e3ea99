/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/document/platform.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/strings.h"

/* The names that uname(2) and images use for an architecture. */
static const struct {
        const char *machine;
        const char *architecture;
        const char *variant;
} architectures[] = {
        { "x86_64", "amd64", NULL },    { "i386", "386", NULL },
        { "i686", "386", NULL },        { "aarch64", "arm64", "v8" },
        { "armv8l", "arm", "v8" },      { "armv7l", "arm", "v7" },
        { "armv6l", "arm", "v6" },      { "armv5tel", "arm", "v5" },
        { "ppc64le", "ppc64le", NULL }, { "s390x", "s390x", NULL },
        { "riscv64", "riscv64", NULL }, { "loongarch64", "loong64", NULL },
        { "mips64", "mips64le", NULL },
};

void platform_clear(struct platform *platform)
{
        free(platform->os);
        free(platform->architecture);
        free(platform->variant);
        *platform = (struct platform)PLATFORM_INIT;
}

/* The x86-64 micro-architecture level (x86-64 psABI); NULL on other processors. */
static const char *processor_variant(void)
{
#if defined(__x86_64__) && defined(__clang__)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? "v3" : "v1";
#elif defined(__x86_64__)
        if (__builtin_cpu_supports("x86-64-v4")) {
                return "v4";
        }
        if (__builtin_cpu_supports("x86-64-v3")) {
                return "v3";
        }
        return __builtin_cpu_supports("x86-64-v2") ? "v2" : "v1";
#else
        return NULL;
#endif
}

static int fill(struct platform *ret, const char *os, const char *architecture, const char *variant,
                struct machine_error *error)
{
        _cleanup_platform_ struct platform platform = PLATFORM_INIT;

        if (string_replace(&platform.os, os) < 0 ||
            string_replace(&platform.architecture, architecture) < 0 ||
            string_replace(&platform.variant, variant) < 0) {
                return error_oom(error);
        }
        *ret = platform;
        platform = (struct platform)PLATFORM_INIT;
        return 0;
}

int platform_host(struct platform *ret, struct machine_error *error)
{
        struct utsname name;

        if (uname(&name) < 0) {
                return error_set(error, errno, "cannot find out the architecture of this host");
        }
        for (size_t i = 0; i < ELEMENTS_OF(architectures); i++) {
                const char *variant = architectures[i].variant;

                if (strcmp(architectures[i].machine, name.machine) != 0) {
                        continue;
                }
                if (strcmp(architectures[i].architecture, "amd64") == 0) {
                        variant = processor_variant();
                }
                return fill(ret, "linux", architectures[i].architecture, variant, error);
        }
        return fill(ret, "linux", name.machine, NULL, error);
}

int platform_parse(const char *text, struct platform *ret, struct machine_error *error)
{
        _cleanup_strv_ char **parts = NULL;
        size_t count;

        if (strv_split(text, '/', &parts) < 0) {
                return error_oom(error);
        }
        count = strv_length(parts);
        STRV_FOREACH(part, parts) {
                if (**part == '\0' ||
                    strspn(*part, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(*part)) {
                        count = 0;
                }
        }
        if (count == 1) {
                return fill(ret, "linux", parts[0], NULL, error);
        }
        if (count == 2 || count == 3) {
                return fill(ret, parts[0], parts[1], count == 3 ? parts[2] : NULL, error);
        }
        error_say(error, EINVAL,
                  "\"%s\" is not a platform such as \"linux/arm64/v8\", \"linux/amd64\" or "
                  "\"arm64\"",
                  text);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* 7 for "v7"; 0 for anything else. */
static unsigned int variant_number(const char *variant)
{
        return variant && variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' &&
                               variant[2] == '\0'
                       ? (unsigned int)(variant[1] - '0')
                       : 0;
}

static const char *plain(const char *variant)
{
        return variant && *variant ? variant : NULL;
}

unsigned int platform_match(const struct platform *wanted, const char *os, const char *architecture,
                            const char *variant)
{
        const char *asked = plain(wanted->variant);
        unsigned int best, has;

        variant = plain(variant);
        if (!string_equal(wanted->os, os) || !string_equal(wanted->architecture, architecture)) {
                return 0;
        }
        if (string_equal(asked, variant)) {
                return 100;
        }
        if (!variant) {
                return 1;
        }
        if (!asked) {
                /* The baseline that every processor of the architecture supports. */
                return (strcmp(architecture, "amd64") == 0 && strcmp(variant, "v1") == 0) ||
                                       (strcmp(architecture, "arm64") == 0 &&
                                        strcmp(variant, "v8") == 0)
                               ? 99
                               : 0;
        }
        best = variant_number(asked);
        has = variant_number(variant);
        if (has == 0 || best == 0 || has > best || (strcmp(architecture, "arm") == 0 && has < 5)) {
                return 0;
        }
        return 1 + has;
}

char *platform_format(const struct platform *platform)
{
        return string_format("%s/%s%s%s", platform->os, platform->architecture,
                             platform->variant ? "/" : "",
                             platform->variant ? platform->variant : "");
}
