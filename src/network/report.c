/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter.h>

#include "base/json.h"
#include "base/strings.h"
#include "network/firewall/firewall.h"
#include "network/firewall/guard.h"
#include "network/host/session.h"
#include "network/inside.h"
#include "network/state/aliases.h"
#include "network/state/claim.h"
#include "network/state/port.h"
#include "network/user/record.h"
#include "network/user/setup.h"
#include "network/user/uplink.h"

static int put_address(json_t *object, const char *key, const struct network_address *address)
{
        char text[ADDRESS_TEXT_SIZE];

        return json_set_string(object, key,
                               address_is_set(address) ? address_format(address, text) : NULL);
}

static int put_prefix(json_t *object, const char *key, const struct network_prefix *prefix)
{
        char text[ADDRESS_TEXT_SIZE];

        return json_set_string(object, key,
                               prefix_is_set(prefix) ? prefix_format(prefix, text) : NULL);
}

static bool is_up(const struct network_session *session, const char *name)
{
        const struct interface *interface =
                name ? interface_by_name(&session->interfaces, name) : NULL;

        return interface && (interface->flags & IFF_UP);
}

/* Only root can query this from the kernel, so it may be unknown. */
enum answer {
        NO,
        YES,
        UNKNOWN,
};

static json_t *answer_json(enum answer answer)
{
        return answer == UNKNOWN ? json_null() : json_boolean(answer == YES);
}

/* Whether every port of a range is in the map of one family. */
static bool is_published(const char *table, const struct machine_port *port, sa_family_t family)
{
        struct set_element_key key;
        const char *map;

        if (!set_elements_find_key(port, family, &key)) {
                return true;
        }
        map = set_elements_map(&key, family);
        for (unsigned int number = port->host_first; number <= port->host_last; number++) {
                bool present;

                key.port = (uint16_t)number;
                if (firewall_has_key(table, map, &key, &present) < 0 || !present) {
                        return false;
                }
        }
        return true;
}

static int put_ports(const struct network_session *session, const struct network_lease *lease,
                     bool live, enum answer rules, json_t *object)
{
        _cleanup_strv_ char **ports = NULL;
        _cleanup_strv_ char **missing = NULL;
        _cleanup_details_ struct lease_details details = { 0 };
        int r = live ? details_load(session->directory_fd, &session->leases, lease, &details) : 0;

        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < details.port_count; i++) {
                const struct machine_port *port = &details.ports[i];
                bool whole = rules == UNKNOWN || ((!address_is_set(&lease->address) ||
                                                   is_published(session->table, port, AF_INET)) &&
                                                  (!address_is_set(&lease->address6) ||
                                                   is_published(session->table, port, AF_INET6)));

                if (strv_take(&ports, port_format_pair(port)) < 0 ||
                    (!whole && strv_take(&missing, port_format_pair(port)) < 0)) {
                        return -ENOMEM;
                }
        }
        if (json_set_strings(object, "ports", ports) < 0) {
                return -ENOMEM;
        }
        return rules == UNKNOWN ? json_set_value(object, "ports_missing", json_null())
                                : json_set_strings(object, "ports_missing", missing);
}

static enum answer is_guarded(const struct network_session *session,
                              const struct network_lease *lease, enum answer rules)
{
        bool guarded = false;

        if (rules == UNKNOWN) {
                return UNKNOWN;
        }
        return lease->guarded && firewall_has_guard(session->table, lease->link, &guarded) == 0 &&
                               guarded
                       ? YES
                       : NO;
}

static int put_aliases(const struct network_session *session, const struct network_lease *lease,
                       bool live, json_t *object)
{
        _cleanup_strv_ char **aliases = NULL;
        const char *text = live ? aliases_of(&session->leases, lease) : "";
        int r = text[0] ? strv_split(text, ' ', &aliases) : 0;

        return r < 0 ? r : json_set_strings(object, "aliases", aliases);
}

