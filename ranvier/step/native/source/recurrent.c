/* Rows of a batch know nothing of each other: each thread takes some and reads all their places,
 * without waiting for the others. How rows are shared out changes no bit. */
#include "recurrent.h"

#include <stddef.h>

#include "cells.h"
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
    float *gradient; /* of parts of the matrix */
    float *products; /* what rv_gemm works in */
} rv_room;

static long rv_packed_size(long columns, long places) {
    return RV_ROUND_UP(columns, RV_TILE_COLUMNS) * places;
}

/* Packed are at most three runs of columns, each with a last panel of its own. */
static long rv_room_sizes(const rv_recurrent *g, long sizes[4]) {
    const rv_columns cut = rv_columns_of(g);
    const long all = g->places * g->rows;
    sizes[0] = cut.columns * cut.width;
    sizes[1] = (cut.columns + 3 * RV_TILE_COLUMNS) * cut.width +
               rv_packed_size(cut.width, cut.columns);
    sizes[2] = cut.columns * (cut.width + 1);
    sizes[3] = RV_MAX(rv_gemm_workspace(cut.columns, cut.width, all, (int)g->threads),
                      rv_gemm_workspace(all, g->features, cut.columns, (int)g->threads));
    long total = RV_LINE;
    for (int i = 0; i < 4; i++) total += RV_ROUND_UP(sizes[i], RV_LINE);
    return total;
}

long rv_recurrent_workspace(const rv_recurrent *layer) {
    long sizes[4];
    return rv_room_sizes(layer, sizes);
}

static rv_room rv_cut_room(const rv_recurrent *g) {
    long sizes[4];
    rv_room_sizes(g, sizes);
    float *next = rv_line_start(g->workspace);
    rv_room room;
    room.matrix = rv_take(&next, sizes[0]);
    room.packed = rv_take(&next, sizes[1]);
    room.gradient = rv_take(&next, sizes[2]);
    room.products = rv_take(&next, sizes[3]);
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

/* C [rows, columns] = A [rows, places] times a packed matrix [places, columns] + beta C. */
typedef struct {
    long places, columns;
    const float *packed;
} rv_factor;

static rv_factor rv_pack(const float *b, long place, long column, long places, long columns,
                         float **next) {
    float *packed = rv_take(next, rv_packed_size(columns, places));
    for (long j = 0; j < columns; j += RV_TILE_COLUMNS)
        rv_pack_columns(b + j * column, place, column, RV_MIN(RV_TILE_COLUMNS, columns - j), places,
                        packed + j * places);
    return (rv_factor){places, columns, packed};
}

static void rv_multiply_rows(const rv_factor *factor, const float *a, long row_a, long rows,
                             float beta, float *c, long row_c) {
    const rv_slivers cut = rv_cut_rows(rows);
    rv_tile tile = {.segments = 1,
                    .k = factor->places,
                    .row_a = row_a,
                    .place_a = 1,
                    .row_c = row_c,
                    .alpha = 1.0f,
                    .beta = beta};
    for (long j = 0; j < factor->columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, factor->columns - j);
        const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
        tile.last = width - (vectors - 1) * RV_WIDTH;
        tile.b = factor->packed + j * factor->places;
        tile.row_b = vectors * RV_WIDTH;
        tile.a = a;
        tile.c = c + j;
        for (long s = 0; s < cut.count; s++) {
            const int height = rv_sliver_height(&cut, s);
            rv_tile_run(height, vectors, &tile);
            tile.a += height * row_a;
            tile.c += height * row_c;
        }
    }
}

