/* Batch norm over rows of channels: lanes are channels, rows are taken in blocks.
 *
 * A block's statistics are computed in float round the block's own mean, while it is in the cache,
 * and merged in double: one pass over memory, and no cancellation however far the mean is from 0.
 *
 * Reference: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
 * sample variances", 1979. */
#include <math.h>

#include "kernels.h"
#include "memory.h"
#include "threads.h"

#define RV_BLOCK 128
#define RV_WORTH_A_THREAD 32768

typedef struct {
    long rows, channels;
    const float *x, *dy;
    float *to;
    const float *mean, *scale, *shift, *slope; /* what apply uses of each channel */
    float *workspace;
    long share_size;
} rv_batch;

/* Two sums of every channel, of one thread: in double, and of one block in float. */
typedef struct {
    double *first, *second;
    float *block_first, *block_second;
} rv_channel_sums;

static long rv_channel_sums_size(long channels) { return 6 * RV_ROUND_UP(channels, RV_LINE); }

static rv_channel_sums rv_channel_sums_at(const rv_batch *b, int share) {
    const long channels = RV_ROUND_UP(b->channels, RV_LINE);
    float *at = b->workspace + share * b->share_size;
    return (rv_channel_sums){.first = (double *)at,
                             .second = (double *)(at + 2 * channels),
                             .block_first = at + 4 * channels,
                             .block_second = at + 5 * channels};
}

static void rv_mean_and_squares(const rv_batch *b, long row, long rows, rv_channel_sums *s) {
    for (long c = 0; c < b->channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, b->channels - c), apart = b->channels;
        const float *x = b->x + row * apart + c;
        rv_vector sum[2] = {{0}, {0}}, squares[2] = {{0}, {0}};
        for (long i = 0; i < rows; i++) sum[i & 1] += rv_load_first(x + i * apart, lanes);
        const rv_vector mean = (sum[0] + sum[1]) * (1.0f / (float)rows);
        for (long i = 0; i < rows; i++) {
            const rv_vector off = rv_load_first(x + i * apart, lanes) - mean;
            squares[i & 1] += off * off;
        }
        rv_store_first(s->block_first + c, mean, lanes);
        rv_store_first(s->block_second + c, squares[0] + squares[1], lanes);
    }
}

/* Merges means and squared deviations of `count` rows with those of `before` rows. */
static void rv_merge(rv_channel_sums *s, const double *mean, const double *squares, long channels,
                     double before, double count) {
    const double share = count / (before + count);
    for (long c = 0; c < channels; c++) {
        const double off = mean[c] - s->first[c];
        s->first[c] += off * share;
        s->second[c] += squares[c] + off * off * before * share;
    }
}

static void rv_merge_block(rv_channel_sums *s, long channels, double before, double count) {
    const double share = count / (before + count);
    for (long c = 0; c < channels; c++) {
        const double off = (double)s->block_first[c] - s->first[c];
        s->first[c] += off * share;
        s->second[c] += (double)s->block_second[c] + off * off * before * share;
    }
}

static void rv_statistics_share(void *context, int share, int shares) {
    const rv_batch *b = context;
    rv_channel_sums s = rv_channel_sums_at(b, share);
    long from, to;
    rv_part(b->rows, RV_BLOCK, share, shares, &from, &to);
    for (long c = 0; c < b->channels; c++) s.first[c] = s.second[c] = 0.0;
    for (long i = from; i < to; i += RV_BLOCK) {
        const long rows = RV_MIN(RV_BLOCK, to - i);
        rv_mean_and_squares(b, i, rows, &s);
        rv_merge_block(&s, b->channels, (double)(i - from), (double)rows);
    }
}

static void rv_apply_share(void *context, int share, int shares) {
    const rv_batch *b = context;
    long from, to;
    rv_part(b->rows, 1, share, shares, &from, &to);
    for (long i = from; i < to; i++)
        for (long c = 0; c < b->channels; c += RV_WIDTH) {
            const long lanes = RV_MIN(RV_WIDTH, b->channels - c), at = i * b->channels + c;
            const rv_vector off =
                rv_load_first(b->x + at, lanes) - rv_load_first(b->mean + c, lanes);
            const rv_vector scale = rv_load_first(b->scale + c, lanes);
            const rv_vector shift = rv_load_first(b->shift + c, lanes);
            if (b->dy) {
                const rv_vector slope = rv_load_first(b->slope + c, lanes);
                const rv_vector dy = rv_load_first(b->dy + at, lanes);
                rv_store_first(b->to + at, scale * (dy - shift - off * slope), lanes);
            } else {
                rv_store_first(b->to + at, off * scale + shift, lanes);
            }
        }
}

/* sum dy and sum dy (x - mean) of a block. */
static void rv_gradient_sums(const rv_batch *b, long row, long rows, rv_channel_sums *s) {
    for (long c = 0; c < b->channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, b->channels - c), apart = b->channels;
        const float *x = b->x + row * apart + c, *dy = b->dy + row * apart + c;
        const rv_vector mean = rv_load_first(b->mean + c, lanes);
        rv_vector sum[2] = {{0}, {0}}, product[2] = {{0}, {0}};
        for (long i = 0; i < rows; i++) {
            const rv_vector gradient = rv_load_first(dy + i * apart, lanes);
            sum[i & 1] += gradient;
            product[i & 1] += gradient * (rv_load_first(x + i * apart, lanes) - mean);
        }
        rv_store_first(s->block_first + c, sum[0] + sum[1], lanes);
        rv_store_first(s->block_second + c, product[0] + product[1], lanes);
    }
}

