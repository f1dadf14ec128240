#include "tile.h"

typedef struct {
    rv_vector sum[RV_TILE_ROWS][RV_TILE_VECTORS];
} rv_block;

RV_INLINE rv_vector rv_tile_load(const float *from, int is_last, long count) {
    return is_last ? rv_load_first(from, count) : rv_load(from);
}

/* Rows of A that lie apart are reached from every fifth of them: an address may add 1, 2 or 4 times
 * a register, and 3 times has one of its own. Left to itself a compiler keeps the distances of all
 * fourteen, for which there are no registers: 5.2 instead of 6.6 products a ns (Zen 5). It is kept
 * from that by not knowing that the distances stay what they are. */
#define RV_REACH 5
#define RV_OPAQUE(x, y) __asm__("" : "+r"(x), "+r"(y))

/* A pair is no number: arithmetic, were it by zero, might quieten what looks like a NaN. */
RV_INLINE rv_vector rv_tile_factor(const float *a, const int pairs) {
#if RV_TILE_PAIRS
    int pair;
    memcpy(&pair, a, sizeof pair);
    if (pairs) return (rv_vector)_mm512_set1_epi32(pair);
#endif
    (void)pairs;
    return rv_splat(*a);
}

RV_INLINE rv_vector rv_tile_add(rv_vector sum, rv_vector factor, rv_vector row, const int pairs) {
#if RV_TILE_PAIRS
    if (pairs) return (rv_vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)factor, (__m512bh)row);
#endif
    (void)pairs;
    return sum + factor * row;
}

/* Adds what one place gives, of A from every fifth row of it and of B. */
RV_INLINE void rv_tile_place(const int rows, const int vectors, const int contiguous,
                             const int pairs, const float *const *a, long row_a, const float *b,
                             long last, rv_vector sum[RV_TILE_ROWS][RV_TILE_VECTORS]) {
    long apart = row_a * (long)sizeof(float), three = 3 * apart;
    if (!contiguous) RV_OPAQUE(apart, three);
    rv_vector row[RV_TILE_VECTORS];
    RV_UNROLL for (int v = 0; v < vectors; v++) {
        const int masked = RV_TILE_READS_EXACTLY && v == vectors - 1;
        row[v] = rv_tile_load(b + v * RV_WIDTH, masked, last);
    }
    RV_UNROLL for (int i = 0; i < rows; i++) {
        const long far = i % RV_REACH == 3 ? three : i % RV_REACH * apart;
        const char *from = (const char *)a[i / RV_REACH] + far;
        const rv_vector factor = rv_tile_factor((const float *)from, pairs);
        RV_UNROLL for (int v = 0; v < vectors; v++) {
            sum[i][v] = rv_tile_add(sum[i][v], factor, row[v], pairs);
        }
    }
}

/* rows, vectors, contiguous and pairs are constants where this is expanded: the loops over them
 * vanish and `sum` lives in registers. */
RV_INLINE void rv_tile_multiply(const int rows, const int vectors, const int contiguous,
                                const int pairs, const rv_tile *t, rv_block *block) {
    const long row_a = contiguous ? 1 : t->row_a, place_a = contiguous ? t->place_a : 1;
    const long last = t->last, row_b = t->row_b, k = t->k;
    const float *b = t->b;
    rv_vector sum[RV_TILE_ROWS][RV_TILE_VECTORS];
    RV_UNROLL for (int i = 0; i < rows; i++) {
        RV_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (rv_vector){0};
    }
    for (long s = 0; s < t->segments; s++) {
        const float *start = t->a + (t->offset ? t->offset[s] : 0);
        const float *a[RV_CEIL_DIV(RV_TILE_ROWS, RV_REACH)];
        RV_UNROLL for (int i = 0; i < rows; i += RV_REACH) a[i / RV_REACH] = start + i * row_a;
        for (long p = 0; p < k; p++) {
            rv_tile_place(rows, vectors, contiguous, pairs, a, row_a, b, last, sum);
            RV_UNROLL for (int i = 0; i < rows; i += RV_REACH) a[i / RV_REACH] += place_a;
            b += row_b;
        }
    }
    RV_UNROLL for (int i = 0; i < rows; i++) {
        RV_UNROLL for (int v = 0; v < vectors; v++) block->sum[i][v] = sum[i][v];
    }
}

