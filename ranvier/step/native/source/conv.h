/* What the three directions of a convolution share.
 *
 * A convolution is a matrix product whose A is never built: its rows are windows of the picture,
 * and in memory a window is a few contiguous segments. Neighbouring pixels' windows lie one fixed
 * distance apart, which is all that a tile asks of the rows of A. */
#ifndef RV_CONV_H
#define RV_CONV_H

#include "kernels.h"
#include "memory.h"
#include "tile.h"

/* A picture with a frame of zeros, so that no window needs to know of borders.
 *
 * In pairs it is rounded to bfloat16 and has two channels to a word, which is all that a tile of
 * pairs needs: then `channels` counts words, as do all offsets, sizes and places below. */
typedef struct {
    long top, left, height, width; /* frame included */
    long inner_height, inner_width, channels;
    int pairs;
} rv_frame;

static inline long rv_frame_size(const rv_frame *f) { return f->height * f->width * f->channels; }

static inline int rv_frame_is_needed(const rv_frame *f) {
    return f->pairs || f->height != f->inner_height || f->width != f->inner_width;
}

/* Whether so many channels of a group are multiplied in bfloat16 where that is asked for. */
static inline int rv_come_in_pairs(long channels_of_group, int is_half) {
    return RV_TILE_PAIRS && is_half && channels_of_group % 2 == 0;
}

/* The frame for the same. */
static inline rv_frame rv_frame_in_pairs(rv_frame f, long channels_of_group, int is_half) {
    if (!rv_come_in_pairs(channels_of_group, is_half)) return f;
    f.channels /= 2;
    f.pairs = 1;
    return f;
}

/* Copies the picture of floats into its frame, of which the zeros are there already. */
void rv_frame_fill(const rv_frame *f, const float *picture, float *framed);

rv_frame rv_conv_frame_of_input(const rv_convolution *conv);

/* Where in a source the parts of a window lie: segments of `places` contiguous floats. */
typedef struct {
    long segments, places;
    long *offset;
} rv_window;

/* Makes the window of taps at (row[i], column[j]) of a framed picture, of which a group has
 * `channels`. A row of taps is one segment where its taps are neighbours in memory. `offset` has
 * room for rows x columns. */
void rv_window_make(rv_window *window, const rv_frame *f, const long *row, long rows,
                    const long *column, long columns, long channels);

/* A row of output pixels: pixel t is written at `to + t * to_pixel` from the window at `from + t *
 * from_pixel`, `width` numbers wide, with weights from `panels`. */
typedef struct {
    rv_window window;
    long from_pixel, to_pixel, width;
    const float *panels, *bias;
    int relu, pairs;
} rv_row;

void rv_row_run(const rv_row *row, long pixels, const float *from, float *to);

/* The panels of a matrix, as tiles read them, whose row (tap i, place p) and column j is
 * weight[tap[i] + p * place + j * column]. With pairs they end up half as large, but a panel's
 * floats want their room on the way. */
void rv_panels_pack(const float *weight, const long *tap, long taps, long places, long place,
                    long columns, long column, int pairs, float *panels);

/* Turns packed rows of `width` floats into half as many rows of pairs, in their place. */
void rv_panel_round(float *panel, long width, long rows);

static inline long rv_panels_size(long places, long columns) {
    return RV_ROUND_UP(places * RV_ROUND_UP(columns, RV_WIDTH), RV_LINE);
}

/* Whether it is one matrix product of pixels x channels, the weight's rows being contiguous. */
int rv_conv_is_product(const rv_convolution *conv);

/* What does such a product. */
static inline __typeof__(&rv_gemm_bf16) rv_conv_gemm(int is_half) {
    return is_half ? rv_gemm_bf16 : rv_gemm_epilogue;
}

/* Whether each output channel sees one input channel of its own: then the lanes are channels. */
static inline int rv_conv_is_depthwise(const rv_convolution *conv) {
    return conv->groups == conv->in_channels && conv->groups == conv->out_channels;
}

void rv_depthwise_forward(const rv_convolution *conv, const float *x, const float *weight,
                          const float *bias, rv_epilogue epilogue, float *y, int threads,
                          float *workspace);
void rv_depthwise_input_gradient(const rv_convolution *conv, const float *dy, const float *weight,
                                 float *dx, int threads, float *workspace);
/* Adds to sums[tap, channel] the products of rows of outputs with what tap[i] + offset[row] of the
 * frame shows them. */
void rv_depthwise_weight_block(const rv_convolution *conv, const long *tap, const long *offset,
                               long rows, const float *x, const float *dy, float *sums);

/* Floats that the three directions want. */
long rv_forward_workspace(const rv_convolution *conv, int threads);
long rv_input_gradient_workspace(const rv_convolution *conv, int threads);
long rv_weight_gradient_workspace(const rv_convolution *conv, int threads);
long rv_depthwise_workspace(const rv_convolution *conv, int threads);

#endif
