#include "losses.h"

#include "functions.h"
#include "threads.h"

#define RV_PIECE 1024 /* numbers worked on at a time, so that they stay in the first cache */

RV_INLINE float rv_row_largest(const float *x, long n) {
    float lanes[RV_WIDTH], value = -INFINITY;
    long i = 0;
    if (n >= RV_WIDTH) {
        rv_vector most = rv_load(x);
        for (i = RV_WIDTH; i + RV_WIDTH <= n; i += RV_WIDTH) {
            const rv_vector y = rv_load(x + i);
            most = rv_select(y > most, y, most);
        }
        rv_store(lanes, most);
        for (int l = 0; l < RV_WIDTH; l++) value = lanes[l] > value ? lanes[l] : value;
    }
    for (; i < n; i++) value = x[i] > value ? x[i] : value;
    return value;
}

RV_INLINE float rv_row_sum(const float *x, long n) {
    rv_vector total = {0};
    long i = 0;
    for (; i + RV_WIDTH <= n; i += RV_WIDTH) total += rv_load(x + i);
    total += rv_load_first(x + i, n - i);
    return rv_sum(total);
}

static void rv_exponentials(float *restrict to, const float *restrict from, long n) {
    for (long i = 0; i < n; i++) to[i] = rv_exp(from[i]);
}

static void rv_logarithms(float *x, long n) {
    for (long i = 0; i < n; i++) x[i] = rv_log(x[i]);
}

/* So many whole rows at a time; e^x and log x run over all of their numbers in one go. */
static void rv_softmax_rows(long rows, long columns, const float *x, float *result, int is_log) {
    float moved[RV_PIECE], powers[RV_PIECE], sums[RV_PIECE];
    for (long r = 0; r < rows; r++) {
        const float largest = rv_row_largest(x + r * columns, columns);
        for (long j = 0; j < columns; j++) moved[r * columns + j] = x[r * columns + j] - largest;
    }
    rv_exponentials(powers, moved, rows * columns);
    for (long r = 0; r < rows; r++) sums[r] = rv_row_sum(powers + r * columns, columns);
    if (is_log) rv_logarithms(sums, rows);
    for (long r = 0; r < rows; r++) {
        const long from = r * columns, to = from + columns;
        if (is_log)
            for (long i = from; i < to; i++) result[i] = moved[i] - sums[r];
        else
            for (long i = from; i < to; i++) result[i] = powers[i] / sums[r];
    }
}

/* One row too long for a piece. */
static void rv_softmax_row(long columns, const float *x, float *result, int is_log) {
    float moved[RV_PIECE], powers[RV_PIECE];
    const float largest = rv_row_largest(x, columns);
    double total = 0;
    for (long from = 0; from < columns; from += RV_PIECE) {
        const long n = RV_MIN(columns - from, RV_PIECE);
        for (long j = 0; j < n; j++) moved[j] = x[from + j] - largest;
        rv_exponentials(powers, moved, n);
        total += rv_row_sum(powers, n);
    }
    const float logarithm = (float)rv_log_wide(total), sum = (float)total;
    for (long from = 0; from < columns; from += RV_PIECE) {
        const long n = RV_MIN(columns - from, RV_PIECE);
        for (long j = 0; j < n; j++) moved[j] = x[from + j] - largest;
        if (is_log) {
            for (long j = 0; j < n; j++) result[from + j] = moved[j] - logarithm;
        } else {
            rv_exponentials(powers, moved, n);
            for (long j = 0; j < n; j++) result[from + j] = powers[j] / sum;
        }
    }
}

static void rv_softmax_of(long rows, long columns, const float *x, float *result, int is_log) {
    const long together = columns ? RV_PIECE / columns : 1;
    for (long r = 0; r < rows; r += RV_MAX(together, 1)) {
        if (together > 0)
            rv_softmax_rows(RV_MIN(together, rows - r), columns, x + r * columns,
                            result + r * columns, is_log);
        else
            rv_softmax_row(columns, x + r * columns, result + r * columns, is_log);
    }
}

