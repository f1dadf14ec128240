#include "team.h"

#include <stddef.h>

typedef struct {
    const rv_team *team;
    int shares;
    rv_share function;
    void *context;
} rv_team_work;

/* There may be fewer threads than were asked for. */
static void rv_team_member(void *context) {
    const rv_team_work *work = context;
    const int count = work->team->count();
    for (int share = work->team->number(); share < work->shares; share += count)
        work->function(work->context, share, work->shares);
}

void rv_team_run(const rv_team *team, int shares, rv_share function, void *context) {
    rv_team_work work = {team, shares, function, context};
    if (team->run == NULL || shares <= 1)
        rv_parallel(shares, function, context);
    else
        team->run(rv_team_member, &work, (unsigned)shares, 0);
}