RV_INLINE void rv_tile_finish(const int rows, const int vectors, const rv_tile *t,
                              rv_block *block) {
    const float alpha = t->alpha, beta = t->beta;
    const long last = t->last;
    RV_UNROLL for (int v = 0; v < vectors; v++) {
        const int is_last = v == vectors - 1;
        rv_vector bias = {0};
        if (t->bias) bias = rv_tile_load(t->bias + v * RV_WIDTH, is_last, last);
        RV_UNROLL for (int i = 0; i < rows; i++) {
            float *c = t->c + i * t->row_c + v * RV_WIDTH;
            rv_vector x = block->sum[i][v];
            if (alpha != 1.0f) x *= alpha;
            if (beta != 0.0f) x += beta * rv_tile_load(c, is_last, last);
            if (t->bias) x += bias;
            if (t->relu) x = rv_relu(x);
            if (is_last)
                rv_store_first(c, x, last);
            else
                rv_store(c, x);
        }
    }
}

#define RV_DEFINE(rows, vectors)                                       \
    static void rv_tile_##rows##x##vectors(const rv_tile *t) {         \
        rv_block block;                                                \
        if (RV_TILE_PAIRS && t->pairs && t->row_a == 1)                \
            rv_tile_multiply(rows, vectors, 1, 1, t, &block);          \
        else if (RV_TILE_PAIRS && t->pairs)                            \
            rv_tile_multiply(rows, vectors, 0, 1, t, &block);          \
        else if (t->row_a == 1)                                        \
            rv_tile_multiply(rows, vectors, 1, 0, t, &block);          \
        else                                                           \
            rv_tile_multiply(rows, vectors, 0, 0, t, &block);          \
        rv_tile_finish(rows, vectors, t, &block);                      \
    }
#define RV_NAME(rows, vectors) rv_tile_##rows##x##vectors,

#if RV_TILE_VECTORS == 2
#define RV_EACH_VECTOR(what, rows) what(rows, 1) what(rows, 2)
#else
#define RV_EACH_VECTOR(what, rows) what(rows, 1) what(rows, 2) what(rows, 3)
#endif
#define RV_EACH_TO_6(what)                                                         \
    RV_EACH_VECTOR(what, 1) RV_EACH_VECTOR(what, 2) RV_EACH_VECTOR(what, 3)        \
    RV_EACH_VECTOR(what, 4) RV_EACH_VECTOR(what, 5) RV_EACH_VECTOR(what, 6)
#define RV_EACH_TO_8(what) RV_EACH_TO_6(what) RV_EACH_VECTOR(what, 7) RV_EACH_VECTOR(what, 8)
#define RV_EACH_TO_14(what)                                                        \
    RV_EACH_TO_8(what) RV_EACH_VECTOR(what, 9) RV_EACH_VECTOR(what, 10)            \
    RV_EACH_VECTOR(what, 11) RV_EACH_VECTOR(what, 12) RV_EACH_VECTOR(what, 13)     \
    RV_EACH_VECTOR(what, 14)
#define RV_PASTE(rows) RV_EACH_TO_##rows
#define RV_EACH_TO(rows) RV_PASTE(rows)

RV_EACH_TO(RV_TILE_ROWS)(RV_DEFINE)

typedef void (*rv_tile_function)(const rv_tile *);
static const rv_tile_function TILES[] = {RV_EACH_TO(RV_TILE_ROWS)(RV_NAME)};

void rv_tile_run(int rows, int vectors, const rv_tile *tile) {
    TILES[(rows - 1) * RV_TILE_VECTORS + vectors - 1](tile);
}