static void rv_gradient_share(void *context, int share, int shares) {
    const rv_batch *b = context;
    rv_channel_sums s = rv_channel_sums_at(b, share);
    long from, to;
    rv_part(b->rows, RV_BLOCK, share, shares, &from, &to);
    for (long c = 0; c < b->channels; c++) s.first[c] = s.second[c] = 0.0;
    for (long i = from; i < to; i += RV_BLOCK) {
        rv_gradient_sums(b, i, RV_MIN(RV_BLOCK, to - i), &s);
        for (long c = 0; c < b->channels; c++) {
            s.first[c] += (double)s.block_first[c];
            s.second[c] += (double)s.block_second[c];
        }
    }
}

static int rv_shares_of(const rv_batch *b, int threads) {
    return b->rows * b->channels < RV_WORTH_A_THREAD ? 1 : RV_MAX(threads, 1);
}

long rv_norm_workspace(long width, int threads) {
    return RV_LINE + 4 * RV_ROUND_UP(width, RV_LINE) +
           RV_MAX(threads, 1) * rv_channel_sums_size(width);
}

/* Room for three rows of channels, then for each share's sums. */
static rv_batch rv_batch_make(const float *x, const float *dy, long rows, long channels, float *to,
                              float *workspace, float *row[3]) {
    rv_batch b = {.rows = rows, .channels = channels, .x = x, .dy = dy, .to = to};
    float *rest = rv_line_start(workspace);
    for (int i = 0; i < 3; i++) row[i] = rv_take(&rest, channels);
    b.scale = row[0];
    b.shift = row[1];
    b.slope = row[2];
    b.workspace = rest;
    b.share_size = rv_channel_sums_size(channels);
    return b;
}

void rv_batch_norm_forward(const float *x, long rows, long channels, const float *weight,
                           const float *bias, float epsilon, float momentum, float *running_mean,
                           float *running_variance, float *mean, float *inverse_deviation, float *y,
                           int threads, float *workspace) {
    float *row[3];
    rv_batch b = rv_batch_make(x, NULL, rows, channels, y, workspace, row);
    const int shares = rv_shares_of(&b, threads);
    rv_parallel(shares, rv_statistics_share, &b);
    rv_channel_sums all = rv_channel_sums_at(&b, 0);
    long from, to;
    for (int i = 1; i < shares; i++) {
        const rv_channel_sums s = rv_channel_sums_at(&b, i);
        rv_part(rows, RV_BLOCK, i, shares, &from, &to);
        if (from < to)
            rv_merge(&all, s.first, s.second, channels, (double)from, (double)(to - from));
    }
    for (long c = 0; c < channels; c++) {
        const double variance = all.second[c] / (double)rows;
        mean[c] = (float)all.first[c];
        inverse_deviation[c] = (float)(1.0 / sqrt(variance + (double)epsilon));
        row[0][c] = weight ? weight[c] * inverse_deviation[c] : inverse_deviation[c];
        row[1][c] = bias ? bias[c] : 0.0f;
        if (running_mean) running_mean[c] += momentum * (mean[c] - running_mean[c]);
        if (running_variance) {
            const float unbiased = (float)(all.second[c] / (double)(rows - 1));
            running_variance[c] += momentum * (unbiased - running_variance[c]);
        }
    }
    b.mean = mean;
    rv_parallel(shares, rv_apply_share, &b);
}

void rv_batch_norm_backward(const float *x, const float *dy, long rows, long channels,
                            const float *weight, const float *mean, const float *inverse_deviation,
                            float *dx, float *dweight, float *dbias, int threads,
                            float *workspace) {
    float *row[3];
    rv_batch b = rv_batch_make(x, dy, rows, channels, dx, workspace, row);
    const int shares = rv_shares_of(&b, threads);
    b.mean = mean;
    rv_parallel(shares, rv_gradient_share, &b);
    rv_channel_sums all = rv_channel_sums_at(&b, 0);
    for (int i = 1; i < shares; i++) {
        const rv_channel_sums s = rv_channel_sums_at(&b, i);
        for (long c = 0; c < channels; c++) {
            all.first[c] += s.first[c];
            all.second[c] += s.second[c];
        }
    }
    for (long c = 0; c < channels; c++) {
        const double inverse = (double)inverse_deviation[c];
        row[0][c] = weight ? weight[c] * inverse_deviation[c] : inverse_deviation[c];
        row[1][c] = (float)(all.first[c] / (double)rows);
        row[2][c] = (float)(all.second[c] * inverse * inverse / (double)rows);
        if (dbias) dbias[c] = (float)all.first[c];
        if (dweight) dweight[c] = (float)(all.second[c] * inverse);
    }
    rv_parallel(shares, rv_apply_share, &b);
}
