/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_STEPS_H
#define LAUNCH_STEPS_H

#include "launch/context.h"

/* Keys for the words of steps: limits of the control group .. */
#define LAUNCH_GROUP_LIMITS                                                                \
        "limits.memory limits.memory_high limits.memory_low limits.swap limits.cpu "       \
        "limits.cpu_weight limits.cpus limits.memory_nodes limits.tasks limits.io_weight " \
        "limits.io limits.hugepages"

/* .. and of processes. */
#define LAUNCH_PROCESS_LIMITS                                                                  \
        "limits.cpu_time limits.file_size limits.data limits.stack limits.core "               \
        "limits.resident_set limits.processes limits.open_files limits.locked_memory "         \
        "limits.address_space limits.file_locks limits.pending_signals limits.message_queues " \
        "limits.nice_ceiling limits.realtime_priority limits.realtime_time "                   \
        "limits.oom_score_adjust limits.nice"

/* The functions of the steps in launch/parent/steps.c .. */

int launch_set_up_state(struct launch *launch, struct machine_error *error);
int launch_set_up_storage_state(struct launch *launch, struct machine_error *error);
int launch_tear_down_storage_state(struct launch *launch, struct machine_error *error);
bool launch_is_rehearsal(const struct launch *launch);
bool launch_is_in_earnest(const struct launch *launch);
bool launch_is_not_bare(const struct launch *launch);
/* Keeps the path of the definition beside the machine's directory, if it has one. */
int launch_keep_owner(const struct launch *launch, struct machine_error *error);
bool launch_wants_trees(const struct launch *launch);
bool launch_wants_named_volumes(const struct launch *launch);
int launch_set_up_rehearsal(struct launch *launch, struct machine_error *error);
int launch_tear_down_state(struct launch *launch, struct machine_error *error);
int launch_set_up_privileges(struct launch *launch, struct machine_error *error);
int launch_set_up_environment(struct launch *launch, struct machine_error *error);
int launch_set_up_init_program(struct launch *launch, struct machine_error *error);
bool launch_wants_user_namespace(const struct launch *launch);
bool launch_wants_id_range(const struct launch *launch);
int launch_set_up_id_range(struct launch *launch, struct machine_error *error);
int launch_keep_groups(struct launch *launch, struct machine_error *error);
int launch_write_id_maps(struct launch *launch, struct machine_error *error);
int launch_add_kept_groups(const struct launch *launch, struct machine_user *user,
                           struct machine_error *error);
int launch_tear_down_id_range(struct launch *launch, struct machine_error *error);
int launch_set_up_root(struct launch *launch, struct machine_error *error);
int launch_set_up_storage(struct launch *launch, struct machine_error *error);
int launch_tear_down_root(struct launch *launch, struct machine_error *error);
bool launch_wants_notify(const struct launch *launch);
int launch_set_up_notify(struct launch *launch, struct machine_error *error);
int launch_tear_down_notify(struct launch *launch, struct machine_error *error);
bool launch_has_group_of_own(const struct launch *launch);
bool launch_has_group(const struct launch *launch);
int launch_set_up_cgroup(struct launch *launch, struct machine_error *error);
int launch_set_up_limits(struct launch *launch, struct machine_error *error);
int launch_tear_down_cgroup(struct launch *launch, struct machine_error *error);
int launch_collect_cgroup(const struct launch_directories *directories,
                          const struct machine_record *record, struct machine_error *error);
int launch_set_up_resources(struct launch *launch, struct machine_error *error);
bool launch_wants_streams(const struct launch *launch);
int launch_set_up_streams(struct launch *launch, struct machine_error *error);
int launch_set_up_running(struct launch *launch, struct machine_error *error);

/* .. in launch/checkpoint/restore.c .. */

bool launch_is_restore(const struct launch *launch);
bool launch_is_no_restore(const struct launch *launch);
/** Whether a machine has a network namespace that CRIU leaves empty. */
bool launch_wants_empty_network(const struct machine *machine);
int launch_set_up_restored_mounts(struct launch *launch, struct machine_error *error);
int launch_set_up_restored_processes(struct launch *launch, struct machine_error *error);
int launch_tear_down_restored_processes(struct launch *launch, struct machine_error *error);
bool launch_wants_restored_network(const struct launch *launch);
int launch_set_up_restored_network(struct launch *launch, struct machine_error *error);
/** Lets CRIU go on to the end, when the processes run. 0 or -errno with error set. */
int launch_finish_restore(struct launch *launch, struct machine_error *error);

/* .. and in launch/child/steps.c. */

int launch_step_identity(struct launch *launch, struct machine_error *error);
int launch_step_session(struct launch *launch, struct machine_error *error);
bool launch_wants_names(const struct launch *launch);
int launch_step_hostname(struct launch *launch, struct machine_error *error);
bool launch_wants_facilities(const struct launch *launch);
int launch_step_enter(struct launch *launch, struct machine_error *error);
bool launch_wants_volumes(const struct launch *launch);
int launch_step_volumes(struct launch *launch, struct machine_error *error);
int launch_step_proc(struct launch *launch, struct machine_error *error);
int launch_step_sys(struct launch *launch, struct machine_error *error);
int launch_step_dev(struct launch *launch, struct machine_error *error);
bool launch_wants_boot(const struct launch *launch);
int launch_step_boot(struct launch *launch, struct machine_error *error);
int launch_step_host(struct launch *launch, struct machine_error *error);
int launch_step_mounts(struct launch *launch, struct machine_error *error);
int launch_step_files(struct launch *launch, struct machine_error *error);
int launch_step_user(struct launch *launch, struct machine_error *error);
bool launch_wants_directory(const struct launch *launch);
int launch_step_directory(struct launch *launch, struct machine_error *error);
bool launch_wants_terminal(const struct launch *launch);
int launch_step_terminal(struct launch *launch, struct machine_error *error);
bool launch_wants_sysctls(const struct launch *launch);
int launch_step_sysctl(struct launch *launch, struct machine_error *error);
bool launch_wants_inside(const struct launch *launch);
bool launch_wants_early_proceed(const struct launch *launch);
int launch_step_inside(struct launch *launch, struct machine_error *error);
bool launch_wants_credentials(const struct launch *launch);
int launch_step_credentials(struct launch *launch, struct machine_error *error);
int launch_step_protect(struct launch *launch, struct machine_error *error);
int launch_step_pivot(struct launch *launch, struct machine_error *error);
int launch_step_proceed(struct launch *launch, struct machine_error *error);
bool launch_wants_late_proceed(const struct launch *launch);
bool launch_wants_pipes_of_user(const struct launch *launch);
int launch_step_streams(struct launch *launch, struct machine_error *error);
bool launch_wants_closed_sockets(const struct launch *launch);
int launch_step_sockets(struct launch *launch, struct machine_error *error);

#endif
