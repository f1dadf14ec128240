/* What both ways through a recurrent layer are made of. */
#ifndef RV_RECURRENT_PARTS_H
#define RV_RECURRENT_PARTS_H

#include "factor.h"
#include "recurrent.h"
#include "threads.h"

/* Of the columns of the gates, those of the input end at `input_end`, those of the state begin at
 * `state_start`. Where all columns are both, one product gives the gradients of all weights; for a
 * GRU one gives the input's, another those of what is read from `state_from` on: the 1, as there
 * the state has a bias of its own, and the state. */
typedef struct {
    long columns, width, input_end, state_start, state_from;
} rv_columns;

/* Where in the workspace things lie. */
typedef struct {
    float *matrix;         /* [W, K] */
    float *packed;         /* the matrix in the order in which tiles read it */
    rv_pair *rounded;      /* per row what it multiplies in bfloat16 */
    float *gates_gradient; /* [P, B, W], P places at a time */
    float *state_product;  /* gradients of the matrix from `state_from` on */
    float *input_product;  /* a GRU's, of the input and its bias */
    float *products; /* what each thread's products over P places work in */
} rv_room;

rv_columns rv_columns_of(const rv_recurrent *layer);
rv_room rv_room_of(const rv_recurrent *layer);

/* P, so few places that what is computed of them stays in a second-level cache. */
long rv_places_at_once(const rv_recurrent *layer);

/* So many floats of `products` belong to each thread. */
long rv_products_of_one(const rv_recurrent *layer);

/* So many words of `rounded` belong to each row. */
long rv_rounded_width(const rv_recurrent *layer);

int rv_is_half(const rv_recurrent *layer);

/* Torch's row of the input's weights for a column: its GRU has n last, here it is first. */
long rv_input_row(const rv_recurrent *layer, long column);

/* Row w of the matrix is what column w of the gates takes from [x, 1, h]. */
void rv_gather_weights(const rv_recurrent *layer, float *matrix);

/* The place that is read at this turn. */
static inline long rv_place(const rv_recurrent *layer, long turn) {
    return layer->reverse ? layer->places - 1 - turn : turn;
}

#endif
