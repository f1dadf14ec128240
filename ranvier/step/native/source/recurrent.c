/* Rows of a batch know nothing of each other: each thread takes some and reads all their places,
 * without waiting for the others. How rows are shared out changes no bit. */
#include "recurrent.h"

#include <stddef.h>

#include "cells.h"
#include "half.h"
#include "kernels.h"
#include "memory.h"
#include "pack.h"
#include "threads.h"
#include "tile.h"

/* Where the input's columns end and the state's begin, in the order of recurrent.h. */
typedef struct {
    long columns, width, input_end, state_start;
} rv_columns;

static rv_columns rv_columns_of(const rv_recurrent *g) {
    const long units = g->units, gates = g->cell == RV_LSTM || g->cell == RV_GRU ? 4 : 1;
    const int is_gru = g->cell == RV_GRU;
    return (rv_columns){.columns = gates * units,
                        .width = g->features + 1 + units,
                        .input_end = (is_gru ? 3 : gates) * units,
                        .state_start = is_gru ? units : 0};
}

long rv_recurrent_columns(long cell, long units) {
    const rv_recurrent g = {.cell = cell, .units = units};
    return rv_columns_of(&g).columns;
}

/* Torch's row of the input's weights for a column: its GRU has n last, here it is first. */
static long rv_input_row(const rv_recurrent *g, long column) {
    if (g->cell != RV_GRU) return column;
    return column < g->units ? column + 2 * g->units : column - g->units;
}

typedef struct {
    float *matrix;   /* [W, K] */
    float *packed;   /* the matrix in the order in which tiles read it */
    float *rounded;  /* per row what it multiplies in bfloat16 */
    float *gradient; /* of parts of the matrix */
    float *products; /* what products over all places work in */
} rv_room;

static long rv_packed_size(long columns, long places) {
    return RV_ROUND_UP(RV_ROUND_UP(columns, RV_TILE_COLUMNS) * places, RV_LINE);
}

static int rv_is_half(const rv_recurrent *g) { return RV_HAS_HALF && g->half; }

static long rv_rounded_width(const rv_recurrent *g) {
    const rv_columns cut = rv_columns_of(g);
    return rv_is_half(g) ? RV_PAIRS(RV_MAX(cut.columns, cut.width)) : 0;
}

/* Lays the parts out one after another, from `start` on, and says how many floats they take. */
static long rv_lay_out(const rv_recurrent *g, float *start, rv_room *room) {
    const rv_columns cut = rv_columns_of(g);
    const long all = g->places * g->rows, last = RV_TILE_COLUMNS;
    const int threads = (int)g->threads;
    float *next = start;
    room->matrix = rv_take(&next, cut.columns * cut.width);
    /* A packed run of columns ends with a panel of its own; a GRU has three of them. */
    room->packed = rv_take(&next, RV_MAX(rv_packed_size(cut.columns + 3 * last, cut.width + 1),
                                         rv_packed_size(g->units, cut.columns + 1)));
    room->rounded = rv_take(&next, g->rows * rv_rounded_width(g));
    room->gradient = rv_take(&next, cut.columns * (cut.width + 1));
    const long plain = RV_MAX(rv_gemm_workspace(cut.columns, cut.width, all, threads),
                              rv_gemm_workspace(all, g->features, cut.columns, threads));
    const long half = rv_half_gemm_workspace(cut.columns, cut.width, threads);
    room->products = rv_take(&next, RV_MAX(plain, half));
    return next - start;
}

long rv_recurrent_workspace(const rv_recurrent *layer) {
    rv_room room;
    float *nowhere = NULL;
    return rv_lay_out(layer, nowhere, &room) + RV_LINE;
}

static rv_room rv_cut_room(const rv_recurrent *g) {
    rv_room room;
    rv_lay_out(g, rv_line_start(g->workspace), &room);
    return room;
}

/* Row w of the matrix is what column w of the gates takes from [x, 1, h]. */
static void rv_gather_weights(const rv_recurrent *g, float *matrix) {
    const rv_columns cut = rv_columns_of(g);
    const long features = g->features, units = g->units;
    rv_zero(matrix, cut.columns * cut.width);
    for (long w = 0; w < cut.columns; w++) {
        float *row = matrix + w * cut.width;
        if (w < cut.input_end) {
            const long from = rv_input_row(g, w);
            rv_copy(row, g->weight_input + from * features, features);
            if (g->bias_input) row[features] += g->bias_input[from];
        }
        if (w >= cut.state_start) {
            const long from = w - cut.state_start;
            rv_copy(row + features + 1, g->weight_state + from * units,
                   units);
            if (g->bias_state) row[features] += g->bias_state[from];
        }
    }
}

