#include "reductions.h"

#include <math.h>

#include "elements.h"
#include "threads.h"
#include "vector.h"

/* Sums are kept in so many vectors at once: more of them, fewer roundings in a row and no waiting
 * for the addition before. */
#define RV_CHAINS 4

typedef struct {
    long size, stride, result;
} rv_axis;

typedef struct {
    int way, root;
    float *result;
    const float *input;
    double scale;
    int num_kept, num_reduced;
    rv_axis kept[RV_MAX_DIMENSIONS], reduced[RV_MAX_DIMENSIONS];
} rv_reduction;

RV_INLINE float rv_first(int way) {
    return way == RV_LARGEST ? -INFINITY : way == RV_SMALLEST ? INFINITY : 0.0f;
}

RV_INLINE float rv_take_one(int way, float so_far, float x) {
    switch (way) {
        case RV_SUM: return so_far + x;
        case RV_SUM_OF_SQUARES: return so_far + x * x;
        case RV_SUM_OF_SIZES: return so_far + fabsf(x);
        case RV_LARGEST: return (x > so_far) | (x != x) ? x : so_far;
        default: return (x < so_far) | (x != x) ? x : so_far;
    }
}

RV_INLINE rv_vector rv_take(int way, rv_vector so_far, rv_vector x) {
    switch (way) {
        case RV_SUM: return so_far + x;
        case RV_SUM_OF_SQUARES: return so_far + x * x;
        case RV_SUM_OF_SIZES: return so_far + rv_select(x < 0, -x, x);
        case RV_LARGEST: return rv_select((x > so_far) | (x != x), x, so_far);
        default: return rv_select((x < so_far) | (x != x), x, so_far);
    }
}

/* Two results of the same way as one. */
RV_INLINE int rv_joins(int way) {
    return way == RV_LARGEST || way == RV_SMALLEST ? way : RV_SUM;
}

RV_INLINE float rv_row(int way, const float *x, long count) {
    rv_vector chain[RV_CHAINS];
    long i = 0;
    for (int c = 0; c < RV_CHAINS; c++) chain[c] = rv_splat(rv_first(way));
    for (; i + RV_CHAINS * RV_WIDTH <= count; i += RV_CHAINS * RV_WIDTH)
        for (int c = 0; c < RV_CHAINS; c++)
            chain[c] = rv_take(way, chain[c], rv_load(x + i + c * RV_WIDTH));
    for (; i + RV_WIDTH <= count; i += RV_WIDTH) chain[0] = rv_take(way, chain[0], rv_load(x + i));
    const int join = rv_joins(way);
    rv_vector all = rv_take(join, rv_take(join, chain[0], chain[1]),
                            rv_take(join, chain[2], chain[3]));
    float lanes[RV_WIDTH], value;
    if (join == RV_SUM) {
        value = rv_sum(all);
    } else {
        rv_store(lanes, all);
        value = lanes[0];
        for (int l = 1; l < RV_WIDTH; l++) value = rv_take_one(way, value, lanes[l]);
    }
    for (; i < count; i++) value = rv_take_one(way, value, x[i]);
    return value;
}

float rv_norm(const float *x, long count) { return sqrtf(rv_row(RV_SUM_OF_SQUARES, x, count)); }

RV_INLINE float rv_finish(const rv_reduction *r, float value) {
    value = (float)(value * r->scale);
    return r->root ? sqrtf(value) : value;
}

/* The next place of the axes but the last `skipped`; 0 when all were seen. */
static int rv_next(const rv_axis *axes, int count, int skipped, long *index, long *at,
                   long *result_at) {
    for (int d = count - 1 - skipped; d >= 0; d--) {
        *at += axes[d].stride;
        *result_at += axes[d].result;
        if (++index[d] < axes[d].size) return 1;
        *at -= axes[d].size * axes[d].stride;
        *result_at -= axes[d].size * axes[d].result;
        index[d] = 0;
    }
    return 0;
}

/* All that is reduced into one number, starting at `input`. */
RV_INLINE float rv_reduce_one(const rv_reduction *r, int way, const float *input) {
    const int n = r->num_reduced, join = rv_joins(way);
    if (n == 0) return rv_take_one(way, rv_first(way), *input);
    const rv_axis last = r->reduced[n - 1];
    long index[RV_MAX_DIMENSIONS] = {0}, at = 0, unused = 0;
    float total = rv_first(way);
    do {
        float value = rv_first(way);
        if (last.stride == 1)
            value = rv_row(way, input + at, last.size);
        else
            for (long i = 0; i < last.size; i++)
                value = rv_take_one(way, value, input[at + i * last.stride]);
        total = rv_take_one(join, total, value);
    } while (rv_next(r->reduced, n, 1, index, &at, &unused));
    return total;
}

