/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/registry/credentials.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/process/process.h"
#include "base/strings.h"

#define FILE_SIZE_MAX   (1U << 20)
#define ANSWER_SIZE_MAX (64U << 10)

/* Docker's name for its own registry. */
#define DOCKER_SERVER "https://index.docker.io/v1/"

void credentials_clear(struct credentials *credentials)
{
        if (credentials->password) {
                explicit_bzero(credentials->password, strlen(credentials->password));
        }
        free(credentials->user);
        free(credentials->password);
        free(credentials->identity_token);
        *credentials = (struct credentials){ 0 };
}

/* "auth" is base64 of "USER:PASSWORD". */
static int decode_auth(const char *text, struct credentials *ret)
{
        size_t length = strlen(text);
        _cleanup_free_ char *plain = calloc(1, length + 4);
        char *colon;
        int n;

        if (!plain) {
                return -ENOMEM;
        }
        if (length == 0 || length > FILE_SIZE_MAX) {
                return -EINVAL;
        }
        n = EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)text, (int)length);
        if (n < 0) {
                return -EINVAL;
        }
        /* The padding has been decoded as zeros. */
        plain[n] = '\0';
        colon = strchr(plain, ':');
        if (!colon) {
                return -EINVAL;
        }
        *colon = '\0';
        return string_replace(&ret->user, plain) < 0 ||
                               string_replace(&ret->password, colon + 1) < 0
                       ? -ENOMEM
                       : 0;
}

static int read_entry(const json_t *entry, const char *what, struct credentials *ret,
                      struct machine_error *error)
{
        const char *auth = json_get_string(entry, "auth");
        const char *token = json_get_string(entry, "identitytoken");
        int r = auth && *auth ? decode_auth(auth, ret) : 0;

        if (r == 0 && token && *token) {
                r = string_replace(&ret->identity_token, token);
        }
        if (r == -EINVAL) {
                return error_say(error, r, "%s: \"auth\" is not base64 of USER:PASSWORD", what);
        }
        return r < 0 ? error_oom(error) : ret->user || ret->identity_token;
}

/* A helper reads the server's name and prints JSON. */
static int run_helper(const char *program, const char *server, char **ret)
{
        int input[2], output[2];
        pid_t pid;
        int r;

        if (pipe2(input, O_CLOEXEC) < 0) {
                return -errno;
        }
        if (pipe2(output, O_CLOEXEC) < 0) {
                fd_close(input[0]);
                fd_close(input[1]);
                return -errno;
        }
        pid = fork();
        if (pid == 0) {
                if (dup2(input[0], STDIN_FILENO) >= 0 && dup2(output[1], STDOUT_FILENO) >= 0) {
                        execlp(program, program, "get", (char *)NULL);
                }
                _exit(127);
        }
        fd_close(input[0]);
        fd_close(output[1]);
        r = pid < 0 ? -errno : file_write_all(input[1], server, strlen(server));
        fd_close(input[1]);
        if (r == 0 || r == -EPIPE) {
                r = file_read_fd(output[0], ANSWER_SIZE_MAX, ret, NULL);
        }
        fd_close(output[0]);
        if (pid > 0) {
                int status = process_wait(pid);

                r = r == 0 && status == 127 ? -ENOENT : r == 0 && status != 0 ? -EACCES : r;
        }
        return r;
}

static int ask_helper(const char *helper, const char *server, const struct log *log,
                      struct credentials *ret, struct machine_error *error)
{
        _cleanup_free_ char *program = string_format("docker-credential-%s", helper);
        _cleanup_free_ char *answer = NULL;
        _cleanup_json_ json_t *object = NULL;
        const char *user, *secret;
        int r;

        if (!program || strchr(helper, '/')) {
                return program ? error_say(error, EINVAL,
                                           "invalid name of a credential helper: \"%s\"", helper)
                               : error_oom(error);
        }
        r = run_helper(program, server, &answer);
        if (r == -EACCES) {
                /* It has no credentials for this server. */
                return 0;
        }
        if (r == -ENOENT) {
                log_warning(log,
                            "the credential helper %s is not installed: continuing without a login",
                            program);
                return 0;
        }
        if (r < 0) {
                return error_set(error, r, "cannot run the credential helper %s", program);
        }
        object = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
        user = json_get_string(object, "Username");
        secret = json_get_string(object, "Secret");
        if (!user || !secret) {
                return error_say(error, EINVAL,
                                 "the credential helper %s did not return credentials", program);
        }
        /* With this user name, the secret is an identity token. */
        if (strcmp(user, "<token>") == 0) {
                r = string_replace(&ret->identity_token, secret);
        } else {
                r = string_replace(&ret->user, user);
                if (r == 0) {
                        r = string_replace(&ret->password, secret);
                }
        }
        return r < 0 ? error_oom(error) : 1;
}

