#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu, CPU_SET */
#endif

#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

/* How long an idle thread watches for work before it sleeps: longer than the gap between two
 * operations of one training step, far shorter than the gap between two steps of a slow one. */
#define RV_WATCH_NANOSECONDS 50000
/* How long the caller watches for the others before it sleeps: they may want its core. */
#define RV_PATIENCE_NANOSECONDS 100000

typedef struct {
    atomic_uint turn; /* counts the pieces of work; its change starts a worker */
    unsigned seen;
    atomic_int is_asleep;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} rv_worker;

static struct {
    atomic_flag in_use;
    int workers; /* that have been started */
    rv_worker worker[RV_MAX_THREADS];
    rv_share function;
    void *context;
    int shares, core; /* the core that the caller runs on, -1 where nobody tells */
    atomic_int unfinished, caller_is_asleep;
    pthread_mutex_t mutex;
    pthread_cond_t done;
} pool = {.in_use = ATOMIC_FLAG_INIT,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static inline void rv_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static long rv_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Sleeps until `turn` differs from what was seen. The sleeper says that it sleeps, then looks once
 * more; the waker changes `turn`, then looks for sleepers: one of them sees the other. */
static void rv_sleep(rv_worker *self) {
    pthread_mutex_lock(&self->mutex);
    atomic_store(&self->is_asleep, 1);
    while (atomic_load(&self->turn) == self->seen) pthread_cond_wait(&self->wake, &self->mutex);
    atomic_store(&self->is_asleep, 0);
    pthread_mutex_unlock(&self->mutex);
}

static void rv_await_turn(rv_worker *self) {
    const long start = rv_nanoseconds();
    for (;;) {
        for (int i = 0; i < 64; i++) {
            if (atomic_load_explicit(&self->turn, memory_order_acquire) != self->seen) return;
            rv_pause();
        }
        if (rv_nanoseconds() - start > RV_WATCH_NANOSECONDS) {
            rv_sleep(self);
            return;
        }
    }
}

static int rv_this_core(void) {
#if defined(__linux__)
    return sched_getcpu();
#else
    return -1;
#endif
}

/* A thread that is woken may be put on the very core of its waker and stay there while another one
 * idles; forbidding it that core for a moment moves it. Measured on two cores of a Zen 5 under
 * Linux: 230 GFLOP/s together without this for as long as it ran, 500 with it. */
static void rv_leave_core(int core) {
#if defined(__linux__)
    cpu_set_t allowed, others;
    if (core < 0 || core >= CPU_SETSIZE || sched_getcpu() != core) return;
    if (sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) < 2) return;
    others = allowed;
    CPU_CLR(core, &others);
    if (sched_setaffinity(0, sizeof others, &others) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
#else
    (void)core;
#endif
}

static void rv_finish_share(void) {
    if (atomic_fetch_sub(&pool.unfinished, 1) > 1 || !atomic_load(&pool.caller_is_asleep)) return;
    pthread_mutex_lock(&pool.mutex);
    pthread_cond_signal(&pool.done);
    pthread_mutex_unlock(&pool.mutex);
}

static void *rv_work(void *argument) {
    rv_worker *self = argument;
    const int share = (int)(self - pool.worker) + 1;
    for (;;) {
        rv_await_turn(self);
        self->seen = atomic_load(&self->turn);
        rv_leave_core(pool.core);
        pool.function(pool.context, share, pool.shares);
        rv_finish_share();
    }
    return NULL;
}

/* A child has the memory of its parent but none of its threads: it starts with an empty pool. The
 * fork may have come in the middle of another thread's work, so nothing of the old is trusted. */
static void rv_forget_threads(void) {
    pool.workers = 0;
    atomic_store(&pool.unfinished, 0);
    atomic_store(&pool.caller_is_asleep, 0);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.done, NULL);
    atomic_flag_clear(&pool.in_use);
}

