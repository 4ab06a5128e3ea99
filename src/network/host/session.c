/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/session.h"
#include "network/user/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"

#define PROGRAM            "machinectl-lite"
#define STANDARD_DIRECTORY "/run/" PROGRAM

void network_session_close(struct network_session *session)
{
        leases_close(&session->leases);
        forwarding_clear(&session->forwarding);
        interface_list_clear(&session->interfaces);
        if (session->socket) {
                nl_socket_free(session->socket);
        }
        free(session->tag);
        free(session->table);
        free(session->path);
        fd_close(session->directory_fd);
        fd_close(session->lock_fd);
        *session = (struct network_session)NETWORK_SESSION_INIT;
}

/* Another runtime directory is a separate instance on the same host (tests, a second installation):
 * a hash of its path distinguishes its table and its links. */
static int name_instance(struct network_session *session, const char *runtime_directory,
                         struct machine_error *error)
{
        uint32_t hash = (uint32_t)string_hash(runtime_directory, strlen(runtime_directory));

        session->standard = string_equal(runtime_directory, STANDARD_DIRECTORY);
        session->table = session->standard ? strdup(PROGRAM) : string_format(PROGRAM "-%08x", hash);
        session->tag =
                session->standard ? strdup(PROGRAM ":") : string_format(PROGRAM "-%08x:", hash);
        session->path = path_join(runtime_directory, "network");
        return session->table && session->tag && session->path ? 0 : error_oom(error);
}

static int read_boot_id(struct network_session *session, struct machine_error *error)
{
        int r = process_boot_id(session->boot_id);

        return r == 0 ? 0 : error_set(error, r, "cannot read the boot id");
}

static int open_directory(struct network_session *session, struct machine_error *error)
{
        int r = 0;

        session->directory_fd = open(session->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (session->directory_fd < 0 && errno == ENOENT) {
                r = directory_make(session->path, 0755);
                if (r < 0) {
                        return error_set(error, r, "cannot create the directory %s", session->path);
                }
                session->directory_fd = open(session->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (session->directory_fd < 0) {
                return error_set(error, errno, "cannot open the directory %s", session->path);
        }
        session->lock_fd = file_lock(session->directory_fd, "lock", LOCK_EX);
        if (session->lock_fd < 0) {
                return error_set(error, session->lock_fd, "cannot lock %s/lock", session->path);
        }
        return 0;
}

/* What the supervisors of a user know about the host. */
static int load_user(struct network_session *session, struct machine_error *error)
{
        _cleanup_user_record_ struct user_record record = { 0 };
        int r;

        session->user = caller_is_inside();
        if (!session->user || session->directory_fd < 0) {
                return 0;
        }
        r = user_record_load(session->directory_fd, &record, error);
        if (r == 0) {
                session->outside = record.address;
                session->outside6 = record.address6;
        }
        return r;
}

int network_session_lock(const char *runtime_directory, struct network_session *ret,
                         bool *ret_fresh, struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        int r = name_instance(&session, runtime_directory, error);

        if (r == 0) {
                r = open_directory(&session, error);
        }
        if (r == 0) {
                r = read_boot_id(&session, error);
        }
        if (r == 0) {
                r = load_user(&session, error);
        }
        if (r == 0) {
                r = leases_open(session.directory_fd, session.path, &session.leases, ret_fresh,
                                error);
        }
        if (r < 0) {
                return r;
        }
        *ret = session;
        session = (struct network_session)NETWORK_SESSION_INIT;
        return 0;
}

void network_session_save(struct network_session *session)
{
        leases_commit(&session->leases);
        leases_set_names_busy(&session->leases, false);
}

int network_session_list_interfaces(struct network_session *session, struct machine_error *error)
{
        int r;

        interface_list_clear(&session->interfaces);
        r = interface_list_load(session->socket, INTERFACE_ALL, &session->interfaces);
        return r == 0 ? 0 : error_set(error, r, "cannot list the host's network interfaces");
}

const struct interface *network_session_find_interface(struct network_session *session,
                                                       const char *name)
{
        const struct interface *known = interface_by_name(&session->interfaces, name);

        if (!known && name[0] != '\0' &&
            interface_list_add(session->socket, name, &session->interfaces) == 0) {
                known = interface_by_name(&session->interfaces, name);
        }
        return known;
}

int network_session_look_at_host(struct network_session *session, struct machine_error *error)
{
        int r = netlink_open(NETLINK_ROUTE, &session->socket);

        if (r < 0) {
                error_set(error, r, "cannot open a netlink socket");
                if (r == -ELIBACC) {
                        error_hint(error, "install libnl-route-3 (Debian: libnl-route-3-200, "
                                          "Fedora: libnl3), or use network mode \"host\" or "
                                          "\"none\"");
                }
                return r;
        }
        return forwarding_load(session->directory_fd, &session->forwarding, error);
}

int network_session_look(const char *runtime_directory, struct network_session *ret,
                         struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        int r = name_instance(&session, runtime_directory, error);

        if (r < 0) {
                return r;
        }
        session.directory_fd = open(session.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (session.directory_fd < 0 && errno != ENOENT) {
                return error_set(error, errno, "cannot open the directory %s", session.path);
        }
        r = read_boot_id(&session, error);
        if (r == 0) {
                r = load_user(&session, error);
        }
        if (r < 0) {
                return r;
        }
        r = session.directory_fd < 0
                    ? (leases_new(&session.leases) < 0 ? error_oom(error) : 0)
                    : leases_look(session.directory_fd, session.path, &session.leases, error);
        if (r == 0 && session.directory_fd >= 0) {
                r = network_session_look_at_host(&session, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = session;
        session = (struct network_session)NETWORK_SESSION_INIT;
        return 0;
}

char *network_session_tag(const struct network_session *session, const char *network,
                          const char *machine)
{
        return string_format("%s%s%s%s", session->tag, network, machine ? ":" : "",
                             machine ? machine : "");
}