static json_t *report_lease(const struct network_session *session,
                            const struct network_lease *lease, bool live, enum answer rules)
{
        _cleanup_json_ json_t *object = json_object();
        json_t *pid = live ? json_integer(lease->owner.pid) : json_null();
        const char *link = lease->link[0] ? lease->link : NULL;
        char interface[IF_NAMESIZE];

        if (!object || json_set_string(object, "name", lease->machine) < 0 ||
            json_set_value(object, "pid", pid) < 0 ||
            put_address(object, "address", &lease->address) < 0 ||
            put_address(object, "address6", &lease->address6) < 0 ||
            json_set_string(object, "interface",
                            live ? link_name_inside(lease->index, interface) : NULL) < 0 ||
            put_aliases(session, lease, live, object) < 0 ||
            json_set_string(object, "link", link) < 0 ||
            json_set_boolean(object, "link_up", is_up(session, link)) < 0 ||
            json_set_value(object, "guarded", answer_json(is_guarded(session, lease, rules))) < 0 ||
            put_ports(session, lease, live, rules, object) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *report_leases(const struct network_session *session,
                             const struct network_state *state, enum answer rules)
{
        _cleanup_json_ json_t *array = json_array();

        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                bool live = lease->owner.pid > 0 &&
                            !claim_is_dead(&session->leases, lease, session->boot_id);

                /* Only the address of a stopped machine is remembered. */
                if (leases_network_of(&session->leases, lease) != state ||
                    (!live && (lease->shared || (!address_is_set(&lease->address) &&
                                                 !address_is_set(&lease->address6))))) {
                        continue;
                }
                if (!array ||
                    json_array_append_new(array, report_lease(session, lease, live, rules)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

/* The network program of a user's networks. */
static int report_uplink(const struct network_session *session, const struct network_state *state,
                         json_t *object)
{
        _cleanup_user_record_ struct user_record record = { 0 };
        _cleanup_free_ char *reason = NULL;
        const struct user_program *program;
        json_t *uplink;
        bool running;

        if (!session->user || state->internal ||
            user_record_load(session->directory_fd, &record, NULL) < 0 ||
            record.program_count == 0) {
                return json_set_value(object, "uplink", json_null());
        }
        program = &record.programs[0];
        running = process_is_alive(&program->process);
        reason = running ? NULL : uplink_last_words(session->directory_fd);
        uplink = json_object();
        if (json_set_value(object, "uplink", uplink) < 0) {
                return -ENOMEM;
        }
        return json_set_string(uplink, "program", program->name) < 0 ||
                               json_set_number(uplink, "pid", (uint64_t)program->process.pid) < 0 ||
                               json_set_boolean(uplink, "running", running) < 0 ||
                               json_set_boolean(uplink, "serving",
                                                running && user_network_is_served()) < 0
                       ? -ENOMEM
                       : json_set_string(uplink, "reason", reason);
}

static json_t *report_state(const struct network_session *session,
                            const struct network_state *state, enum answer rules)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || report_uplink(session, state, object) < 0 ||
            json_set_string(object, "name", state->name) < 0 ||
            json_set_string(object, "bridge", state->bridge) < 0 ||
            json_set_boolean(object, "bridge_up", is_up(session, state->bridge)) < 0 ||
            put_prefix(object, "subnet", &state->subnet) < 0 ||
            put_prefix(object, "subnet6", &state->subnet6) < 0 ||
            put_address(object, "gateway", &state->gateway) < 0 ||
            put_address(object, "gateway6", &state->gateway6) < 0 ||
            json_set_number(object, "mtu", state->mtu) < 0 ||
            json_set_boolean(object, "internal", state->internal) < 0 ||
            json_set_boolean(object, "isolated", state->isolated) < 0 ||
            json_set_boolean(object, "spoofing", state->spoofing) < 0 ||
            json_set_value(object, "rules", answer_json(rules)) < 0 ||
            json_set_value(object, "machines", report_leases(session, state, rules)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

/* The arguments of a call. */
struct report {
        const char *runtime_directory;
        json_t **ret;
};

static int report_inside(void *data, struct machine_error *error)
{
        const struct report *report = data;
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        _cleanup_json_ json_t *array = json_array();
        bool present = false;
        enum answer rules;
        int r = network_session_look(report->runtime_directory, &session, error);

        if (r < 0) {
                return r;
        }
        if (session.socket && network_session_list_interfaces(&session, error) < 0) {
                return -EIO;
        }
        /* A kernel without nf_tables has no table of ours. */
        r = leases_next(&session.leases, RECORD_NETWORK, NULL)
                    ? firewall_has_table(session.table, NFPROTO_INET, &present)
                    : 0;
        if (present && guard_is_needed(&session.leases)) {
                (void)firewall_has_table(session.table, NFPROTO_BRIDGE, &present);
        }
        rules = r == -EPERM ? UNKNOWN : present ? YES : NO;
        TABLE_FOREACH_NETWORK(state, &session.leases)
        {
                if (network_has_bridge(state) && array &&
                    json_array_append_new(array, report_state(&session, state, rules)) < 0) {
                        return error_oom(error);
                }
        }
        if (!array) {
                return error_oom(error);
        }
        *report->ret = TAKE_PTR(array);
        return 0;
}

int network_report(const char *runtime_directory, json_t **ret, struct machine_error *error)
{
        struct report report = { runtime_directory, ret };

        return inside_visit(runtime_directory, report_inside, &report, error);
}
