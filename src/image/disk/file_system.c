/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/disk/file_system.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tool/tool.h"
#include "image/digest.h"

static const char tree_place[] = TOOL_PLACE "/tree";
static const char image_place[] = TOOL_PLACE "/image";
static const char hashes_place[] = TOOL_PLACE "/hashes";

static int make_erofs(const struct tool_file *files, const char *const *environment,
                      const struct fingerprint *fingerprint, struct machine_error *error)
{
        static const struct tool tool = { "mkfs.erofs", "erofs-utils" };
        uuid_text id;
        const char *const arguments[] = { "--quiet",   "-zlz4hc",  "-U", id,
                                          image_place, tree_place, NULL };
        const struct tool_run run = { &tool, arguments, environment, NULL, files };
        int r = fingerprint_derive(fingerprint, "file system", id);

        return r < 0 ? error_set(error, r, "cannot derive a UUID")
                     : tool_succeed(&run, NULL, error);
}

static int make_squashfs(const struct tool_file *files, const char *const *environment,
                         const struct fingerprint *fingerprint, struct machine_error *error)
{
        static const struct tool tool = { "mksquashfs", "squashfs-tools" };
        static const char *const arguments[] = { tree_place,     image_place, "-noappend", "-quiet",
                                                 "-no-progress", "-comp",     "zstd",      NULL };
        const struct tool_run run = { &tool, arguments, environment, NULL, files };

        (void)fingerprint; /* squashfs has no UUID */
        return tool_succeed(&run, NULL, error);
}

int file_system_make(int tree_fd, enum image_format format, const struct fingerprint *fingerprint,
                     const struct part *target, struct machine_error *error)
{
        static int (*const makers[IMAGE_FORMATS])(
                const struct tool_file *files, const char *const *environment,
                const struct fingerprint *fingerprint, struct machine_error *error) = {
                [IMAGE_FORMAT_EROFS] = make_erofs,
                [IMAGE_FORMAT_SQUASHFS] = make_squashfs,
                [IMAGE_FORMAT_RAW] = make_erofs,
        };
        const struct tool_file files[] = {
                { "tree", tree_fd, false },
                { "image", target->fd, true },
                { 0 },
        };
        _cleanup_free_ char *epoch =
                string_format("SOURCE_DATE_EPOCH=%" PRId64, fingerprint->epoch);
        const char *const environment[] = { epoch, NULL };

        return epoch ? makers[format](files, environment, fingerprint, error) : error_oom(error);
}

/* "Root hash:      \t253e3aed..": of what else veritysetup prints, nothing is needed. */
static int read_root_hash(const char *output, char *ret)
{
        const char *line = strstr(output, "Root hash:");
        char digits[DIGEST_HEX_LENGTH + 1];

        if (!line || sscanf(line, "Root hash: %64[0-9a-f]", digits) != 1 ||
            strlen(digits) != DIGEST_HEX_LENGTH) {
                return -EPROTO;
        }
        memcpy(ret, digits, sizeof digits);
        return 0;
}

int file_system_hash(const struct part *data, const struct fingerprint *fingerprint,
                     const struct part *tree, char *ret_root_hash, struct machine_error *error)
{
        static const struct tool tool = { "veritysetup", "cryptsetup-bin" };
        digest_text salt;
        uuid_text id;
        const char *const arguments[] = { "format", "--hash", "sha256",    "--salt",     salt,
                                          "--uuid", id,       image_place, hashes_place, NULL };
        const struct tool_file files[] = {
                { "image", data->fd, false },
                { "hashes", tree->fd, true },
                { 0 },
        };
        const struct tool_run run = { &tool, arguments, NULL, NULL, files };
        _cleanup_free_ char *output = NULL;
        int r = fingerprint_derive(fingerprint, "hash tree", id);

        if (r == 0) {
                r = fingerprint_derive_salt(fingerprint, salt);
        }
        if (r < 0) {
                return error_set(error, r, "cannot derive a UUID");
        }
        r = tool_succeed(&run, &output, error);
        if (r < 0) {
                return r;
        }
        r = read_root_hash(output, ret_root_hash);
        return r < 0 ? error_say(error, EPROTO, "veritysetup has told no root hash") : 0;
}
