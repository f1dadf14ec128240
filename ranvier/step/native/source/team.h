/* Work shared by the threads that the process has already, where it says how to call them.
 *
 * A thread of OpenMP's waits for more work on its core for milliseconds. A second pool of threads,
 * called between two operations of one that uses OpenMP, would share that core with the waiting. */
#ifndef RV_TEAM_H
#define RV_TEAM_H

#include "threads.h"

/* GOMP_parallel, omp_get_thread_num and omp_get_num_threads; all NULL: threads of our own. */
typedef struct {
    void (*run)(void (*member)(void *), void *context, unsigned threads, unsigned flags);
    int (*number)(void);
    int (*count)(void);
} rv_team;

/* As rv_parallel: which thread does which share changes nothing. */
void rv_team_run(const rv_team *team, int shares, rv_share function, void *context);

#endif