/* The number of characters of the wanted name that the key matches; 0 if it does not match. */
static size_t covers(const char *key, const char *wanted)
{
        const char *rest = string_after(key, "https://");
        size_t length;

        key = rest ? rest : (rest = string_after(key, "http://")) ? rest : key;
        length = strlen(key);
        while (length > 0 && key[length - 1] == '/') {
                length--;
        }
        /* In old files the API's path follows the host. */
        if (length > 3 && strncmp(key + length - 3, "/v1", 3) == 0) {
                length -= 3;
        }
        if (length == 0 || strncmp(key, wanted, length) != 0 ||
            (wanted[length] != '\0' && wanted[length] != '/')) {
                return 0;
        }
        return length;
}

static const json_t *best_entry(const json_t *table, const char *domain, const char *wanted)
{
        const json_t *best = NULL;
        size_t best_length = 0;
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)table, key, value)
        {
                size_t length = covers(key, wanted);

                if (length > best_length) {
                        best = value;
                        best_length = length;
                }
        }
        if (!best && strcmp(domain, "docker.io") == 0) {
                best = json_object_get(table, DOCKER_SERVER);
        }
        return best;
}

int credentials_read(const char *text, size_t length, const char *domain, const char *repository,
                     const char *what, const struct log *log, struct credentials *ret,
                     struct machine_error *error)
{
        _cleanup_json_ json_t *file = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        _cleanup_free_ char *wanted = string_format("%s/%s", domain, repository);
        const char *server = strcmp(domain, "docker.io") == 0 ? DOCKER_SERVER : domain;
        const json_t *entry, *helper;
        int r = 0;

        if (!wanted) {
                return error_oom(error);
        }
        if (!json_is_object(file)) {
                return error_say(error, EINVAL, "%s is not valid JSON", what);
        }
        helper = best_entry(json_object_get(file, "credHelpers"), domain, wanted);
        if (json_is_string(helper)) {
                return ask_helper(json_string_value(helper), server, log, ret, error);
        }
        entry = best_entry(json_object_get(file, "auths"), domain, wanted);
        if (entry) {
                r = read_entry(entry, what, ret, error);
        }
        helper = json_object_get(file, "credsStore");
        if (r == 0 && json_is_string(helper) && json_string_length(helper) > 0) {
                r = ask_helper(json_string_value(helper), server, log, ret, error);
        }
        return r;
}

static char *from_variable(const char *variable, const char *rest)
{
        const char *value = getenv(variable);

        return value && *value ? string_format("%s%s", value, rest) : NULL;
}

int credentials_find(const char *domain, const char *repository, const struct log *log,
                     struct credentials *ret, struct machine_error *error)
{
        const struct {
                const char *variable;
                const char *rest;
                const char *otherwise;
        } places[] = {
                { "REGISTRY_AUTH_FILE", "", NULL },
                { "XDG_RUNTIME_DIR", "/containers/auth.json", "/run/containers/0/auth.json" },
                { "XDG_CONFIG_HOME", "/containers/auth.json", NULL },
                { "HOME", "/.config/containers/auth.json", NULL },
                { "DOCKER_CONFIG", "/config.json", NULL },
                { "HOME", "/.docker/config.json", "/root/.docker/config.json" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
                _cleanup_free_ char *path = from_variable(places[i].variable, places[i].rest);
                _cleanup_free_ char *text = NULL;
                size_t length;
                int r;

                if (!path && places[i].otherwise) {
                        path = strdup(places[i].otherwise);
                }
                if (!path) {
                        continue;
                }
                r = file_read_text(path, FILE_SIZE_MAX, &text, &length);
                if (r == -ENOENT || r == -ENOTDIR) {
                        continue;
                }
                if (r < 0) {
                        return error_set(error, r, "cannot read %s", path);
                }
                r = credentials_read(text, length, domain, repository, path, log, ret, error);
                explicit_bzero(text, length);
                if (r != 0) {
                        return r < 0 ? r : 0;
                }
        }
        return 0;
}
