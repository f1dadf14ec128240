/* A few threads that share one piece of work, and sleep when there is none. */
#ifndef RV_THREADS_H
#define RV_THREADS_H

#define RV_MAX_THREADS 64

typedef void (*rv_share)(void *context, int share, int shares);

/* Runs `function` once for each share 0 .. shares-1 and returns when all are done.
 *
 * The calling thread does share 0. Which thread does which share changes nothing: the work is cut
 * by the number of shares alone, so where no thread can be had (after a fork in a child that may
 * not start any, or because another thread is using the pool) the caller does all shares itself
 * and the result is the same to the bit. */
void rv_parallel(int shares, rv_share function, void *context);

/* From here on rv_parallel works on OpenMP's threads: GOMP_parallel, omp_get_thread_num and
 * omp_get_num_threads of the library that this process has loaded already.
 *
 * A thread of OpenMP's waits for more work on its core for milliseconds. Threads of our own, called
 * between two operations of something that uses OpenMP, would share that core with the waiting. */
void rv_lend_team(void *run, void *number, void *count);

/* The part [*from, *to) of `count` things that one share does, cut at multiples of `grain`. */
static inline void rv_part(long count, long grain, int share, int shares, long *from, long *to) {
    const long grains = (count + grain - 1) / grain;
    const long first = grains * share / shares * grain, last = grains * (share + 1) / shares * grain;
    *from = first < count ? first : count;
    *to = last < count ? last : count;
}

#endif
