/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/record.h"

#define STATE_MAXIMUM (16u << 20)

void lease_clear(struct network_lease *lease)
{
        free(lease->machine);
        free(lease->hostname);
        free(lease->domainname);
        strv_free(lease->hosts);
        free(lease->link);
        for (size_t i = 0; i < lease->port_count; i++) {
                free(lease->ports[i].address);
        }
        free(lease->ports);
        *lease = (struct network_lease){ 0 };
}

void network_state_free(struct network_state *state)
{
        if (!state) {
                return;
        }
        for (size_t i = 0; i < state->lease_count; i++) {
                lease_clear(&state->leases[i]);
        }
        free(state->leases);
        free(state->name);
        free(state->bridge);
        free(state);
}

struct network_state *network_state_new(const char *name)
{
        _cleanup_network_state_ struct network_state *state = calloc(1, sizeof(*state));

        if (!state) {
                return NULL;
        }
        state->name = strdup(name);
        return state->name ? TAKE_PTR(state) : NULL;
}

int network_state_load(int directory_fd, const char *path, const char *name,
                       struct network_state **ret, struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s.json", name);
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *whole = NULL;
        int r;

        if (!file) {
                return error_oom(error);
        }
        r = file_read(directory_fd, file, STATE_MAXIMUM, &text, NULL);
        if (r == -ENOENT) {
                *ret = network_state_new(name);
                return *ret ? 0 : error_oom(error);
        }
        if (r < 0) {
                return error_set(error, r, "cannot read the state of network \"%s\" in %s/%s", name,
                                 path, file);
        }
        whole = string_format("%s/%s", path, file);
        if (!whole) {
                return error_oom(error);
        }
        return network_record_read(text, whole, name, ret, error);
}

int network_state_save(int directory_fd, const char *path, const struct network_state *state,
                       struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s.json", state->name);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!file) {
                return error_oom(error);
        }
        if (state->lease_count == 0 && !state->stale) {
                r = unlinkat(directory_fd, file, 0) < 0 && errno != ENOENT ? -errno : 0;
        } else {
                r = network_record_write(state, &text);
                if (r == 0) {
                        r = file_replace(directory_fd, file, text, strlen(text), 0644);
                }
        }
        return r == 0 ? 0
                      : error_set(error, r, "cannot write the state of network \"%s\" to %s/%s",
                                  state->name, path, file);
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int network_state_names(int directory_fd, char ***ret)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_closedir_ DIR *directory = NULL;
        struct dirent *entry;
        int result = directory_open(directory_fd, &directory);

        if (result < 0) {
                return result;
        }
        while ((entry = readdir(directory))) {
                size_t length = strlen(entry->d_name);
                int r;

                /* A temporary file of an interrupted write does not end so. */
                if (length <= 5 || !string_ends_with(entry->d_name, ".json") ||
                    entry->d_name[0] == '.') {
                        continue;
                }
                r = strv_take(&names, strndup(entry->d_name, length - 5));
                if (r < 0) {
                        return r;
                }
        }
        if (names) {
                qsort(names, strv_length(names), sizeof(*names), by_name);
        }
        *ret = TAKE_PTR(names);
        return 0;
}

struct network_lease *network_state_find(const struct network_state *state, const char *machine)
{
        for (size_t i = 0; i < state->lease_count; i++) {
                if (string_equal(state->leases[i].machine, machine)) {
                        return &state->leases[i];
                }
        }
        return NULL;
}

struct network_lease *network_state_add(struct network_state *state, const char *machine)
{
        struct network_lease *grown =
                reallocarray(state->leases, state->lease_count + 1, sizeof(*grown));
        struct network_lease lease = { .machine = strdup(machine) };

        if (grown) {
                state->leases = grown;
        }
        if (!grown || !lease.machine) {
                lease_clear(&lease);
                return NULL;
        }
        state->leases[state->lease_count] = lease;
        return &state->leases[state->lease_count++];
}

void network_state_remove(struct network_state *state, struct network_lease *lease)
{
        size_t index = (size_t)(lease - state->leases);

        lease_clear(lease);
        memmove(lease, lease + 1, (state->lease_count - index - 1) * sizeof(*lease));
        state->lease_count--;
}

bool lease_is_live(const struct network_lease *lease)
{
        return lease->owner.pid > 0 && process_is_alive(&lease->owner);
}

bool network_state_is_live(const struct network_state *state)
{
        for (size_t i = 0; i < state->lease_count; i++) {
                if (lease_is_live(&state->leases[i])) {
                        return true;
                }
        }
        return false;
}
