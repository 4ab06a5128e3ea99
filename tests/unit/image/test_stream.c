/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "image/common/checksum.h"
#include "image/common/entries.h"
#include "image/unpack/stream.h"
#include "image/unpack/tree.h"

static void test_stream(void **state)
{
        struct stream stream;
        const uint8_t *read;
        uint8_t *block;
        size_t length;

        assert_int_equal(stream_init(&stream), 0);
        assert_int_equal(stream_free_block(&stream, &block), 0);
        memcpy(block, "abc", 3);
        stream_publish(&stream, 3);
        stream_end(&stream, -EBADMSG);
        for (unsigned int reader = 0; reader < STREAM_READERS; reader++) {
                assert_int_equal(stream_read(&stream, reader, &read, &length), 0);
                assert_int_equal(length, 3);
                assert_memory_equal(read, "abc", 3);
                stream_release(&stream, reader);
                assert_int_equal(stream_read(&stream, reader, &read, &length), -EBADMSG);
        }
        stream_abandon(&stream);
        assert_int_equal(stream_free_block(&stream, &block), -ECANCELED);
        stream_clear(&stream);
}

static void test_checksum_of_zeros(void **state)
{
        static const uint8_t zeros[4097];
        uint32_t start = checksum_add(0, "x", 1);

        for (size_t length = 0; length < sizeof zeros; length += 63) {
                assert_int_equal(checksum_add_zeros(start, length),
                                 checksum_add(start, zeros, length));
        }
        assert_int_equal(checksum_add(0, "123456789", 9), 0xcbf43926);
}

static void cleans(const char *path, const char *wanted)
{
        char clean[PATH_MAX];

        assert_int_equal(tree_clean_path(path, clean), 0);
        assert_string_equal(clean, wanted);
}

static void test_paths(void **state)
{
        char clean[PATH_MAX], name[400];

        cleans("./a//b/./c/", "a/b/c");
        cleans("../../etc/passwd", "etc/passwd");
        cleans("/a/../../b", "b");
        cleans("a/b/../../c", "c");
        cleans(".", "");
        cleans("/", "");
        cleans("..a/...", "..a/...");
        memset(name, 'n', sizeof name);
        name[256] = '\0';
        assert_int_equal(tree_clean_path(name, clean), -ENAMETOOLONG);
}

static void test_entries(void **state)
{
        const struct layer_entry entry = { .type = 'l',
                                           .mode = 0777,
                                           .uid = 1,
                                           .gid = 2,
                                           .mtime = { -5, 7 },
                                           .path = "a b%\n\xff",
                                           .target = "t x" };
        struct layer_entry back;
        char *text = NULL;
        size_t length;
        FILE *file = open_memstream(&text, &length);

        assert_int_equal(entry_write(file, &entry), 0);
        fclose(file);
        text[length - 1] = '\0';
        assert_int_equal(entry_parse(text, &back), 0);
        assert_string_equal(back.path, entry.path);
        assert_string_equal(back.target, entry.target);
        assert_int_equal(back.mtime.tv_sec, -5);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stream),
                cmocka_unit_test(test_checksum_of_zeros),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_entries),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