/* A matrix [places, columns] in the order in which tiles read it. */
typedef struct {
    long places, columns;
    int is_half;
    const float *packed;
} rv_factor;

static rv_factor rv_pack(const rv_recurrent *g, const float *b, long place, long column,
                         long places, long columns, float **next) {
    const int is_half = rv_is_half(g);
    const long depth = is_half ? RV_PAIRS(places) : places;
    float *packed = rv_take(next, rv_packed_size(columns, depth));
    for (long j = 0; j < columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, columns - j);
        float *panel = packed + j * depth;
        if (is_half)
            rv_half_pack_columns(b + j * column, place, column, width, places, (rv_pair *)panel);
        else
            rv_pack_columns(b + j * column, place, column, width, places, panel);
    }
    return (rv_factor){places, columns, is_half, packed};
}

/* C = A B + beta C for C [rows, columns] and A [rows, places]. */
typedef struct {
    const float *a;
    long row_a, rows;
    float *c;
    long row_c;
    float beta;
} rv_rows;

static void rv_multiply_plain(const rv_factor *factor, const rv_rows *r) {
    const rv_slivers cut = rv_cut_rows(r->rows);
    rv_tile tile = {.segments = 1,
                    .k = factor->places,
                    .row_a = r->row_a,
                    .place_a = 1,
                    .row_c = r->row_c,
                    .alpha = 1.0f,
                    .beta = r->beta};
    for (long j = 0; j < factor->columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, factor->columns - j);
        const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
        tile.last = width - (vectors - 1) * RV_WIDTH;
        tile.b = factor->packed + j * factor->places;
        tile.row_b = vectors * RV_WIDTH;
        tile.a = r->a;
        tile.c = r->c + j;
        for (long s = 0; s < cut.count; s++) {
            const int height = rv_sliver_height(&cut, s);
            rv_tile_run(height, vectors, &tile);
            tile.a += height * r->row_a;
            tile.c += height * r->row_c;
        }
    }
}

static void rv_multiply_half(const rv_factor *factor, const rv_rows *r, rv_pair *rounded) {
    const rv_slivers cut = rv_cut_rows(r->rows);
    const long pairs = RV_PAIRS(factor->places);
    rv_half_tile tile = {
        .pairs = pairs, .row_a = pairs, .place_a = 1, .row_c = r->row_c, .beta = r->beta};
    for (long i = 0; i < r->rows; i++)
        rv_half_row(r->a + i * r->row_a, factor->places, rounded + i * pairs);
    for (long j = 0; j < factor->columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, factor->columns - j);
        const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
        tile.last = width - (vectors - 1) * RV_WIDTH;
        tile.b = (const rv_pair *)factor->packed + j * pairs;
        tile.row_b = vectors * RV_WIDTH;
        tile.a = rounded;
        tile.c = r->c + j;
        for (long s = 0; s < cut.count; s++) {
            const int height = rv_sliver_height(&cut, s);
            rv_half_tile_run(height, vectors, &tile);
            tile.a += height * pairs;
            tile.c += height * r->row_c;
        }
    }
}

static void rv_multiply_rows(const rv_factor *factor, const rv_rows *r, rv_pair *rounded) {
    if (factor->is_half)
        rv_multiply_half(factor, r, rounded);
    else
        rv_multiply_plain(factor, r);
}

typedef struct {
    const rv_recurrent *g;
    const rv_recurrent_forward_values *values;
    rv_columns cut;
    rv_factor input_only, both, state_only;
    rv_pair *rounded;
} rv_forward;

static long rv_place(const rv_recurrent *g, long turn) {
    return g->reverse ? g->places - 1 - turn : turn;
}

static void rv_fill_read(const rv_forward *f, long from, long to) {
    const rv_recurrent *g = f->g;
    for (long t = 0; t < g->places; t++)
        for (long b = from; b < to; b++) {
            const float *x = f->values->input + b * f->values->input_row + t * f->values->input_place;
            float *read = g->read + (t * g->rows + b) * f->cut.width;
            rv_copy(read, x, g->features);
            read[g->features] = 1.0f;
        }
}