typedef struct {
    const rv_recurrent *g;
    const rv_recurrent_forward_values *values;
    rv_columns cut;
    rv_factor input_only, both, state_only;
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

static void rv_sum_gates(const rv_forward *f, const float *read, long rows, float *gates) {
    const rv_columns cut = f->cut;
    rv_multiply_rows(&f->both, read, cut.width, rows, 0.0f, gates + cut.state_start, cut.columns);
    if (f->g->cell != RV_GRU) return;
    rv_multiply_rows(&f->input_only, read, cut.width, rows, 0.0f, gates, cut.columns);
    rv_multiply_rows(&f->state_only, read + f->g->features, cut.width, rows, 0.0f,
                     gates + cut.input_end, cut.columns);
}

static void rv_forward_share(void *context, int share, int shares) {
    const rv_forward *f = context;
    const rv_recurrent *g = f->g;
    const long units = g->units;
    long from, to;
    rv_part(g->rows, 1, share, shares, &from, &to);
    if (from == to) return;
    rv_fill_read(f, from, to);
    const float *memory = g->first_memory;
    const float *hidden = f->values->first_hidden;
    for (long turn = 0; turn < g->places; turn++) {
        const long at = rv_place(g, turn) * g->rows;
        for (long b = from; b < to; b++)
            rv_copy(g->read + (at + b) * f->cut.width + g->features + 1, hidden + b * units,
                   units);
        rv_sum_gates(f, g->read + (at + from) * f->cut.width, to - from,
                     g->gates + (at + from) * f->cut.columns);
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
    rv_forward f = {.g = layer, .values = values, .cut = rv_columns_of(layer)};
    const long width = f.cut.width, start = f.cut.state_start, end = f.cut.input_end;
    float *next = room.packed;
    rv_gather_weights(layer, room.matrix);
    f.both = rv_pack(room.matrix + start * width, 1, width, width, end - start, &next);
    if (layer->cell == RV_GRU) {
        f.input_only = rv_pack(room.matrix, 1, width, features + 1, start, &next);
        f.state_only = rv_pack(room.matrix + end * width + features, 1, width, width - features,
                               f.cut.columns - end, &next);
    }
    rv_parallel((int)RV_MIN(layer->threads, layer->rows), rv_forward_share, &f);
}

typedef struct {
    const rv_recurrent *g;
    const rv_recurrent_backward_values *values;
    rv_columns cut;
    rv_factor state;
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
        rv_multiply_rows(&f->state, values->gates_gradient + (at + from) * columns + f->cut.state_start,
                         columns, to - from, 1.0f, hidden_gradient + start, units);
    }
}

/* The gradients of the matrix, a product over all places and rows, to where they belong. */
static void rv_weight_gradients(const rv_backward *f, const rv_room *room) {
    const rv_recurrent *g = f->g;
    const rv_recurrent_backward_values *values = f->values;
    const rv_columns cut = f->cut;
    const long features = g->features, units = g->units, all = g->places * g->rows;
    const long state = units + 1;
    float *product = room->gradient;
    rv_gemm(1, 0, cut.input_end, features + 1, all, 1.0f, values->gates_gradient, cut.columns,
            g->read, cut.width, 0.0f, product, features + 1, (int)g->threads, room->products);
    for (long w = 0; w < cut.input_end; w++) {
        const long row = rv_input_row(g, w);
        rv_copy(values->weight_input + row * features, product + w * (features + 1),
               features);
        if (values->bias_input) values->bias_input[row] = product[w * (features + 1) + features];
    }
    if (g->cell != RV_GRU) {
        rv_gemm(1, 0, cut.columns, units, all, 1.0f, values->gates_gradient, cut.columns,
                g->read + features + 1, cut.width, 0.0f, values->weight_state, units,
                (int)g->threads, room->products);
        if (values->bias_state)
            rv_copy(values->bias_state, values->bias_input, cut.columns);
        return;
    }
    rv_gemm(1, 0, cut.columns - cut.state_start, state, all, 1.0f,
            values->gates_gradient + cut.state_start, cut.columns, g->read + features, cut.width,
            0.0f, product, state, (int)g->threads, room->products);
    for (long w = 0; w < cut.columns - cut.state_start; w++) {
        rv_copy(values->weight_state + w * units, product + w * state + 1,
               units);
        if (values->bias_state) values->bias_state[w] = product[w * state];
    }
}

void rv_recurrent_backward(const rv_recurrent *layer, const rv_recurrent_backward_values *values) {
    const rv_room room = rv_cut_room(layer);
    const long features = layer->features, units = layer->units;
    rv_backward f = {.g = layer, .values = values, .cut = rv_columns_of(layer)};
    const rv_columns cut = f.cut;
    float *next = room.packed;
    rv_gather_weights(layer, room.matrix);
    f.state = rv_pack(room.matrix + cut.state_start * cut.width + features + 1, cut.width, 1,
                      cut.columns - cut.state_start, units, &next);
    rv_parallel((int)RV_MIN(layer->threads, layer->rows), rv_backward_share, &f);
    rv_weight_gradients(&f, &room);
    if (values->input_gradient)
        rv_gemm(0, 0, layer->places * layer->rows, features, cut.input_end, 1.0f,
                values->gates_gradient, cut.columns, room.matrix, cut.width, 0.0f,
                values->input_gradient, features, (int)layer->threads, room.products);
}
