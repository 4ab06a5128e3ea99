/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/disk/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tool/tool.h"

/* Signatures of root hashes: the kernel compares them with its keyring; if it does not know who has
 * signed, openssl(1) compares them with the host's certificates, in a sandbox. */

static const struct tool openssl = { "openssl", "openssl" };

/* ---- The kernel ---- */

int signature_add_key(const struct disk_signature *signature, char ret[static SIGNATURE_KEY_BYTES])
{
        long key;

        snprintf(ret, SIGNATURE_KEY_BYTES, "machinectl-lite:%d", (int)getpid());
        key = syscall(SYS_add_key, "user", ret, signature->data, signature->size,
                      KEY_SPEC_THREAD_KEYRING);
        return key < 0 ? -errno : (int)key;
}

void signature_remove_key(int key)
{
        if (key >= 0) {
                (void)syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_THREAD_KEYRING);
        }
}

/* ---- Certificates ---- */

#define BOUNDARY "----root-hash"

/* Base64 (RFC 4648) in lines of 64 characters. The caller frees it. */
static char *encode(const char *data, size_t size)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t groups = (size + 2) / 3, at = 0;
        char *text = malloc(groups * 4 + groups / 16 + 1);

        for (size_t i = 0; text && i < groups; i++) {
                uint32_t bits = 0;

                for (size_t k = 3 * i; k < 3 * i + 3; k++) {
                        bits = bits << 8 | (k < size ? (unsigned char)data[k] : 0);
                }
                for (size_t k = 0; k < 4; k++) {
                        bool padding = 3 * i + k > size;

                        text[at++] = padding ? '=' : digits[bits >> (18 - 6 * k) & 63];
                }
                if (i % 16 == 15) {
                        text[at++] = '\n';
                }
        }
        if (text) {
                text[at] = '\0';
        }
        return text;
}

/* The hash and its signature as one message (RFC 8551, 3.5.3): the sandbox needs no file of them.
 */
static char *make_message(const struct disk_source *source)
{
        _cleanup_free_ char *signature = encode(source->signature.data, source->signature.size);

        return signature ? string_format("MIME-Version: 1.0\n"
                                         "Content-Type: multipart/signed; "
                                         "protocol=\"application/x-pkcs7-signature\"; "
                                         "boundary=\"" BOUNDARY "\"\n\n"
                                         "--" BOUNDARY "\n%s\n--" BOUNDARY "\n"
                                         "Content-Type: application/x-pkcs7-signature\n"
                                         "Content-Transfer-Encoding: base64\n\n"
                                         "%s\n--" BOUNDARY "--\n\n",
                                         source->root_hash, signature)
                         : NULL;
}

/* Whether one certificate is the signer's. Its own issuer does not matter: that it is in the
 * directory makes it trusted. */
static int try_certificate(const char *message, const char *path, struct machine_error *error)
{
        _cleanup_close_ int certificate = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        const struct tool_file files[] = {
                { .name = "certificate", .fd = certificate },
                { .name = NULL },
        };
        static const char place[] = TOOL_PLACE "/certificate";
        static const char *const arguments[] = {
                "smime",     "-verify",   "-binary", "-certfile", place,
                "-nointern", "-noverify", "-out",    "/dev/null", NULL,
        };
        const struct tool_run run = {
                .tool = &openssl,
                .arguments = arguments,
                .input = message,
                .files = files,
        };
        _cleanup_free_ char *output = NULL;
        int r;

        if (certificate < 0) {
                return error_set(error, errno, "cannot open the certificate \"%s\"", path);
        }
        r = tool_run(&run, &output, error);
        return r < 0 ? r : r == 0;
}

bool signature_has_certificates(void)
{
        glob_t found = { 0 };
        bool any = glob(SIGNATURE_CERTIFICATES, 0, NULL, &found) == 0 && found.gl_pathc > 0;

        globfree(&found);
        return any;
}

static int try_certificates(const struct disk_source *source, const glob_t *certificates,
                            char **ret, struct machine_error *error)
{
        _cleanup_free_ char *message = make_message(source);
        int r = message ? 0 : error_oom(error);

        for (size_t i = 0; r == 0 && i < certificates->gl_pathc; i++) {
                r = try_certificate(message, certificates->gl_pathv[i], error);
                if (r > 0) {
                        *ret = string_format("certificate %s", certificates->gl_pathv[i]);
                        r = *ret ? 1 : error_oom(error);
                }
        }
        return r;
}

/* by_kernel: what the kernel has said. */
static int refuse(const struct disk_source *source, size_t count, int by_kernel,
                  struct machine_error *error)
{
        char found[80];

        if (count == 0) {
                snprintf(found, sizeof found, "there is no certificate in %s", SIGNATURE_DIRECTORY);
        } else {
                snprintf(found, sizeof found, "none of the %zu certificate%s in %s", count,
                         count == 1 ? "" : "s", SIGNATURE_DIRECTORY);
        }
        error_say(
                error, EKEYREJECTED,
                "the signature of the root hash %s of the image \"%s\", %s, is not trusted: %s%s, "
                "and the kernel does not accept it (%s)",
                source->root_hash, source->image->path, source->signature.origin, found,
                count == 0 ? "" : " is the signer's", strerror(-by_kernel));
        error_hint(error,
                   "put the signer's certificate into %s, as a file in PEM format with the ending "
                   ".crt, or get the image with the signature that belongs to it",
                   SIGNATURE_DIRECTORY);
        return -EKEYREJECTED;
}

int signature_check(const struct disk_source *source, int by_kernel, char **ret,
                    struct machine_error *error)
{
        static const struct tool *const tools[] = { &openssl, NULL };
        glob_t found = { 0 };
        size_t count;
        int r = glob(SIGNATURE_CERTIFICATES, 0, NULL, &found);

        count = r == 0 ? found.gl_pathc : 0;
        r = r == GLOB_NOSPACE ? error_oom(error) : 0;
        if (r == 0 && count > 0) {
                r = tool_check(tools, "check signatures of disk images", error);
        }
        if (r == 0 && count > 0) {
                r = try_certificates(source, &found, ret, error);
        }
        globfree(&found);
        if (r == 0) {
                r = refuse(source, count, by_kernel, error);
        }
        return r < 0 ? r : 0;
}