static void rv_sum_gates(const rv_forward *f, long first, long rows, rv_pair *rounded) {
    const rv_recurrent *g = f->g;
    const rv_columns cut = f->cut;
    float *gates = g->gates + first * cut.columns;
    rv_rows r = {.a = g->read + first * cut.width,
                 .row_a = cut.width,
                 .rows = rows,
                 .c = gates + cut.state_start,
                 .row_c = cut.columns};
    rv_multiply_rows(&f->both, &r, rounded);
    if (g->cell != RV_GRU) return;
    r.c = gates;
    rv_multiply_rows(&f->input_only, &r, rounded);
    r.a += g->features;
    r.c = gates + cut.input_end;
    rv_multiply_rows(&f->state_only, &r, rounded);
}

static void rv_forward_share(void *context, int share, int shares) {
    const rv_forward *f = context;
    const rv_recurrent *g = f->g;
    const long units = g->units;
    long from, to;
    rv_part(g->rows, 1, share, shares, &from, &to);
    if (from == to) return;
    rv_fill_read(f, from, to);
    rv_pair *rounded = f->rounded + from * rv_rounded_width(g);
    const float *memory = g->first_memory;
    const float *hidden = f->values->first_hidden;
    for (long turn = 0; turn < g->places; turn++) {
        const long at = rv_place(g, turn) * g->rows;
        for (long b = from; b < to; b++)
            rv_copy(g->read + (at + b) * f->cut.width + g->features + 1, hidden + b * units,
                   units);
        rv_sum_gates(f, at + from, to - from, rounded);
        for (long b = from; b < to; b++) {
            const rv_cell_row row = {.units = units,
                                     .gates = g->gates + (at + b) * f->cut.columns,
                                     .hidden = hidden + b * units,
                                     .memory = memory ? memory + b * units : NULL,
                                     .new_memory = g->memories ? g->memories + (at + b) * units : NULL,
                                     .output = f->values->outputs + (at + b) * units};
            rv_cell_run(g->cell, &row);
        }
        hidden = f->values->outputs + at * units;
        memory = g->memories ? g->memories + at * units : NULL;
    }
    rv_copy(f->values->last_hidden + from * units, hidden + from * units,
           (to - from) * units);
}

void rv_recurrent_forward(const rv_recurrent *layer, const rv_recurrent_forward_values *values) {
    const rv_room room = rv_cut_room(layer);
    const long features = layer->features;
    rv_forward f = {.g = layer,
                    .values = values,
                    .cut = rv_columns_of(layer),
                    .rounded = (rv_pair *)room.rounded};
    const long width = f.cut.width, start = f.cut.state_start, end = f.cut.input_end;
    float *next = room.packed;
    rv_gather_weights(layer, room.matrix);
    f.both = rv_pack(layer, room.matrix + start * width, 1, width, width, end - start, &next);
    if (layer->cell == RV_GRU) {
        f.input_only = rv_pack(layer, room.matrix, 1, width, features + 1, start, &next);
        f.state_only = rv_pack(layer, room.matrix + end * width + features, 1, width, width - features,
                               f.cut.columns - end, &next);
    }
    rv_parallel((int)RV_MIN(layer->threads, layer->rows), rv_forward_share, &f);
}

typedef struct {
    const rv_recurrent *g;
    const rv_recurrent_backward_values *values;
    rv_columns cut;
    rv_factor state;
    rv_pair *rounded;
} rv_backward;

static void rv_start_back(float *to, const float *from, long count) {
    if (from)
        rv_copy(to, from, count);
    else
        rv_zero(to, count);
}

