/* Rows of a batch know nothing of each other: each thread takes some and reads all their places,
 * without waiting for the others. How rows are shared out changes no bit. */
#include <stddef.h>

#include "cells.h"
#include "memory.h"
#include "recurrent_parts.h"

typedef struct {
    const rv_recurrent *g;
    const rv_recurrent_forward_values *values;
    rv_columns cut;
    rv_factor input_only, both, state_only;
    rv_pair *rounded;
} rv_forward;

static void rv_fill_read(const rv_forward *f, long from, long to) {
    const rv_recurrent *g = f->g;
    for (long t = 0; t < g->places; t++)
        for (long b = from; b < to; b++) {
            const rv_recurrent_forward_values *values = f->values;
            const float *x = values->input + b * values->input_row + t * values->input_place;
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
                 .row_c = cut.columns,
                 .rounded = rounded};
    rv_factor_multiply(&f->both, &r);
    if (g->cell != RV_GRU) return;
    r.c = gates;
    rv_factor_multiply(&f->input_only, &r);
    r.a += g->features;
    r.c = gates + cut.input_end;
    rv_factor_multiply(&f->state_only, &r);
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
        float *new_memory = g->memories ? g->memories + at * units : NULL;
        for (long b = from; b < to; b++)
            rv_copy(g->read + (at + b) * f->cut.width + g->features + 1, hidden + b * units, units);
        rv_sum_gates(f, at + from, to - from, rounded);
        for (long b = from; b < to; b++) {
            const rv_cell_row row = {.units = units,
                                     .gates = g->gates + (at + b) * f->cut.columns,
                                     .hidden = hidden + b * units,
                                     .memory = memory ? memory + b * units : NULL,
                                     .new_memory = new_memory ? new_memory + b * units : NULL,
                                     .output = f->values->outputs + (at + b) * units};
            rv_cell_run(g->cell, &row);
        }
        hidden = f->values->outputs + at * units;
        memory = new_memory;
    }
    rv_copy(f->values->last_hidden + from * units, hidden + from * units, (to - from) * units);
}

void rv_recurrent_forward(const rv_recurrent *layer, const rv_recurrent_forward_values *values) {
    const rv_room room = rv_room_of(layer);
    const long features = layer->features;
    rv_forward f = {.g = layer,
                    .values = values,
                    .cut = rv_columns_of(layer),
                    .rounded = room.rounded};
    const long width = f.cut.width, start = f.cut.state_start, end = f.cut.input_end;
    const int is_half = rv_is_half(layer);
    float *next = room.packed;
    rv_gather_weights(layer, room.matrix);
    f.both =
        rv_factor_pack(room.matrix + start * width, 1, width, width, end - start, is_half, &next);
    if (layer->cell == RV_GRU) {
        f.input_only =
            rv_factor_pack(room.matrix, 1, width, features + 1, start, is_half, &next);
        f.state_only = rv_factor_pack(room.matrix + end * width + features, 1, width,
                                      width - features, f.cut.columns - end, is_half, &next);
    }
    rv_parallel((int)RV_MIN(layer->threads, layer->rows), rv_forward_share, &f);
}