static int rv_start_worker(void) {
    rv_worker *worker = &pool.worker[pool.workers];
    pthread_attr_t attributes;
    pthread_t thread;
    atomic_store(&worker->turn, 0);
    atomic_store(&worker->is_asleep, 0);
    worker->seen = 0;
    if (pthread_mutex_init(&worker->mutex, NULL) || pthread_cond_init(&worker->wake, NULL)) return 0;
    if (pthread_attr_init(&attributes)) return 0;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const int failed = pthread_create(&thread, &attributes, rv_work, worker);
    pthread_attr_destroy(&attributes);
    if (failed) return 0;
    pool.workers++;
    return 1;
}

static int rv_have_workers(int count) {
    static int watches_forks = 0;
    if (!watches_forks) {
        if (pthread_atfork(NULL, NULL, rv_forget_threads)) return 0;
        watches_forks = 1;
    }
    while (pool.workers < count)
        if (!rv_start_worker()) return 0;
    return 1;
}

static void rv_start_turn(rv_worker *worker) {
    atomic_fetch_add(&worker->turn, 1);
    if (!atomic_load(&worker->is_asleep)) return;
    pthread_mutex_lock(&worker->mutex);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
}

static int rv_others_work(void) {
    return atomic_load_explicit(&pool.unfinished, memory_order_acquire) > 0;
}

static void rv_await_others(void) {
    const long start = rv_others_work() ? rv_nanoseconds() : 0;
    for (int tries = 1; rv_others_work(); tries++) {
        rv_pause();
        if (tries % 64 || rv_nanoseconds() - start < RV_PATIENCE_NANOSECONDS) continue;
        pthread_mutex_lock(&pool.mutex);
        atomic_store(&pool.caller_is_asleep, 1);
        while (atomic_load(&pool.unfinished) > 0) pthread_cond_wait(&pool.done, &pool.mutex);
        atomic_store(&pool.caller_is_asleep, 0);
        pthread_mutex_unlock(&pool.mutex);
    }
}

static struct {
    void (*run)(void (*member)(void *), void *context, unsigned threads, unsigned flags);
    int (*number)(void);
    int (*count)(void);
} team;

typedef struct {
    rv_share function;
    void *context;
    int shares;
} rv_team_work;

/* There may be fewer threads than were asked for. */
static void rv_team_member(void *context) {
    const rv_team_work *work = context;
    const int count = team.count();
    for (int share = team.number(); share < work->shares; share += count)
        work->function(work->context, share, work->shares);
}

/* OpenMP's threads do not live on in a child either, and it would wait for them for ever. */
static void rv_forget_team(void) { team.run = NULL; }

void rv_lend_team(void *run, void *number, void *count) {
    if (pthread_atfork(NULL, NULL, rv_forget_team)) return;
    *(void **)&team.number = number;
    *(void **)&team.count = count;
    *(void **)&team.run = run;
}

void rv_parallel(int shares, rv_share function, void *context) {
    if (team.run != NULL && shares > 1) {
        rv_team_work work = {function, context, shares};
        team.run(rv_team_member, &work, (unsigned)shares, 0);
        return;
    }
    const int helpers = shares - 1;
    int together = helpers > 0 && shares <= RV_MAX_THREADS && !atomic_flag_test_and_set(&pool.in_use);
    if (together && !rv_have_workers(helpers)) {
        atomic_flag_clear(&pool.in_use);
        together = 0;
    }
    if (!together) {
        for (int share = 0; share < shares; share++) function(context, share, shares);
        return;
    }
    pool.function = function;
    pool.context = context;
    pool.shares = shares;
    pool.core = rv_this_core();
    atomic_store(&pool.unfinished, helpers);
    for (int i = 0; i < helpers; i++) rv_start_turn(&pool.worker[i]);
    function(context, 0, shares);
    rv_await_others();
    atomic_flag_clear(&pool.in_use);
}
