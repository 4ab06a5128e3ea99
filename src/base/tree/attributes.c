/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/attributes.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/strings.h"

#define CAPABILITIES "security.capability"

/* Of all attributes of one file. The kernel bounds each value and the list of names, not the sum.
 */
#define BYTES_MAXIMUM (4U << 20)

static bool is_kept(const char *name)
{
        return string_after(name, "user.") || string_after(name, "system.posix_acl_") ||
               string_equal(name, CAPABILITIES);
}

/* Each attribute is its name with the NUL, the length of its value, and the value. */
struct bytes {
        char *data;
        size_t length;
};

static int append(struct bytes *bytes, const char *name, const void *value, uint32_t length)
{
        size_t name_length = strlen(name) + 1;
        size_t whole = bytes->length + name_length + sizeof length + length;
        char *data;

        if (whole > BYTES_MAXIMUM) {
                return -E2BIG;
        }
        data = realloc(bytes->data, whole);
        if (!data) {
                return -ENOMEM;
        }
        bytes->data = data;
        data = mempcpy(data + bytes->length, name, name_length);
        data = mempcpy(data, &length, sizeof length);
        memcpy(data, value, length);
        bytes->length = whole;
        return 0;
}

/* One that was removed after it was listed is none. */
static int append_attribute(struct bytes *bytes, int fd, const char *name)
{
        _cleanup_free_ char *value = malloc(XATTR_SIZE_MAX);
        ssize_t length;

        if (!value) {
                return -ENOMEM;
        }
        length = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
        if (length < 0) {
                return errno == ENODATA ? 0 : -errno;
        }
        return append(bytes, name, value, (uint32_t)length);
}

int attributes_get(int fd, char **ret, size_t *ret_length)
{
        _cleanup_free_ char *names = NULL;
        struct bytes bytes = { 0 };
        ssize_t length = flistxattr(fd, NULL, 0);
        int r = 0;

        if (length <= 0) {
                return length == 0 || errno == EOPNOTSUPP ? 0 : -errno;
        }
        names = malloc(XATTR_LIST_MAX);
        if (!names) {
                return -ENOMEM;
        }
        length = flistxattr(fd, names, XATTR_LIST_MAX);
        if (length < 0) {
                return -errno;
        }
        for (const char *name = names; r == 0 && name < names + length; name += strlen(name) + 1) {
                r = is_kept(name) ? append_attribute(&bytes, fd, name) : 0;
        }
        if (r < 0) {
                free(bytes.data);
                return r;
        }
        *ret = bytes.data;
        *ret_length = bytes.length;
        return 0;
}

struct attribute {
        const char *name;
        const char *value;
        uint32_t length;
};

/* Takes the next one off the bytes. 1, 0 at the end, or -EBADMSG. */
static int next(const char **bytes, size_t *left, struct attribute *ret)
{
        size_t name_length = strnlen(*bytes, *left) + 1;

        if (*left == 0) {
                return 0;
        }
        if (name_length > *left || *left - name_length < sizeof ret->length) {
                return -EBADMSG;
        }
        ret->name = *bytes;
        memcpy(&ret->length, *bytes + name_length, sizeof ret->length);
        ret->value = *bytes + name_length + sizeof ret->length;
        *left -= name_length + sizeof ret->length;
        if (ret->length > *left || !is_kept(ret->name)) {
                return -EBADMSG;
        }
        *left -= ret->length;
        *bytes = ret->value + ret->length;
        return 1;
}

int attributes_set(int fd, const char *bytes, size_t length, const char **ret_name)
{
        struct attribute attribute;
        int r, result = 0;

        while ((r = next(&bytes, &length, &attribute)) > 0) {
                if (fsetxattr(fd, attribute.name, attribute.value, attribute.length, 0) == 0) {
                        continue;
                }
                result = -errno;
                if (ret_name) {
                        *ret_name = attribute.name;
                }
                if (result != -EOPNOTSUPP) {
                        return result;
                }
        }
        return r < 0 ? r : result;
}

bool attributes_have_capabilities(const char *bytes, size_t length)
{
        struct attribute attribute;

        while (next(&bytes, &length, &attribute) > 0) {
                if (string_equal(attribute.name, CAPABILITIES)) {
                        return true;
                }
        }
        return false;
}