static void rv_backward_share(void *context, int share, int shares) {
    const rv_backward *f = context;
    const rv_recurrent *g = f->g;
    const rv_recurrent_backward_values *values = f->values;
    const long units = g->units, columns = f->cut.columns;
    long from, to;
    rv_part(g->rows, 1, share, shares, &from, &to);
    if (from == to) return;
    float *hidden_gradient = values->first_hidden, *memory_gradient = values->first_memory;
    const long start = from * units, count = (to - from) * units;
    const float *last_hidden = values->hidden_gradient, *last_memory = values->memory_gradient;
    rv_start_back(hidden_gradient + start, last_hidden ? last_hidden + start : NULL, count);
    if (g->cell == RV_LSTM)
        rv_start_back(memory_gradient + start, last_memory ? last_memory + start : NULL, count);
    for (long turn = g->places - 1; turn >= 0; turn--) {
        const long t = rv_place(g, turn), at = t * g->rows;
        const float *memory = g->first_memory;
        if (g->memories && turn) memory = g->memories + rv_place(g, turn - 1) * g->rows * units;
        for (long b = from; b < to; b++) {
            const float *outer = values->output_gradient;
            const rv_cell_row_back row = {
                .units = units,
                .gates = g->gates + (at + b) * columns,
                .hidden = g->read + (at + b) * f->cut.width + g->features + 1,
                .memory = memory ? memory + b * units : NULL,
                .new_memory = g->memories ? g->memories + (at + b) * units : NULL,
                .output_gradient =
                    outer ? outer + b * values->output_row + t * values->output_place : NULL,
                .hidden_gradient = hidden_gradient + b * units,
                .memory_gradient = memory_gradient ? memory_gradient + b * units : NULL,
                .gates_gradient = values->gates_gradient + (at + b) * columns};
            rv_cell_run_back(g->cell, &row);
        }
        const rv_rows r = {
            .a = values->gates_gradient + (at + from) * columns + f->cut.state_start,
            .row_a = columns,
            .rows = to - from,
            .c = hidden_gradient + start,
            .row_c = units,
            .beta = 1.0f};
        rv_multiply_rows(&f->state, &r, f->rounded + from * rv_rounded_width(g));
    }
}

/* C [m, n] = the gates' gradients from column `first` on, times what was read from `from` on. */
static void rv_over_all_places(const rv_backward *f, long first, long m, long from, long n,
                               float *c, float *workspace) {
    const rv_recurrent *g = f->g;
    const long all = g->places * g->rows;
    const float *gradients = f->values->gates_gradient + first, *read = g->read + from;
    if (rv_is_half(g))
        rv_half_gemm_transposed(m, n, all, gradients, f->cut.columns, read, f->cut.width, c, n,
                                (int)g->threads, workspace);
    else
        rv_gemm(1, 0, m, n, all, 1.0f, gradients, f->cut.columns, read, f->cut.width, 0.0f, c, n,
                (int)g->threads, workspace);
}

/* The gradients of the matrix, a product over all places and rows, to where they belong. */
static void rv_weight_gradients(const rv_backward *f, const rv_room *room) {
    const rv_recurrent *g = f->g;
    const rv_recurrent_backward_values *values = f->values;
    const rv_columns cut = f->cut;
    const long features = g->features, units = g->units, state = units + 1;
    float *product = room->gradient;
    rv_over_all_places(f, 0, cut.input_end, 0, features + 1, product, room->products);
    for (long w = 0; w < cut.input_end; w++) {
        const long row = rv_input_row(g, w);
        rv_copy(values->weight_input + row * features, product + w * (features + 1),
               features);
        if (values->bias_input) values->bias_input[row] = product[w * (features + 1) + features];
    }
    if (g->cell != RV_GRU) {
        rv_over_all_places(f, 0, cut.columns, features + 1, units, values->weight_state,
                           room->products);
        if (values->bias_state)
            rv_copy(values->bias_state, values->bias_input, cut.columns);
        return;
    }
    rv_over_all_places(f, cut.state_start, cut.columns - cut.state_start, features, state, product,
                       room->products);
    for (long w = 0; w < cut.columns - cut.state_start; w++) {
        rv_copy(values->weight_state + w * units, product + w * state + 1,
               units);
        if (values->bias_state) values->bias_state[w] = product[w * state];
    }
}

void rv_recurrent_backward(const rv_recurrent *layer, const rv_recurrent_backward_values *values) {
    const rv_room room = rv_cut_room(layer);
    const long features = layer->features, units = layer->units;
    rv_backward f = {.g = layer,
                     .values = values,
                     .cut = rv_columns_of(layer),
                     .rounded = (rv_pair *)room.rounded};
    const rv_columns cut = f.cut;
    float *next = room.packed;
    rv_gather_weights(layer, room.matrix);
    f.state = rv_pack(layer, room.matrix + cut.state_start * cut.width + features + 1, cut.width, 1,
                      cut.columns - cut.state_start, units, &next);
    rv_parallel((int)RV_MIN(layer->threads, layer->rows), rv_backward_share, &f);
    rv_weight_gradients(&f, &room);
    if (values->input_gradient)
        rv_gemm(0, 0, layer->places * layer->rows, features, cut.input_end, 1.0f,
                values->gates_gradient, cut.columns, room.matrix, cut.width, 0.0f,
                values->input_gradient, features, (int)layer->threads, room.products);
}
