/* Layer norm: each row by itself, lanes along the row. */
#include <math.h>

#include "kernels.h"
#include "memory.h"
#include "threads.h"

/* Rows whose gradients of weight and bias are added up before their sum is added to the total. */
#define RV_BLOCK 64
#define RV_WORTH_A_THREAD 32768

typedef struct {
    long rows, width;
    const float *x, *dy, *weight, *bias;
    float epsilon;
    float *mean_to, *inverse_to;
    const float *mean, *inverse;
    float *to;
    int wants_columns; /* gradients of weight and bias */
    float *workspace;
} rv_layer;

RV_INLINE rv_vector rv_weight_at(const float *weight, long c, long lanes) {
    return weight ? rv_load_first(weight + c, lanes) : rv_splat(1.0f);
}

static float rv_row_sum(const float *x, long width) {
    rv_vector sum[4] = {{0}, {0}, {0}, {0}};
    long c = 0;
    for (; c + 4 * RV_WIDTH <= width; c += 4 * RV_WIDTH)
        for (int i = 0; i < 4; i++) sum[i] += rv_load(x + c + i * RV_WIDTH);
    for (; c < width; c += RV_WIDTH) sum[0] += rv_load_first(x + c, RV_MIN(RV_WIDTH, width - c));
    return rv_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static float rv_row_squares(const float *x, long width, float mean) {
    rv_vector sum[4] = {{0}, {0}, {0}, {0}};
    long c = 0;
    for (; c + 4 * RV_WIDTH <= width; c += 4 * RV_WIDTH)
        for (int i = 0; i < 4; i++) {
            const rv_vector off = rv_load(x + c + i * RV_WIDTH) - mean;
            sum[i] += off * off;
        }
    for (; c + RV_WIDTH <= width; c += RV_WIDTH) {
        const rv_vector off = rv_load(x + c) - mean;
        sum[0] += off * off;
    }
    float rest = 0.0f;
    for (; c < width; c++) rest += (x[c] - mean) * (x[c] - mean);
    return rv_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

static void rv_layer_forward_share(void *context, int share, int shares) {
    const rv_layer *l = context;
    long from, to;
    rv_part(l->rows, 1, share, shares, &from, &to);
    for (long r = from; r < to; r++) {
        const float *x = l->x + r * l->width;
        const float mean = rv_row_sum(x, l->width) / (float)l->width;
        const float variance = rv_row_squares(x, l->width, mean) / (float)l->width;
        const float inverse = 1.0f / sqrtf(variance + l->epsilon);
        l->mean_to[r] = mean;
        l->inverse_to[r] = inverse;
        for (long c = 0; c < l->width; c += RV_WIDTH) {
            const long lanes = RV_MIN(RV_WIDTH, l->width - c);
            rv_vector y = (rv_load_first(x + c, lanes) - mean) * inverse;
            if (l->weight) y *= rv_load_first(l->weight + c, lanes);
            if (l->bias) y += rv_load_first(l->bias + c, lanes);
            rv_store_first(l->to + r * l->width + c, y, lanes);
        }
    }
}

/* With g = dy weight and n = (x - mean) inverse: dx = inverse (g - mean(g) - n mean(g n)). */
static void rv_layer_backward_row(const rv_layer *l, long r) {
    const float *x = l->x + r * l->width, *dy = l->dy + r * l->width;
    const float mean = l->mean[r], inverse = l->inverse[r];
    rv_vector sum[2] = {{0}, {0}}, product[2] = {{0}, {0}};
    for (long c = 0; c < l->width; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, l->width - c), i = c / RV_WIDTH & 1;
        const rv_vector g = rv_load_first(dy + c, lanes) * rv_weight_at(l->weight, c, lanes);
        sum[i] += g;
        product[i] += g * (rv_load_first(x + c, lanes) - mean);
    }
    const float average = rv_sum(sum[0] + sum[1]) / (float)l->width;
    const float slope =
        rv_sum(product[0] + product[1]) * inverse * inverse / (float)l->width;
    for (long c = 0; c < l->width; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, l->width - c);
        const rv_vector g = rv_load_first(dy + c, lanes) * rv_weight_at(l->weight, c, lanes);
        const rv_vector off = rv_load_first(x + c, lanes) - mean;
        rv_store_first(l->to + r * l->width + c, inverse * (g - average - off * slope), lanes);
    }
}

