/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/format.h"

#include <errno.h>
#include <stddef.h>

#include "base/strings.h"
#include "base/tool/tool.h"

#define TOOLS_MAXIMUM 4

static const struct {
        const char *name;
        struct tool tools[2];
} formats[IMAGE_FORMATS] = {
        [IMAGE_FORMAT_EROFS] = { "erofs", { { "mkfs.erofs", "erofs-utils" } } },
        [IMAGE_FORMAT_SQUASHFS] = { "squashfs", { { "mksquashfs", "squashfs-tools" } } },
        [IMAGE_FORMAT_RAW] = { "raw", { { "mkfs.erofs", "erofs-utils" }, { "sfdisk", "fdisk" } } },
};

static const struct tool verity_tool = { "veritysetup", "cryptsetup-bin" };

bool image_format_find(const char *name, enum image_format *ret)
{
        for (int i = 0; i < IMAGE_FORMATS; i++) {
                if (string_equal(name, formats[i].name)) {
                        *ret = (enum image_format)i;
                        return true;
                }
        }
        return false;
}

int image_format_check(enum image_format format, bool verity, struct machine_error *error)
{
        const struct tool *tools[TOOLS_MAXIMUM] = { NULL };
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTS_OF(formats[format].tools); i++) {
                if (formats[format].tools[i].name) {
                        tools[count++] = &formats[format].tools[i];
                }
        }
        if (verity) {
                tools[count] = &verity_tool;
        }
        return tool_check(tools, "make the image", error);
}

const char *image_format_architecture(const char *architecture)
{
        static const char *const names[][2] = {
                { "386", "x86" },       { "amd64", "x86-64" },        { "arm", "arm" },
                { "arm64", "arm64" },   { "loong64", "loongarch64" }, { "mips", "mips" },
                { "mips64", "mips64" }, { "mips64le", "mips64-le" },  { "mipsle", "mips-le" },
                { "ppc64", "ppc64" },   { "ppc64le", "ppc64-le" },    { "riscv64", "riscv64" },
                { "s390x", "s390x" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if (string_equal(names[i][0], architecture)) {
                        return names[i][1];
                }
        }
        return NULL;
}
