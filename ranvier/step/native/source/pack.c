#include "pack.h"

#define GROUPS RV_CEIL_DIV(RV_TILE_ROWS, RV_WIDTH)

/* Each store of a whole vector spills over into what the next one writes. */
static void rv_pack_rows_contiguous(const float *a, long place, int rows, long k, float *packed) {
    for (long p = 0; p < k; p++, a += place, packed += rows)
        for (int i = 0; i < rows; i += RV_WIDTH)
            rv_store(packed + i, rv_load_first(a + i, RV_MIN(RV_WIDTH, rows - i)));
}

static void rv_pack_rows_transposed(const float *a, long row, int rows, long k, float *packed) {
    rv_vector square[GROUPS][RV_WIDTH];
    for (long p = 0; p < k; p += RV_WIDTH) {
        const long places = RV_MIN(RV_WIDTH, k - p);
        for (int g = 0; g < GROUPS; g++) {
            for (int i = 0; i < RV_WIDTH; i++) {
                const int r = g * RV_WIDTH + i;
                square[g][i] = r < rows ? rv_load_first(a + r * row + p, places) : (rv_vector){0};
            }
            rv_transpose(square[g]);
        }
        for (long i = 0; i < places; i++, packed += rows)
            for (int g = 0; g * RV_WIDTH < rows; g++) rv_store(packed + g * RV_WIDTH, square[g][i]);
    }
}

void rv_pack_rows(const float *a, long row, long place, int rows, long k, float *packed) {
    if (row == 1)
        rv_pack_rows_contiguous(a, place, rows, k, packed);
    else
        rv_pack_rows_transposed(a, row, rows, k, packed);
}

static void rv_pack_columns_contiguous(const float *b, long place, long columns, long k,
                                       float *packed) {
    const long whole = columns / RV_WIDTH * RV_WIDTH, rest = columns - whole;
    for (long p = 0; p < k; p++, b += place) {
        for (long j = 0; j < whole; j += RV_WIDTH, packed += RV_WIDTH) rv_store(packed, rv_load(b + j));
        if (rest) {
            rv_store(packed, rv_load_first(b + whole, rest));
            packed += RV_WIDTH;
        }
    }
}

static void rv_pack_columns_transposed(const float *b, long column, long columns, long k,
                                       float *packed) {
    const long width = RV_ROUND_UP(columns, RV_WIDTH);
    for (long p = 0; p < k; p += RV_WIDTH) {
        const long places = RV_MIN(RV_WIDTH, k - p);
        for (long j = 0; j < columns; j += RV_WIDTH) {
            rv_vector square[RV_WIDTH];
            for (int i = 0; i < RV_WIDTH; i++)
                square[i] = j + i < columns ? rv_load_first(b + (j + i) * column + p, places)
                                            : (rv_vector){0};
            rv_transpose(square);
            for (long i = 0; i < places; i++) rv_store(packed + (p + i) * width + j, square[i]);
        }
    }
}

void rv_pack_columns(const float *b, long place, long column, long columns, long k, float *packed) {
    if (column == 1)
        rv_pack_columns_contiguous(b, place, columns, k, packed);
    else
        rv_pack_columns_transposed(b, column, columns, k, packed);
}
