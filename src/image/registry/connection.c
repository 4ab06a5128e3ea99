/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "image/registry/registry.h"

#define CERTIFICATES_MAX (4U << 20)

static const char *const certificate_directories[] = {
        "/etc/containers/certs.d",
        "/etc/docker/certs.d",
};

DEFINE_CLEANUP(CURLU *, curl_url_cleanup, cleanup_url)
DEFINE_CLEANUP(char *, curl_free, cleanup_curl)

static char *part_of(CURLU *url, CURLUPart part)
{
        char *text = NULL;

        return curl_url_get(url, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) ==
                               CURLUE_OK
                       ? text
                       : NULL;
}

static CURLU *parse_url(const char *text)
{
        CURLU *url = curl_url();

        if (url && curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
                curl_url_cleanup(url);
                return NULL;
        }
        return url;
}

bool connection_same_origin(const char *a, const char *b)
{
        static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
        _cleanup_(cleanup_url) CURLU *first = parse_url(a), *second = parse_url(b);

        if (!first || !second) {
                return false;
        }
        for (size_t i = 0; i < ELEMENTS_OF(parts); i++) {
                _cleanup_(cleanup_curl) char *one = part_of(first, parts[i]);
                _cleanup_(cleanup_curl) char *other = part_of(second, parts[i]);

                if (!one || !other || strcasecmp(one, other) != 0) {
                        return false;
                }
        }
        return true;
}

char *connection_resolve(const char *base, const char *relative)
{
        _cleanup_(cleanup_url) CURLU *url = parse_url(base);
        _cleanup_(cleanup_curl) char *whole = NULL;

        if (!url || curl_url_set(url, CURLUPART_URL, relative, 0) != CURLUE_OK) {
                return NULL;
        }
        /* Fragments and passwords in the server's URL are dropped. */
        (void)curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
        (void)curl_url_set(url, CURLUPART_USER, NULL, 0);
        (void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
        whole = part_of(url, CURLUPART_URL);
        return whole ? strdup(whole) : NULL;
}

/* Appends the PEM files of a host's directory to the text and sets the client certificate, unless
 * easy is NULL. */
static int read_directory(CURL *easy, const char *path, char **certificates)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;

        (void)directory_open_at(AT_FDCWD, path, &directory);
        while ((found = directory_next(directory))) {
                _cleanup_free_ char *file = string_format("%s/%s", path, found->d_name);
                _cleanup_free_ char *text = NULL;

                if (!file) {
                        return -ENOMEM;
                }
                if (easy && string_ends_with(found->d_name, ".cert")) {
                        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, file);
                } else if (easy && string_ends_with(found->d_name, ".key")) {
                        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, file);
                } else if (string_ends_with(found->d_name, ".crt")) {
                        char *joined;
                        size_t length;
                        int r = file_read_text(file, CERTIFICATES_MAX, &text, &length);

                        if (r < 0) {
                                return r;
                        }
                        joined = string_format("%s%s\n", *certificates ? *certificates : "", text);
                        if (!joined) {
                                return -ENOMEM;
                        }
                        free(*certificates);
                        *certificates = joined;
                }
        }
        return 0;
}

static int read_host(CURL *easy, const char *host, char **certificates, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(certificate_directories); i++) {
                _cleanup_free_ char *path =
                        string_format("%s/%s", certificate_directories[i], host);
                int r = path ? read_directory(easy, path, certificates) : -ENOMEM;

                if (r < 0) {
                        return error_set(error, r, "cannot read the certificates in %s/%s",
                                         certificate_directories[i], host);
                }
        }
        return 0;
}

/* In addition to the system's authorities, those configured for the host are trusted, and those for
 * the registry that led to it: its token server and storage often have certificates of the same
 * authority. */
static int set_certificates(CURL *easy, const char *host, const char *registry,
                            struct machine_error *error)
{
        _cleanup_free_ char *certificates = NULL, *system = NULL, *all = NULL;
        const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
        struct curl_blob blob = { .flags = CURL_BLOB_COPY };
        int r = read_host(easy, host, &certificates, error);

        if (r == 0 && !string_equal(host, registry)) {
                r = read_host(NULL, registry, &certificates, error);
        }
        if (r < 0) {
                return r;
        }
        if (!certificates) {
                return 0;
        }
        if (version->cainfo) {
                (void)file_read(AT_FDCWD, version->cainfo, CERTIFICATES_MAX, &system, NULL);
        }
        all = string_format("%s\n%s", system ? system : "", certificates);
        if (!all) {
                return error_oom(error);
        }
        blob.data = all;
        blob.len = strlen(all);
        return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK ? 0
                                                                              : error_oom(error);
}

/* "HOST" or "HOST:PORT" as in the URL. */
static char *host_of(const char *text)
{
        const char *start = strstr(text, "://");

        start = start ? start + 3 : text;
        return strndup(start, strcspn(start, "/?#"));
}

int connection_set_up(CURL *easy, const char *url, const char *registry,
                      struct machine_error *error)
{
        _cleanup_free_ char *host = host_of(url);
        const char *protocols = string_after(url, "http://") ? "http" : "https";

        if (!host) {
                return error_oom(error);
        }
        if (strchr(host, '@') || strstr(host, "..")) {
                return error_say(error, EINVAL, "the server's address is invalid");
        }
        /* Redirections are followed by hand: each request decides anew which headers to send. */
        if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 30L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 60L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L * 1024) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_USERAGENT, "machinectl-lite") != CURLE_OK) {
                return error_say(error, EINVAL, "cannot use the address %s", url);
        }
        return *protocols && protocols[4] == 's' ? set_certificates(easy, host, registry, error)
                                                 : 0;
}
