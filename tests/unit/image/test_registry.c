/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/document/platform.h"
#include "image/registry/challenge.h"
#include "image/registry/credentials.h"
#include "image/registry/registry.h"

static void test_challenge(void **state)
{
        _cleanup_challenge_ struct challenge challenge = { 0 };

        assert_int_equal(
                challenge_parse("Basic realm=\"x\", Bearer realm=\"https://a/token\","
                                "service=\"a, \\\"b\\\"\",scope=\"repository:x:pull,push\"",
                                &challenge),
                0);
        assert_int_equal(challenge.scheme, CHALLENGE_BEARER);
        assert_string_equal(challenge.realm, "https://a/token");
        assert_string_equal(challenge.service, "a, \"b\"");
        assert_string_equal(challenge.scope, "repository:x:pull,push");
        /* A worse one does not replace it. */
        assert_int_equal(challenge_parse("BASIC realm=y", &challenge), 0);
        assert_int_equal(challenge.scheme, CHALLENGE_BEARER);
}

static void test_challenge_without_realm(void **state)
{
        _cleanup_challenge_ struct challenge challenge = { 0 };

        assert_int_equal(challenge_parse("Bearer service=x", &challenge), 0);
        assert_int_equal(challenge.scheme, CHALLENGE_NONE);
        assert_int_equal(challenge_parse("Negotiate, , \"", &challenge), 0);
        assert_int_equal(challenge.scheme, CHALLENGE_NONE);
        assert_int_equal(challenge_parse("basic", &challenge), 0);
        assert_int_equal(challenge.scheme, CHALLENGE_BASIC);
}

static void finds(const char *text, const char *domain, const char *repository, const char *user)
{
        _cleanup_credentials_ struct credentials credentials = { 0 };

        assert_int_equal(credentials_read(text, strlen(text), domain, repository, "auth.json", NULL,
                                          &credentials, NULL),
                         user ? 1 : 0);
        if (user) {
                assert_string_equal(credentials.user, user);
        }
}

/* "a:x", "b:x", "c:x" in base64. */
#define FILE_TEXT                                                                     \
        "{\"auths\":{\"r.io\":{\"auth\":\"YTp4\"},\"r.io/team\":{\"auth\":\"Yjp4\"}," \
        "\"https://index.docker.io/v1/\":{\"auth\":\"Yzp4\"}}}"

static void test_credentials(void **state)
{
        finds(FILE_TEXT, "r.io", "other/app", "a");
        finds(FILE_TEXT, "r.io", "team/app", "b");
        finds(FILE_TEXT, "r.io", "teamwork/app", "a");
        finds(FILE_TEXT, "docker.io", "library/nginx", "c");
        finds(FILE_TEXT, "r.io.evil", "team/app", NULL);
        finds(FILE_TEXT, "r.io:5000", "team/app", NULL);
}

static void test_platform(void **state)
{
        _cleanup_platform_ struct platform platform = PLATFORM_INIT;

        assert_int_equal(platform_parse("linux/arm/v7", &platform, NULL), 0);
        assert_int_not_equal(platform_match(&platform, "linux", "arm", "v7"), 0);
        assert_true(platform_match(&platform, "linux", "arm", "v6") >
                    platform_match(&platform, "linux", "arm", "v5"));
        assert_int_equal(platform_match(&platform, "linux", "arm", "v8"), 0);
        assert_int_equal(platform_match(&platform, "linux", "arm", "v4"), 0);
        assert_int_not_equal(platform_match(&platform, "linux", "arm", NULL), 0);
        assert_int_equal(platform_match(&platform, "linux", "arm64", "v7"), 0);
        assert_int_equal(platform_match(&platform, "windows", "arm", "v7"), 0);
        assert_int_equal(platform_parse("linux/../x", &platform, NULL), -EINVAL);
        assert_int_equal(platform_parse("", &platform, NULL), -EINVAL);
}

static void test_origins(void **state)
{
        _cleanup_free_ char *resolved = connection_resolve("https://a/v2/x", "//b/y#f");

        assert_true(connection_same_origin("https://a/x", "https://A:443/y"));
        assert_false(connection_same_origin("https://a", "http://a"));
        assert_false(connection_same_origin("https://a", "https://a:444"));
        assert_false(connection_same_origin("https://a", "https://a.b"));
        assert_false(connection_same_origin("https://a@b", "https://a"));
        assert_string_equal(resolved, "https://b/y");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_challenge),   cmocka_unit_test(test_challenge_without_realm),
                cmocka_unit_test(test_credentials), cmocka_unit_test(test_platform),
                cmocka_unit_test(test_origins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
