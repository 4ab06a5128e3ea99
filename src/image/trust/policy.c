/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/policy.h"

#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/rights/places.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "image/trust/requirement.h"
#include "image/trust/scope.h"
#include "image/trust/strict.h"

#define POLICY_FILE     "/etc/containers/policy.json"
#define POLICY_SIZE_MAX (4U << 20)

static int check_requirements(const json_t *list, const char *scope, struct machine_error *error)
{
        const json_t *requirement;
        size_t i;
        int r = 0;

        if (!json_is_array(list) || json_array_size(list) == 0) {
                return error_say(error, EINVAL, "%s: expected a list of at least one requirement",
                                 scope);
        }
        json_array_foreach(list, i, requirement)
        {
                r = r == 0 ? requirement_check(requirement, error) : r;
        }
        if (r < 0) {
                error_prefix(error, "%s", scope);
        }
        return r;
}

static int check_transports(const json_t *transports, struct machine_error *error)
{
        const char *transport, *scope;
        json_t *scopes, *list;

        if (transports && !json_is_object(transports)) {
                return error_say(error, EINVAL, "\"transports\" is not an object");
        }
        json_object_foreach((json_t *)transports, transport, scopes)
        {
                if (!json_is_object(scopes)) {
                        return error_say(error, EINVAL, "\"%s\" is not an object", transport);
                }
                json_object_foreach(scopes, scope, list)
                {
                        _cleanup_free_ char *name = string_format("%s:%s", transport, scope);
                        int r = name ? check_requirements(list, name, error) : error_oom(error);

                        if (r < 0) {
                                return r;
                        }
                }
        }
        return 0;
}

int policy_parse(const char *text, size_t length, const char *what, json_t **ret,
                 struct machine_error *error)
{
        static const char *const keys[] = { "default", "transports", NULL };
        _cleanup_json_ json_t *policy = NULL;
        json_error_t problem;
        int r;

        policy = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
        if (!policy) {
                return error_say(error, EINVAL, "%s:%d:%d: %s", what, problem.line, problem.column,
                                 problem.text);
        }
        r = strict_check_keys(policy, keys, error);
        if (r == 0) {
                r = check_requirements(json_object_get(policy, "default"), "default", error);
        }
        if (r == 0) {
                r = check_transports(json_object_get(policy, "transports"), error);
        }
        if (r < 0) {
                error_prefix(error, "%s", what);
                return r;
        }
        *ret = TAKE_PTR(policy);
        return 0;
}

int policy_read(json_t **ret, char **ret_path, struct machine_error *error)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t length;
        int r = places_home(".config/containers/policy.json", &path, error);

        if (r < 0) {
                return r;
        }
        if (access(path, F_OK) < 0) {
                free(path);
                path = strdup(POLICY_FILE);
        }
        if (!path) {
                return error_oom(error);
        }
        *ret = NULL;
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                return 0;
        }
        r = trust_read(path, 0, "the signature policy", POLICY_SIZE_MAX, &text, &length, error);
        if (r == 0) {
                r = policy_parse(text, length, path, ret, error);
        }
        if (r == 0) {
                *ret_path = TAKE_PTR(path);
        }
        return r;
}

const json_t *policy_choose(const json_t *policy, const struct trust_subject *subject,
                            char **ret_scope)
{
        const json_t *scopes =
                json_object_get(json_object_get(policy, "transports"), subject->transport);
        const json_t *found = NULL;
        _cleanup_strv_ char **names = NULL;

        if (scope_list(subject, &names) < 0 || strv_append(&names, "") < 0) {
                return NULL;
        }
        STRV_FOREACH(name, names) {
                found = json_object_get(scopes, *name);
                if (found) {
                        *ret_scope = string_format("%s:%s", subject->transport, *name);
                        return *ret_scope ? found : NULL;
                }
        }
        *ret_scope = strdup("default");
        return *ret_scope ? json_object_get(policy, "default") : NULL;
}
