/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/figures.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/log.h"
#include "base/path.h"

void figures_clear(struct figures *figures)
{
        survey_clear(&figures->survey);
        *figures = (struct figures){ 0 };
}

static int survey_all(const char *runtime_directory, struct survey *survey,
                      struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_free_ char *machines = path_join(runtime_directory, "machines");
        int r;

        if (!machines) {
                return error_oom(error);
        }
        /* The first start creates it. */
        if (faccessat(AT_FDCWD, machines, F_OK, AT_EACCESS) < 0 && errno == ENOENT) {
                return 0;
        }
        r = state_store_open(runtime_directory, &store, error);
        return r < 0 ? r : survey_add_all(survey, &store, error);
}

int figures_take(const char *runtime_directory, struct figures *ret, struct machine_error *error)
{
        _cleanup_figures_ struct figures figures = { 0 };
        uint64_t begin = log_now();
        int r = survey_all(runtime_directory, &figures.survey, error);

        if (r < 0) {
                return r;
        }
        figures.taken = log_now();
        figures.took = figures.taken - begin;
        *ret = figures;
        figures = (struct figures){ 0 };
        return 0;
}

int figures_refresh(const char *runtime_directory, uint64_t age, struct figures *figures,
                    struct machine_error *error)
{
        if (figures->taken && log_now() - figures->taken < age) {
                return 0;
        }
        figures_clear(figures);
        return figures_take(runtime_directory, figures, error);
}
