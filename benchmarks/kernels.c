/* Repeats a kernel between two looks at the clock: a call from Python takes longer than a small
 * product. And the fastest that a core can multiply and add, as the measure of the rest. */
#include <time.h>

#include "kernels.h"
#include "threads.h"
#include "vector.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Enough independent sums to hide the delay of each, few enough for 16 registers. */
#define CHAINS 12
#define ROUNDS 200000

static void multiply_and_add(void *context, int share, int shares) {
    float *floats = context;
    rv_vector sum[CHAINS];
    const rv_vector factor = rv_splat(floats[0]), term = rv_splat(floats[1]);
    for (int i = 0; i < CHAINS; i++) sum[i] = rv_splat((float)i);
    for (long round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * factor + term;
    for (int i = 1; i < CHAINS; i++) sum[0] += sum[i];
    floats[2 + share % shares] = rv_sum(sum[0]);
}

/* GFLOP/s of all threads together. `floats`: a factor, a term, room for one of each thread. */
double peak(float *floats, int threads) {
    const double start = seconds();
    rv_parallel(threads, multiply_and_add, floats);
    return 2e-9 * RV_WIDTH * CHAINS * (double)ROUNDS * threads / (seconds() - start);
}

double time_product(int trans_a, int trans_b, long m, long n, long k, const float *a, long lda,
                    const float *b, long ldb, float *c, int threads, float *workspace,
                    long repeats) {
    const double start = seconds();
    for (long r = 0; r < repeats; r++)
        rv_gemm(trans_a, trans_b, m, n, k, 1.0f, a, lda, b, ldb, 0.0f, c, n, threads, workspace);
    return (seconds() - start) / (double)repeats;
}