static void rv_softmax_row_backward(long columns, const float *g, const float *y, float *to) {
    rv_vector total = {0};
    long j = 0;
    for (; j + RV_WIDTH <= columns; j += RV_WIDTH) total += rv_load(g + j) * rv_load(y + j);
    total += rv_load_first(g + j, columns - j) * rv_load_first(y + j, columns - j);
    const float sum = rv_sum(total);
    for (j = 0; j < columns; j++) to[j] = (g[j] - sum) * y[j];
}

/* g - e^y sum(g) of rows that fit a piece together, or of one row piece by piece. */
static void rv_log_softmax_backward(long rows, long columns, const float *g, const float *y,
                                    float *to) {
    float powers[RV_PIECE], sums[RV_PIECE];
    for (long r = 0; r < rows; r++) sums[r] = rv_row_sum(g + r * columns, columns);
    for (long from = 0; from < rows * columns; from += RV_PIECE) {
        const long n = RV_MIN(rows * columns - from, RV_PIECE);
        rv_exponentials(powers, y + from, n);
        if (rows == 1) {
            for (long j = 0; j < n; j++) to[from + j] = g[from + j] - powers[j] * sums[0];
            continue;
        }
        for (long r = 0; r < rows; r++)
            for (long j = r * columns; j < (r + 1) * columns; j++)
                to[j] = g[j] - powers[j] * sums[r];
    }
}

static void rv_softmax_backward_of(long rows, long columns, const float *gradient,
                                   const float *result, float *input_gradient, int is_log) {
    const long together = is_log && columns ? RV_MAX(RV_PIECE / columns, 1) : 1;
    for (long r = 0; r < rows; r += together) {
        const long at = r * columns, n = RV_MIN(together, rows - r);
        if (is_log)
            rv_log_softmax_backward(n, columns, gradient + at, result + at, input_gradient + at);
        else
            rv_softmax_row_backward(columns, gradient + at, result + at, input_gradient + at);
    }
}

/* The gradient is NULL going forward. */
typedef struct {
    long rows, columns;
    const float *gradient, *x;
    float *result;
    int is_log;
} rv_rows_work;

static void rv_softmax_share(void *context, int share, int shares) {
    const rv_rows_work *w = context;
    long from, to;
    rv_part(w->rows, 1, share, shares, &from, &to);
    const long at = from * w->columns;
    if (w->gradient)
        rv_softmax_backward_of(to - from, w->columns, w->gradient + at, w->x + at, w->result + at,
                               w->is_log);
    else
        rv_softmax_of(to - from, w->columns, w->x + at, w->result + at, w->is_log);
}

void rv_softmax(long rows, long columns, const float *x, float *result, int is_log, int threads) {
    rv_rows_work work = {rows, columns, NULL, x, result, is_log};
    rv_parallel(threads, rv_softmax_share, &work);
}

void rv_softmax_backward(long rows, long columns, const float *gradient, const float *result,
                         float *input_gradient, int is_log, int threads) {
    rv_rows_work work = {rows, columns, gradient, result, input_gradient, is_log};
    rv_parallel(threads, rv_softmax_share, &work);
}

int rv_nll(long rows, long columns, const float *x, const int64_t *target, const float *classes,
           int reduction, int64_t ignored, float *result, float *total) {
    double loss = 0, weight = 0;
    for (long r = 0; r < rows; r++) {
        const int64_t t = target[r];
        float here = 0, w = 0;
        if (t != ignored) {
            if (t < 0 || t >= columns) return 1;
            w = classes ? classes[t] : 1;
            here = -w * x[r * columns + t];
        }
        if (reduction == 0) result[r] = here;
        loss += here;
        weight += w;
    }
    *total = (float)weight;
    if (reduction == 1) *result = (float)(loss / weight);
    if (reduction == 2) *result = (float)loss;
    return 0;
}

void rv_nll_backward(long rows, long columns, const float *gradient, const int64_t *target,
                     const float *classes, int reduction, int64_t ignored, const float *total,
                     float *input_gradient) {
    memset(input_gradient, 0, (size_t)(rows * columns) * sizeof(float));
    const float share = reduction == 1 ? *gradient / *total : *gradient;
    for (long r = 0; r < rows; r++) {
        const int64_t t = target[r];
        if (t == ignored || t < 0 || t >= columns) continue;
        const float g = reduction == 0 ? gradient[r] : share;
        input_gradient[r * columns + t] = -g * (classes ? classes[t] : 1);
    }
}
