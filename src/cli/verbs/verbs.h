/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_VERBS_VERBS_H
#define CLI_VERBS_VERBS_H

#include "cli/common/cli.h"

extern const struct verb verb_apply;
extern const struct verb verb_attach;
extern const struct verb verb_cat;
extern const struct verb verb_check;
extern const struct verb verb_checkpoint;
extern const struct verb verb_clone;
extern const struct verb verb_collect;
extern const struct verb verb_commit;
extern const struct verb verb_config;
extern const struct verb verb_convert;
extern const struct verb verb_copy_from;
extern const struct verb verb_copy_to;
extern const struct verb verb_create;
extern const struct verb verb_delete;
extern const struct verb verb_disable;
extern const struct verb verb_doctor;
extern const struct verb verb_edit;
extern const struct verb verb_enable;
extern const struct verb verb_events;
extern const struct verb verb_exec;
extern const struct verb verb_explain;
extern const struct verb verb_export;
extern const struct verb verb_image_status;
extern const struct verb verb_import;
extern const struct verb verb_inspect;
extern const struct verb verb_kill;
extern const struct verb verb_list;
extern const struct verb verb_list_images;
extern const struct verb verb_list_tags;
extern const struct verb verb_load;
extern const struct verb verb_lock;
extern const struct verb verb_login;
extern const struct verb verb_logs;
extern const struct verb verb_network;
extern const struct verb verb_pause;
extern const struct verb verb_port;
extern const struct verb verb_prune;
extern const struct verb verb_reboot;
extern const struct verb verb_pull;
extern const struct verb verb_push;
extern const struct verb verb_remove_image;
extern const struct verb verb_rename;
extern const struct verb verb_restart;
extern const struct verb verb_restore;
extern const struct verb verb_resume;
extern const struct verb verb_run;
extern const struct verb verb_save;
extern const struct verb verb_schema;
extern const struct verb verb_set_limit;
extern const struct verb verb_shell;
extern const struct verb verb_show;
extern const struct verb verb_start;
extern const struct verb verb_stats;
extern const struct verb verb_top;
extern const struct verb verb_status;
extern const struct verb verb_stop;
extern const struct verb verb_supervise;
extern const struct verb verb_tag;
extern const struct verb verb_unshare;
extern const struct verb verb_update;
extern const struct verb verb_volume;
extern const struct verb verb_wait;

#endif
