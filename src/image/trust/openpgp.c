/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/openpgp.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/command.h"
#include "base/strings.h"

#define ARMOR_BEGIN   "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define ARMOR_END     "\n-----END PGP PUBLIC KEY BLOCK-----"
#define STATUS_PREFIX "[GNUPG:] "
#define SIGNED_MAX    (4U << 20)

/* ---- Keys ---- */

/* Appends the lines of base64 without their ends; the checksum, "=XXXX", ends them. */
static size_t join_lines(const char *text, const char *end, char *ret)
{
        size_t length = 0;

        while (text < end) {
                size_t line = strcspn(text, "\r\n");

                if (text + line > end || (line == 5 && *text == '=')) {
                        break;
                }
                memcpy(ret + length, text, line);
                length += line;
                text += line;
                text += strspn(text, "\r\n");
        }
        return length;
}

int openpgp_dearmor(const char *text, size_t length, char **ret, size_t *ret_length)
{
        const char *begin = memmem(text, length, ARMOR_BEGIN, strlen(ARMOR_BEGIN)), *end, *body;
        _cleanup_free_ char *joined = NULL;

        if (!begin) {
                *ret = calloc(1, length + 1);
                if (*ret) {
                        memcpy(*ret, text, length);
                        *ret_length = length;
                }
                return *ret ? 0 : -ENOMEM;
        }
        /* The text is NUL-terminated. Headers end with an empty line. */
        body = strstr(begin, "\n\n") ? strstr(begin, "\n\n") : strstr(begin, "\n\r\n");
        end = strstr(begin, ARMOR_END);
        joined = malloc(length + 1);
        if (!joined) {
                return -ENOMEM;
        }
        if (!body || !end || body > end) {
                return -EINVAL;
        }
        body += strspn(body, "\r\n");
        return base64_decode(joined, join_lines(body, end, joined), ret, ret_length);
}

/* A file that holds all keys, as gpgv expects them: binary packets one after another. */
static int make_keyring(const struct keys *keys, int *ret, struct machine_error *error)
{
        _cleanup_close_ int fd = memfd_create("keys", MFD_CLOEXEC);
        int r = fd < 0 ? -errno : 0;

        for (size_t i = 0; r == 0 && i < keys->count; i++) {
                const struct key *key = &keys->items[i];
                _cleanup_free_ char *plain = NULL;
                size_t length;

                r = openpgp_dearmor(key->data, key->length, &plain, &length);
                /* Bit 7 is set in the first octet of each packet (RFC 4880, section 4.2). */
                if (r == -EINVAL || (r == 0 && (length == 0 || !(plain[0] & 0x80)))) {
                        return error_say(error, EINVAL, "%s is not an OpenPGP key", key->what);
                }
                r = r == 0 ? file_write_all(fd, plain, length) : r;
        }
        if (r == 0 && (fchmod(fd, 0444) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
                r = -errno;
        }
        if (r < 0) {
                return error_set(error, r, "cannot prepare the keys for gpgv");
        }
        *ret = TAKE_FD(fd);
        return 0;
}

/* ---- Verification ---- */

/* What gpgv reports, counted. See doc/DETAILS of GnuPG. */
struct report {
        unsigned int signatures, good, valid, texts, bad;
        bool no_key;
};

static void take_status(const char *line, struct report *report)
{
        static const char *const bad[] = { "BADSIG",    "ERRSIG",     "EXPSIG",
                                           "EXPKEYSIG", "REVKEYSIG",  "NO_PUBKEY",
                                           "NODATA",    "UNEXPECTED", "FAILURE" };
        const char *word = string_after(line, STATUS_PREFIX);
        size_t length = word ? strcspn(word, " ") : 0;

        for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
                report->bad += length == strlen(bad[i]) && strncmp(word, bad[i], length) == 0;
        }
        if (word) {
                report->signatures += string_after(word, "NEWSIG") != NULL;
                report->good += string_after(word, "GOODSIG ") != NULL;
                report->valid += string_after(word, "VALIDSIG ") != NULL;
                report->texts += string_after(word, "PLAINTEXT ") != NULL;
                report->no_key = report->no_key || string_after(word, "NO_PUBKEY ");
        }
}

static int judge(const char *status, int exit_status, struct machine_error *error)
{
        _cleanup_strv_ char **lines = NULL;
        struct report report = { 0 };

        if (strv_split(status, '\n', &lines) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(line, lines) {
                take_status(*line, &report);
        }
        if (exit_status == 0 && report.bad == 0 && report.signatures == 1 && report.good == 1 &&
            report.valid == 1 && report.texts == 1) {
                return 0;
        }
        return error_say(error, EKEYREJECTED, "%s",
                         report.no_key ? "a signature was made with a key that is not accepted"
                                       : "a signature is not valid");
}

static int read_back(int fd, char **ret, size_t *ret_length)
{
        return lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, SIGNED_MAX, ret, ret_length);
}

/* gpgv's exit status is not enough: it accepts signatures of expired keys. */
static int run(int keyring, int message, int status, int text, struct machine_error *error)
{
        static const char *const arguments[] = {
                "gpgv",      "--quiet",   "--homedir",   "/nonexistent",
                "--keyring", "/dev/fd/3", "--status-fd", "4",
                "--output",  "-",         "-",           NULL
        };
        static char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                                             NULL };
        const int descriptors[] = { keyring, status };
        const struct command command = {
                .arguments = arguments,
                .environment = environment,
                .directory = "/",
                .uid = command_pick_user(),
                .input = message,
                .output = text,
                .descriptors = descriptors,
                .descriptor_count = ELEMENTS_OF(descriptors),
                .confined = true,
        };

        return command_run(&command, NULL, error);
}

int openpgp_verify(const struct keys *keys, const char *message, size_t length, char **ret,
                   size_t *ret_length, struct machine_error *error)
{
        _cleanup_close_ int keyring = -EBADF, status = memfd_create("status", MFD_CLOEXEC);
        _cleanup_close_ int text = memfd_create("text", MFD_CLOEXEC);
        _cleanup_close_ int input = file_sealed("signature", message, length);
        _cleanup_error_ struct machine_error said = MACHINE_ERROR_INIT;
        _cleanup_free_ char *report = NULL;
        int r, exit_status;

        if (status < 0 || text < 0 || input < 0) {
                return error_set(error, ENOMEM, "cannot run gpgv");
        }
        r = make_keyring(keys, &keyring, error);
        if (r < 0) {
                return r;
        }
        exit_status = run(keyring, input, status, text, &said);
        if (exit_status < 0 || said.number == ENOENT) {
                error_move(error, &said);
                return exit_status < 0 ? exit_status : -ENOENT;
        }
        r = read_back(status, &report, NULL);
        if (r == 0) {
                r = judge(report, exit_status, error);
        }
        if (r < 0) {
                return r == -EKEYREJECTED ? r : error_wrap(error, r, "cannot read from gpgv");
        }
        r = read_back(text, ret, ret_length);
        return r < 0 ? error_set(error, r, "cannot read what was signed") : 0;
}
