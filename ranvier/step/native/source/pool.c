/* Pooling: the lanes are channels, which lie side by side. */
#include <math.h>

#include "kernels.h"
#include "memory.h"
#include "threads.h"

/* Fewer numbers than this are done before another thread has woken. */
#define RV_WORTH_A_THREAD 16384

typedef struct {
    const rv_pooling *pool;
    const float *from;
    float *to;
    int *index_to;
    const int *index_from;
} rv_pool_job;

/* The part of a window inside the picture along one axis, and its length with padding. */
typedef struct {
    long from, to, step, full;
} rv_reach;

static rv_reach rv_reach_of(long at, long kernel, long stride, long padding, long dilation,
                            long size) {
    const long start = at * stride - padding, end = start + (kernel - 1) * dilation + 1;
    const long skipped = start < 0 ? RV_CEIL_DIV(-start, dilation) * dilation : 0;
    return (rv_reach){start + skipped, RV_MIN(end, size), dilation,
                      RV_MIN(start + kernel, size + padding) - start};
}

static rv_reach rv_rows_of(const rv_pooling *p, long i, int dilated) {
    return rv_reach_of(i, p->kernel_height, p->stride_height, p->padding_height,
                       dilated ? p->dilation_height : 1, p->in_height);
}

static rv_reach rv_columns_of(const rv_pooling *p, long j, int dilated) {
    return rv_reach_of(j, p->kernel_width, p->stride_width, p->padding_width,
                       dilated ? p->dilation_width : 1, p->in_width);
}

RV_INLINE rv_lanes rv_lanes_load_first(const int *from, long count) {
    return (rv_lanes)rv_load_first((const float *)from, count);
}

static void rv_max_pool_pixel(const rv_pooling *p, rv_reach rows, rv_reach columns, const float *x,
                              float *y, int *index) {
    for (long c = 0; c < p->channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, p->channels - c);
        rv_vector best = rv_splat(-INFINITY);
        rv_lanes where = (rv_lanes){0} + (int)(rows.from * p->in_width + columns.from);
        for (long i = rows.from; i < rows.to; i += rows.step)
            for (long j = columns.from; j < columns.to; j += columns.step) {
                const long pixel = i * p->in_width + j;
                const rv_vector value = rv_load_first(x + pixel * p->channels + c, lanes);
                const rv_lanes better = (value > best) | (value != value);
                best = rv_select(better, value, best);
                where = (better & (int)pixel) | (~better & where);
            }
        rv_store_first(y + c, best, lanes);
        rv_store_first((float *)(index + c), (rv_vector)where, lanes);
    }
}

static void rv_max_pool_send(const rv_pooling *p, rv_reach rows, rv_reach columns, const float *dy,
                             const int *index, float *dx) {
    for (long c = 0; c < p->channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, p->channels - c);
        const rv_lanes where = rv_lanes_load_first(index + c, lanes);
        const rv_vector sent = rv_load_first(dy + c, lanes);
        for (long i = rows.from; i < rows.to; i += rows.step)
            for (long j = columns.from; j < columns.to; j += columns.step) {
                const long pixel = i * p->in_width + j;
                float *to = dx + pixel * p->channels + c;
                const rv_vector part = rv_select(where == (int)pixel, sent, (rv_vector){0});
                rv_store_first(to, rv_load_first(to, lanes) + part, lanes);
            }
    }
}

static float rv_average_factor(const rv_pooling *p, rv_reach rows, rv_reach columns) {
    const long inside = (rows.to - rows.from) * (columns.to - columns.from);
    const long count = p->counts_padding ? rows.full * columns.full : inside;
    return 1.0f / (float)(p->divisor ? p->divisor : count);
}

static void rv_average_pixel(const rv_pooling *p, rv_reach rows, rv_reach columns, const float *x,
                             float *y) {
    const float factor = rv_average_factor(p, rows, columns);
    for (long c = 0; c < p->channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, p->channels - c);
        rv_vector total = {0};
        for (long i = rows.from; i < rows.to; i++) {
            rv_vector sum = {0};
            for (long j = columns.from; j < columns.to; j++)
                sum += rv_load_first(x + (i * p->in_width + j) * p->channels + c, lanes);
            total += sum;
        }
        rv_store_first(y + c, total * factor, lanes);
    }
}

