/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/diagnosis/diagnosis.h"
#include "cli/machines/machines.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"

static const struct examination examinations[] = {
        { "kernel", examine_kernel },
        { "cgroups", examine_cgroups },
        { "controllers", examine_controllers },
        { "namespaces", examine_namespaces },
        { "user-namespaces", examine_user_namespaces },
        { "apparmor", examine_apparmor },
        { "id-ranges", examine_id_ranges },
        { "mapped-mounts", examine_mapped_mounts },
        { "disk-images", examine_disk_images },
        { "verified-images", examine_verified_images },
        { "checkpoints", examine_checkpoints },
        { "nftables", examine_nftables },
        { "forwarding", examine_forwarding },
        { "forwarding-ipv6", examine_forwarding_ipv6 },
        { "firewall", examine_firewall },
        { "systemd", examine_systemd },
        { "space", examine_space },
        { "signatures", examine_signatures },
        { "definitions", examine_definitions },
};

static const struct examination examinations_of_user[] = {
        { "kernel", examine_kernel },
        { "namespaces", examine_namespaces },
        { "user-namespace", examine_own_user_namespace },
        { "subordinate-ids", examine_subordinate_ids },
        { "machines", examine_own_machines },
        { "overlay", examine_own_overlay },
        { "directories", examine_own_directories },
        { "network", examine_own_network },
        { "published-ports", examine_own_ports },
        { "network-program", examine_network_program },
        { "ping", examine_ping },
        { "ports", examine_low_ports },
        { "delegation", examine_delegation },
        { "systemd", examine_own_manager },
        { "linger", examine_linger },
        { "space", examine_space },
        { "signatures", examine_signatures },
        { "definitions", examine_definitions },
};

static const struct {
        const char *word;
        const char *colour;
} results[] = {
        [DIAGNOSIS_GOOD] = { "ok", "\033[32m" },
        [DIAGNOSIS_WARNING] = { "warning", "\033[33m" },
        [DIAGNOSIS_BAD] = { "error", "\033[31m" },
};

static int add_to_json(const char *name, const struct diagnosis *diagnosis, json_t *array)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_string(object, "check", name) < 0 ||
            json_set_string(object, "result", results[diagnosis->result].word) < 0 ||
            json_set_string(object, "found", diagnosis->found) < 0 ||
            json_set_string(object, "way_out", diagnosis->way_out) < 0) {
                return -ENOMEM;
        }
        return json_array_append(array, object) < 0 ? -ENOMEM : 0;
}

static int print(const struct cli *cli, const char *name, const struct diagnosis *diagnosis)
{
        _cleanup_free_ char *found = string_printable(diagnosis->found);
        _cleanup_free_ char *way_out =
                string_printable(diagnosis->way_out ? diagnosis->way_out : "");

        if (!found || !way_out) {
                return -ENOMEM;
        }
        printf("%s%-7s%s  %-15s  %s\n", cli->colour ? results[diagnosis->result].colour : "",
               results[diagnosis->result].word, cli->colour ? "\033[0m" : "", name, found);
        if (*way_out) {
                printf("%-7s  %-15s  %s\n", "", "", way_out);
        }
        return 0;
}

static int examine_all(struct cli *cli, json_t *array, enum diagnosis_result *worst,
                       struct machine_error *error)
{
        bool user = !caller_is_root();
        const struct examination *list = user ? examinations_of_user : examinations;
        size_t count = user ? ELEMENTS_OF(examinations_of_user) : ELEMENTS_OF(examinations);

        for (size_t i = 0; i < count; i++) {
                _cleanup_diagnosis_ struct diagnosis diagnosis = { 0 };
                const char *name = list[i].name;
                int r = list[i].examine(cli, &diagnosis);

                if (r < 0 || !diagnosis.found ||
                    (diagnosis.result != DIAGNOSIS_GOOD && !diagnosis.way_out)) {
                        return error_oom(error);
                }
                r = array ? add_to_json(name, &diagnosis, array) : print(cli, name, &diagnosis);
                if (r < 0) {
                        return error_oom(error);
                }
                *worst = diagnosis.result > *worst ? diagnosis.result : *worst;
        }
        return 0;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_json_ json_t *array = NULL;
        enum diagnosis_result worst = DIAGNOSIS_GOOD;
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc > 0) {
                return cli_usage_error(verb, error, "unexpected argument \"%s\"", argv[0]);
        }
        if (cli->json != CLI_JSON_OFF) {
                array = json_array();
                if (!array) {
                        return error_oom(error);
                }
        }
        r = examine_all(cli, array, &worst, error);
        if (r == 0 && array) {
                r = cli_print_json(cli, TAKE_PTR(array), error);
        }
        return r < 0 ? r : worst == DIAGNOSIS_BAD;
}

const struct verb verb_doctor = {
        .name = "doctor",
        .arguments = "",
        .summary = "check whether this host can run machines",
        .run = run,
};
