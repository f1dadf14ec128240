#include "half.h"

#include "tile.h"

#if RV_TILE_PAIRS

/* Sixteen pairs of the floats of two vectors, lane by lane. */
RV_INLINE __m512i rv_pair_lanes(rv_vector even, rv_vector odd) {
    const __m512i riffle = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
        3, 18, 2, 17, 1, 16, 0);
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
    return _mm512_permutexvar_epi16(riffle, both);
}

/* Sixteen pairs of neighbours of the first `count` floats, zeros behind them. */
RV_INLINE __m512i rv_pair_neighbours(const float *from, long count) {
    const rv_vector first = rv_load_first(from, RV_MIN(count, RV_WIDTH));
    const rv_vector second =
        count > RV_WIDTH ? rv_load_first(from + RV_WIDTH, RV_MIN(count - RV_WIDTH, RV_WIDTH))
                         : (rv_vector){0};
    return (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

RV_INLINE void rv_store_pairs(rv_pair *to, __m512i pairs, long count) {
    _mm512_mask_storeu_epi32(to, (__mmask16)((1u << RV_MIN(count, RV_WIDTH)) - 1u), pairs);
}

void rv_half_row(const float *from, long count, rv_pair *to) {
    for (long i = 0; i < count; i += 2 * RV_WIDTH)
        rv_store_pairs(to + i / 2, rv_pair_neighbours(from + i, count - i), RV_PAIRS(count - i));
}

void rv_half_rows(const float *even, const float *odd, long count, rv_pair *to) {
    for (long i = 0; i < count; i += RV_WIDTH) {
        const long lanes = RV_MIN(count - i, RV_WIDTH);
        const rv_vector low = rv_load_first(even + i, lanes);
        const rv_vector high = odd ? rv_load_first(odd + i, lanes) : (rv_vector){0};
        rv_store_pairs(to + i, rv_pair_lanes(low, high), lanes);
    }
}

/* `width` words from one pair of places to the next. A store of a whole vector may spill over into
 * what the next one writes. */
static void rv_half_pack_contiguous(const float *b, long place, long columns, long places,
                                    long width, rv_pair *packed) {
    for (long p = 0; p < places; p += 2, packed += width)
        for (long j = 0; j < columns; j += RV_WIDTH) {
            const long count = RV_MIN(RV_WIDTH, columns - j);
            const float *from = b + p * place + j;
            const rv_vector even = rv_load_first(from, count);
            const rv_vector odd =
                p + 1 < places ? rv_load_first(from + place, count) : (rv_vector){0};
            _mm512_storeu_si512(packed + j, rv_pair_lanes(even, odd));
        }
}

static void rv_half_pack_transposed(const float *b, long column, long columns, long places,
                                    long width, rv_pair *packed) {
    for (long p = 0; p < places; p += 2 * RV_WIDTH)
        for (long j = 0; j < columns; j += RV_WIDTH) {
            const long pairs = RV_MIN(RV_WIDTH, RV_PAIRS(places - p));
            rv_vector square[RV_WIDTH];
            for (int i = 0; i < RV_WIDTH; i++)
                square[i] = (rv_vector)rv_pair_neighbours(b + (j + i) * column + p,
                                                          j + i < columns ? places - p : 0);
            rv_transpose(square);
            for (long i = 0; i < pairs; i++)
                _mm512_storeu_si512(packed + (p / 2 + i) * width + j, (__m512i)square[i]);
        }
}

void rv_half_pack_columns(const float *b, long place, long column, long columns, long places,
                          rv_pair *packed) {
    const long width = RV_ROUND_UP(columns, RV_WIDTH);
    if (column == 1)
        rv_half_pack_contiguous(b, place, columns, places, width, packed);
    else
        rv_half_pack_transposed(b, column, columns, places, width, packed);
}

void rv_half_pack_rows(const float *a, long row, long place, int rows, long places,
                       rv_pair *packed) {
    if (row == 1)
        rv_half_pack_contiguous(a, place, rows, places, rows, packed);
    else
        rv_half_pack_transposed(a, row, rows, places, rows, packed);
}

#else

void rv_half_row(const float *from, long count, rv_pair *to) { (void)from, (void)count, (void)to; }

void rv_half_rows(const float *even, const float *odd, long count, rv_pair *to) {
    (void)even, (void)odd, (void)count, (void)to;
}

void rv_half_pack_columns(const float *b, long place, long column, long columns, long places,
                          rv_pair *packed) {
    (void)b, (void)place, (void)column, (void)columns, (void)places, (void)packed;
}

void rv_half_pack_rows(const float *a, long row, long place, int rows, long places,
                       rv_pair *packed) {
    (void)a, (void)row, (void)place, (void)rows, (void)places, (void)packed;
}

#endif