/* `vectors` neighbours of the last kept axis at once, the last of them with `last` lanes. */
RV_INLINE void rv_reduce_column(const rv_reduction *r, int way, const float *input, float *result,
                                int vectors, long last) {
    rv_vector total[RV_CHAINS];
    for (int v = 0; v < vectors; v++) total[v] = rv_splat(rv_first(way));
    const int n = r->num_reduced;
    const rv_axis rows = r->reduced[n - 1];
    long index[RV_MAX_DIMENSIONS] = {0}, at = 0, unused = 0;
    do {
        for (long i = 0; i < rows.size; i++) {
            const float *x = input + at + i * rows.stride;
            for (int v = 0; v < vectors - 1; v++)
                total[v] = rv_take(way, total[v], rv_load(x + v * RV_WIDTH));
            total[vectors - 1] = rv_take(way, total[vectors - 1],
                                         rv_load_first(x + (vectors - 1) * RV_WIDTH, last));
        }
    } while (rv_next(r->reduced, n, 1, index, &at, &unused));
    for (int v = 0; v < vectors; v++) {
        float lanes[RV_WIDTH];
        rv_store(lanes, total[v]);
        const long used = v == vectors - 1 ? last : RV_WIDTH;
        for (long l = 0; l < used; l++) result[v * RV_WIDTH + l] = rv_finish(r, lanes[l]);
    }
}

RV_INLINE void rv_reduce_columns(const rv_reduction *r, int way, const float *input, float *result,
                                 long from, long to) {
    for (long j = from; j < to; j += RV_CHAINS * RV_WIDTH) {
        const long rest = RV_MIN(to - j, RV_CHAINS * RV_WIDTH);
        const int vectors = (int)RV_CEIL_DIV(rest, RV_WIDTH);
        const long last = rest - (vectors - 1) * RV_WIDTH;
        switch (vectors) {
            case 1: rv_reduce_column(r, way, input + j, result + j, 1, last); break;
            case 2: rv_reduce_column(r, way, input + j, result + j, 2, last); break;
            case 3: rv_reduce_column(r, way, input + j, result + j, 3, last); break;
            default: rv_reduce_column(r, way, input + j, result + j, 4, last);
        }
    }
}

RV_INLINE void rv_reduce_part(const rv_reduction *r, int way, int share, int shares) {
    const int n = r->num_kept;
    if (n == 0) {
        if (share == 0) *r->result = rv_finish(r, rv_reduce_one(r, way, r->input));
        return;
    }
    const rv_axis last = r->kept[n - 1];
    const int columns = last.stride == 1 && last.result == 1 && r->num_reduced > 0;
    long index[RV_MAX_DIMENSIONS] = {0}, at = 0, to = 0, from, end;
    /* The last axis is cut where it is the only one, otherwise the places before it are dealt. */
    rv_part(last.size, columns ? RV_CHAINS * RV_WIDTH : 16, n == 1 ? share : 0,
            n == 1 ? shares : 1, &from, &end);
    long place = 0;
    do {
        if (n > 1 && place++ % shares != share) continue;
        if (columns)
            rv_reduce_columns(r, way, r->input + at, r->result + to, from, end);
        else
            for (long i = from; i < end; i++)
                r->result[to + i * last.result] =
                    rv_finish(r, rv_reduce_one(r, way, r->input + at + i * last.stride));
    } while (rv_next(r->kept, n, 1, index, &at, &to));
}

static void rv_reduce_share(void *context, int share, int shares) {
    const rv_reduction *r = context;
    switch (r->way) {
        case RV_SUM: rv_reduce_part(r, RV_SUM, share, shares); break;
        case RV_SUM_OF_SQUARES: rv_reduce_part(r, RV_SUM_OF_SQUARES, share, shares); break;
        case RV_SUM_OF_SIZES: rv_reduce_part(r, RV_SUM_OF_SIZES, share, shares); break;
        case RV_LARGEST: rv_reduce_part(r, RV_LARGEST, share, shares); break;
        default: rv_reduce_part(r, RV_SMALLEST, share, shares);
    }
}

void rv_reduce(const int64_t *words) {
    rv_reduction r = {.way = (int)words[0], .result = (float *)words[2],
                      .input = (const float *)words[3], .root = (int)words[5]};
    memcpy(&r.scale, words + 4, sizeof r.scale);
    r.num_kept = (int)words[6];
    const int64_t *axis = words + 7;
    for (int d = 0; d < r.num_kept; d++, axis += 3)
        r.kept[d] = (rv_axis){axis[0], axis[1], axis[2]};
    r.num_reduced = (int)*axis++;
    for (int d = 0; d < r.num_reduced; d++, axis += 2) r.reduced[d] = (rv_axis){axis[0], axis[1], 0};
    if (words[1] > 1)
        rv_parallel((int)words[1], rv_reduce_share, &r);
    else
        rv_reduce_share(&r, 0, 1);
}