/* Adds what rows of one block give to the gradients of weight and bias. */
static void rv_layer_columns(const rv_layer *l, long row, long rows, float *weight, float *bias) {
    for (long c = 0; c < l->width; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, l->width - c);
        rv_vector sum = {0}, product = {0};
        for (long r = row; r < row + rows; r++) {
            const rv_vector dy = rv_load_first(l->dy + r * l->width + c, lanes);
            const rv_vector x = rv_load_first(l->x + r * l->width + c, lanes);
            sum += dy;
            product += dy * ((x - l->mean[r]) * l->inverse[r]);
        }
        rv_store_first(weight + c, rv_load_first(weight + c, lanes) + product, lanes);
        rv_store_first(bias + c, rv_load_first(bias + c, lanes) + sum, lanes);
    }
}

static void rv_layer_backward_share(void *context, int share, int shares) {
    const rv_layer *l = context;
    const long padded = RV_ROUND_UP(l->width, RV_LINE);
    float *sums = l->workspace + share * 4 * padded, *block = sums + 2 * padded;
    long from, to, blocks = 0;
    rv_part(l->rows, RV_BLOCK, share, shares, &from, &to);
    if (l->wants_columns) rv_zero(sums, 4 * padded);
    for (long r = from; r < to; r += RV_BLOCK) {
        const long rows = RV_MIN(RV_BLOCK, to - r);
        for (long i = r; i < r + rows; i++) rv_layer_backward_row(l, i);
        if (!l->wants_columns) continue;
        rv_layer_columns(l, r, rows, block, block + padded);
        if (++blocks % RV_BLOCK) continue;
        rv_add(sums, block, 2 * padded);
        rv_zero(block, 2 * padded);
    }
    if (l->wants_columns) rv_add(sums, block, 2 * padded);
}

static int rv_shares_of(const rv_layer *l, int threads) {
    return l->rows * l->width < RV_WORTH_A_THREAD ? 1 : RV_MAX(threads, 1);
}

void rv_layer_norm_forward(const float *x, long rows, long width, const float *weight,
                           const float *bias, float epsilon, float *mean, float *inverse_deviation,
                           float *y, int threads) {
    rv_layer l = {.rows = rows,
                  .width = width,
                  .x = x,
                  .weight = weight,
                  .bias = bias,
                  .epsilon = epsilon,
                  .mean_to = mean,
                  .inverse_to = inverse_deviation,
                  .to = y};
    rv_parallel(rv_shares_of(&l, threads), rv_layer_forward_share, &l);
}

void rv_layer_norm_backward(const float *x, const float *dy, long rows, long width,
                            const float *weight, const float *mean, const float *inverse_deviation,
                            float *dx, float *dweight, float *dbias, int threads,
                            float *workspace) {
    rv_layer l = {.rows = rows,
                  .width = width,
                  .x = x,
                  .dy = dy,
                  .weight = weight,
                  .mean = mean,
                  .inverse = inverse_deviation,
                  .to = dx,
                  .wants_columns = dweight || dbias,
                  .workspace = rv_line_start(workspace)};
    const long padded = RV_ROUND_UP(width, RV_LINE);
    const int shares = rv_shares_of(&l, threads);
    rv_parallel(shares, rv_layer_backward_share, &l);
    if (!l.wants_columns) return;
    for (int i = 1; i < shares; i++) rv_add(l.workspace, l.workspace + i * 4 * padded, 2 * padded);
    if (dweight) rv_copy(dweight, l.workspace, width);
    if (dbias) rv_copy(dbias, l.workspace + padded, width);
}