static void rv_average_send(const rv_pooling *p, rv_reach rows, rv_reach columns, const float *dy,
                            float *dx) {
    const float factor = rv_average_factor(p, rows, columns);
    for (long c = 0; c < p->channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, p->channels - c);
        const rv_vector sent = factor * rv_load_first(dy + c, lanes);
        for (long i = rows.from; i < rows.to; i++)
            for (long j = columns.from; j < columns.to; j++) {
                float *to = dx + (i * p->in_width + j) * p->channels + c;
                rv_store_first(to, rv_load_first(to, lanes) + sent, lanes);
            }
    }
}

static void rv_forward_share(void *context, int share, int shares) {
    const rv_pool_job *job = context;
    const rv_pooling *p = job->pool;
    const long in = p->in_height * p->in_width * p->channels;
    long from, to;
    rv_part(p->batch * p->out_height, 1, share, shares, &from, &to);
    for (long r = from; r < to; r++) {
        const long i = r % p->out_height;
        const float *x = job->from + r / p->out_height * in;
        const rv_reach rows = rv_rows_of(p, i, job->index_to != NULL);
        for (long j = 0; j < p->out_width; j++) {
            const long at = (r * p->out_width + j) * p->channels;
            const rv_reach columns = rv_columns_of(p, j, job->index_to != NULL);
            if (job->index_to)
                rv_max_pool_pixel(p, rows, columns, x, job->to + at, job->index_to + at);
            else
                rv_average_pixel(p, rows, columns, x, job->to + at);
        }
    }
}

/* Windows overlap within a picture, so threads divide pictures. */
static void rv_backward_share(void *context, int share, int shares) {
    const rv_pool_job *job = context;
    const rv_pooling *p = job->pool;
    const long in = p->in_height * p->in_width * p->channels;
    long from, to;
    rv_part(p->batch, 1, share, shares, &from, &to);
    for (long n = from; n < to; n++) {
        float *dx = job->to + n * in;
        rv_zero(dx, in);
        for (long i = 0; i < p->out_height; i++) {
            const rv_reach rows = rv_rows_of(p, i, job->index_from != NULL);
            for (long j = 0; j < p->out_width; j++) {
                const long at = ((n * p->out_height + i) * p->out_width + j) * p->channels;
                const rv_reach columns = rv_columns_of(p, j, job->index_from != NULL);
                if (job->index_from)
                    rv_max_pool_send(p, rows, columns, job->from + at, job->index_from + at, dx);
                else
                    rv_average_send(p, rows, columns, job->from + at, dx);
            }
        }
    }
}

static void rv_pool_run(rv_pool_job *job, rv_share share, int threads) {
    const rv_pooling *p = job->pool;
    const long work = p->batch * p->in_height * p->in_width * p->channels;
    rv_parallel(work < RV_WORTH_A_THREAD ? 1 : RV_MAX(threads, 1), share, job);
}

void rv_max_pool_forward(const rv_pooling *pool, const float *x, float *y, int *index,
                         int threads) {
    rv_pool_job job = {.pool = pool, .from = x, .to = y, .index_to = index};
    rv_pool_run(&job, rv_forward_share, threads);
}

void rv_max_pool_backward(const rv_pooling *pool, const float *dy, const int *index, float *dx,
                          int threads) {
    rv_pool_job job = {.pool = pool, .from = dy, .to = dx, .index_from = index};
    rv_pool_run(&job, rv_backward_share, threads);
}

void rv_average_pool_forward(const rv_pooling *pool, const float *x, float *y, int threads) {
    rv_pool_job job = {.pool = pool, .from = x, .to = y};
    rv_pool_run(&job, rv_forward_share, threads);
}

void rv_average_pool_backward(const rv_pooling *pool, const float *dy, float *dx, int threads) {
    rv_pool_job job = {.pool = pool, .from = dy, .to = dx};
    rv_pool_run(&job, rv_backward_share, threads);
}
