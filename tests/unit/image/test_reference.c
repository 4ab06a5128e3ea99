/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/digest.h"
#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void accepts(const char *text, const char *full)
{
        _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
        _cleanup_free_ char *formatted = NULL;

        assert_int_equal(image_reference_parse(text, &reference, NULL), 0);
        formatted = image_reference_format(&reference);
        assert_string_equal(formatted, full);
}

static void refuses(const char *text, const char *reason)
{
        struct image_reference reference = IMAGE_REFERENCE_INIT;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(image_reference_parse(text, &reference, &error), -EINVAL);
        assert_non_null(strstr(error.message, reason));
}

static void test_defaults(void **state)
{
        accepts("nginx", "docker.io/library/nginx:latest");
        accepts("nginx:1.27", "docker.io/library/nginx:1.27");
        accepts("grafana/grafana", "docker.io/grafana/grafana:latest");
        accepts("index.docker.io/nginx", "docker.io/library/nginx:latest");
        accepts("docker.io/a/b/c", "docker.io/a/b/c:latest");
}

static void test_domains(void **state)
{
        accepts("localhost/x", "localhost/x:latest");
        accepts("localhost:5000/x:y", "localhost:5000/x:y");
        accepts("ghcr.io/a/b-c/d__e", "ghcr.io/a/b-c/d__e:latest");
        accepts("[::1]:5000/x", "[::1]:5000/x:latest");
        accepts("host/x", "docker.io/host/x:latest");
        refuses("host:99999/x", "host name");
        refuses("-a.b/x", "host name");
        refuses("a..b/x", "host name");
}

static void test_digests(void **state)
{
        accepts("nginx@sha256:" HEX, "docker.io/library/nginx@sha256:" HEX);
        accepts("nginx:1@sha256:" HEX, "docker.io/library/nginx@sha256:" HEX);
        refuses("nginx@sha256:" HEX "0", "digest");
        refuses("nginx@sha256:../../etc/passwd", "digest");
        refuses("nginx@md5:abc", "digest");
        refuses(HEX, "id");
}

static void test_names(void **state)
{
        refuses("", "no name");
        refuses("Nginx", "lower case");
        refuses("a/../b", "name");
        refuses("a//b", "name");
        refuses("a/b/", "name");
        refuses("a/_b", "name");
        refuses("a/b._c", "name");
        refuses("a/b:.tag", "tag");
        refuses("a/b:", "tag");
        refuses("a b", "name");
        refuses("a/b\033[2J", "\\x1b");
}

static void test_lengths(void **state)
{
        char text[1200];

        memset(text, 'a', sizeof text);
        text[sizeof text - 1] = '\0';
        refuses(text, "too long");
        memcpy(text, "x:", 2);
        text[2 + 128] = '\0';
        {
                _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;

                assert_int_equal(image_reference_parse(text, &reference, NULL), 0);
        }
        text[2 + 128] = 'a';
        text[2 + 129] = '\0';
        refuses(text, "tag");
        memset(text, 'a', sizeof text);
        text[256] = '\0';
        refuses(text, "255");
}

static void test_digest_text(void **state)
{
        digest_text name, back;

        assert_true(digest_is_valid("sha256:" HEX));
        assert_false(digest_is_valid("sha256:" HEX "/"));
        assert_true(digest_is_valid("sha512:" HEX HEX));
        assert_false(digest_is_valid("sha512:" HEX));
        assert_false(digest_is_valid("sha256:" HEX HEX));
        assert_false(digest_is_valid("sha384:" HEX));
        assert_false(digest_is_valid("sha512:" HEX));
        assert_false(digest_is_valid(NULL));
        digest_file_name("sha256:" HEX, name);
        assert_string_equal(name, "sha256-" HEX);
        assert_true(digest_from_file_name(name, back));
        assert_string_equal(back, "sha256:" HEX);
        assert_false(digest_from_file_name("sha256-xyz", back));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults), cmocka_unit_test(test_domains),
                cmocka_unit_test(test_digests),  cmocka_unit_test(test_names),
                cmocka_unit_test(test_lengths),  cmocka_unit_test(test_digest_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
