/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/transfer/tags.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/document/document.h"

/* A repository with more is an endless list. */
#define PAGES_MAX 1000

static int add_tags(const json_t *document, char ***tags, struct machine_error *error)
{
        const json_t *list = json_object_get(document, "tags"), *tag;
        size_t i;

        if (list && !json_is_array(list) && !json_is_null(list)) {
                return error_say(error, EBADMSG, "the registry's list of tags is not a list");
        }
        json_array_foreach(list, i, tag)
        {
                _cleanup_free_ char *printable =
                        string_printable(json_is_string(tag) ? json_string_value(tag) : "");

                if (!printable || strv_append(tags, printable) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

/* The address of the next page, of "Link: <ADDRESS>; rel="next"" (RFC 8288). NULL at the end. */
static char *next_page(const struct transfer *transfer)
{
        const char *link = transfer->link;
        _cleanup_free_ char *address = NULL;

        if (!link || *link != '<' || !strstr(link, "rel=\"next\"")) {
                return NULL;
        }
        address = strndup(link + 1, strcspn(link + 1, ">"));
        return address ? connection_resolve(transfer->url, address) : NULL;
}

static int endless(struct machine_error *error)
{
        return error_say(error, EFBIG, "the registry's list of tags does not end");
}

static int fetch_page(struct registry *registry, char **page, char ***tags,
                      struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_json_ json_t *document = NULL;
        int r;

        transfer.path = TAKE_PTR(*page);
        transfer.body_max = DOCUMENT_SIZE_MAX;
        r = transfer.path ? registry_run(registry, &transfer, error) : error_oom(error);
        if (r == 0) {
                r = document_parse(transfer.body ? transfer.body : "", transfer.body_length,
                                   "the list of tags", &document, error);
        }
        if (r == 0) {
                r = add_tags(document, tags, error);
        }
        if (r == 0) {
                *page = next_page(&transfer);
                r = string_equal(*page, transfer.url) ? endless(error) : 0;
        }
        return r;
}

int tags_list(struct registry *registry, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **tags = NULL;
        _cleanup_free_ char *page = strdup("tags/list");
        int r = page ? 0 : error_oom(error);

        for (int pages = 0; r == 0 && page; pages++) {
                r = pages < PAGES_MAX
                            ? fetch_page(registry, &page, &tags, error)
                            : error_say(error, EFBIG, "the registry's list of tags does not end");
        }
        if (r == 0) {
                *ret = TAKE_PTR(tags);
        }
        return r;
}
