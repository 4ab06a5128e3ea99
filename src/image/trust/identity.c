/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/identity.h"

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/trust/strict.h"

/* A name in a policy or a signature. Unlike names that users write it has no default tag, and it
 * may have a tag as well as a digest. */
struct name {
        char *text; /* in full */
        char *repository;
        bool tagged;
        bool exact; /* has a tag or a digest */
};

static void name_clear(struct name *name)
{
        free(name->text);
        free(name->repository);
        *name = (struct name){ 0 };
}

#define _cleanup_name_ _cleanup_(name_clear)

/* The lengths of the repository and of the tag after it, if there is one. */
static size_t find_tag(const char *text, size_t *ret_tag)
{
        size_t before_digest = strcspn(text, "@"), repository = before_digest;

        for (size_t at = before_digest; at > 0 && text[at - 1] != '/'; at--) {
                if (text[at - 1] == ':') {
                        repository = at - 1;
                }
        }
        *ret_tag = before_digest - repository;
        return repository;
}

static bool name_parse(const char *text, struct name *ret)
{
        _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
        size_t tag, length = find_tag(text, &tag);

        if (image_reference_parse(text, &reference, NULL) < 0) {
                return false;
        }
        ret->tagged = tag > 0;
        ret->exact = ret->tagged || text[length] != '\0';
        ret->repository = string_format("%s/%s", reference.domain, reference.repository);
        ret->text = ret->repository ? string_format("%s%s", ret->repository, text + length) : NULL;
        return ret->text;
}

static bool name_of_subject(const struct trust_subject *subject, struct name *ret)
{
        const struct image_reference *reference = subject->reference;

        if (!reference) {
                return false;
        }
        ret->tagged = !reference->digest;
        ret->exact = true;
        ret->repository = string_format("%s/%s", reference->domain, reference->repository);
        ret->text = image_reference_format(reference);
        return ret->repository && ret->text;
}

/* ---- The kinds ---- */

typedef bool (*identity_match)(const json_t *identity, struct name *image,
                               const struct name *signature);

static bool match_exact(const json_t *identity, struct name *image, const struct name *signature)
{
        return signature->exact && strcmp(image->text, signature->text) == 0;
}

static bool match_repository(const json_t *identity, struct name *image,
                             const struct name *signature)
{
        return strcmp(image->repository, signature->repository) == 0;
}

static bool match_digest_or_exact(const json_t *identity, struct name *image,
                                  const struct name *signature)
{
        return image->tagged ? match_exact(identity, image, signature)
                             : signature->exact && match_repository(identity, image, signature);
}

/* The image's own name does not matter: it may be a copy of the signed one. */
static bool match_given(const json_t *identity, struct name *image, const struct name *signature)
{
        const char *reference = json_get_string(identity, "dockerReference");
        const char *repository = json_get_string(identity, "dockerRepository");
        _cleanup_name_ struct name given = { 0 };

        if (!name_parse(reference ? reference : repository, &given)) {
                return false;
        }
        return reference ? match_exact(identity, &given, signature)
                         : match_repository(identity, &given, signature);
}

/* Replaces the prefix in an owned text, if it ends at the end of a component. */
static bool remap(char **text, const char *prefix, const char *replacement)
{
        const char *rest = string_after(*text, prefix);
        char *changed;

        /* A host without a path is followed by a slash, not by the colon of its port. */
        if (!rest || (*rest != '/' && *rest != '\0' &&
                      !(strchr(prefix, '/') && (*rest == ':' || *rest == '@')))) {
                return true;
        }
        changed = string_format("%s%s", replacement, rest);
        if (!changed) {
                return false;
        }
        free(*text);
        *text = changed;
        return true;
}

static bool match_remapped(const json_t *identity, struct name *image, const struct name *signature)
{
        const char *prefix = json_get_string(identity, "prefix");
        const char *replacement = json_get_string(identity, "signedPrefix");

        return remap(&image->text, prefix, replacement) &&
               remap(&image->repository, prefix, replacement) &&
               match_digest_or_exact(identity, image, signature);
}

struct identity_kind {
        const char *type;
        const char *keys[4]; /* all of them are required */
        bool foreign;        /* the image needs no name of its own */
        identity_match match;
};

static const struct identity_kind kinds[] = {
        { "matchRepoDigestOrExact", { "type" }, false, match_digest_or_exact },
        { "matchExact", { "type" }, false, match_exact },
        { "matchRepository", { "type" }, false, match_repository },
        { "exactReference", { "type", "dockerReference" }, true, match_given },
        { "exactRepository", { "type", "dockerRepository" }, true, match_given },
        { "remapIdentity", { "type", "prefix", "signedPrefix" }, false, match_remapped },
};

static const struct identity_kind *find_kind(const json_t *identity)
{
        const char *type = identity ? json_get_string(identity, "type") : kinds[0].type;

        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                if (string_equal(kinds[i].type, type)) {
                        return &kinds[i];
                }
        }
        return NULL;
}

static int check_name(const json_t *identity, struct machine_error *error)
{
        const char *reference = json_get_string(identity, "dockerReference");
        const char *repository = json_get_string(identity, "dockerRepository");
        _cleanup_name_ struct name name = { 0 };

        if (!reference && !repository) {
                return 0;
        }
        if (!name_parse(reference ? reference : repository, &name)) {
                return error_say(error, EINVAL, "\"signedIdentity\": \"%s\" is not an image's name",
                                 reference ? reference : repository);
        }
        if (name.exact != !!reference) {
                return error_say(error, EINVAL, "\"signedIdentity\": \"%s\" must have %s",
                                 reference ? reference : repository,
                                 reference ? "a tag or a digest" : "neither tag nor digest");
        }
        return 0;
}

int identity_check(const json_t *identity, struct machine_error *error)
{
        const struct identity_kind *kind = find_kind(identity);
        int r;

        if (!kind) {
                const char *type = json_get_string(identity, "type");

                return error_say(error, EINVAL, "\"signedIdentity\" has the unknown type \"%s\"",
                                 type ? type : "");
        }
        if (!identity) {
                return 0;
        }
        r = strict_check_keys(identity, kind->keys, error);
        for (size_t i = 0; r == 0 && kind->keys[i]; i++) {
                const char *value = json_get_string(identity, kind->keys[i]);

                if (!value || !*value) {
                        r = error_say(error, EINVAL, "\"signedIdentity\" lacks \"%s\"",
                                      kind->keys[i]);
                }
        }
        return r < 0 ? r : check_name(identity, error);
}

bool identity_matches(const json_t *identity, const struct trust_subject *subject,
                      const char *signed_name)
{
        const struct identity_kind *kind = find_kind(identity);
        _cleanup_name_ struct name image = { 0 }, signature = { 0 };

        return kind && name_parse(signed_name, &signature) &&
               (kind->foreign || name_of_subject(subject, &image)) &&
               kind->match(identity, &image, &signature);
}
