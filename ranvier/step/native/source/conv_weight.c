/* The gradient of a convolution with respect to its weight.
 *
 * For each row of the kernel it is a product of the transposed picture, shifted, with dy: a tile
 * whose places are output pixels. In memory neither is moved. */
#include "conv.h"
#include "half.h"
#include "threads.h"

/* Output pixels of one tile, in whole rows: dy's part of them stays in a first-level cache. */
#define RV_BLOCK_PIXELS 256
/* So many blocks are added up before their sum is added to the total. */
#define RV_BLOCKS_OF_A_SUM 64

typedef struct {
    const rv_convolution *conv;
    rv_frame frame;
    long taps, height; /* products of one picture; rows of each */
    long *tap;         /* where in the frame each starts */
    long width;        /* floats from row to row of the sums */
    long rows_at_once;
    long *offset;      /* of the rows of a block in the frame */
    const float *x, *dy;
    int pairs; /* numbers are rounded to bfloat16, those of two pictures to a word */
    float *workspace;
} rv_weight_job;

/* A row of the kernel is one product where its taps and their channels adjoin. */
static int rv_taps_adjoin(const rv_convolution *conv) {
    return !rv_conv_is_depthwise(conv) && conv->groups == 1 && conv->dilation_width == 1;
}

static long rv_sums_width(const rv_convolution *conv) {
    return rv_conv_is_depthwise(conv) ? 1 : RV_ROUND_UP(conv->out_channels / conv->groups, RV_WIDTH);
}

static long rv_sums_size(const rv_convolution *conv) {
    return conv->kernel_height * conv->kernel_width * conv->in_channels * rv_sums_width(conv);
}

static long rv_picture_out(const rv_convolution *conv) {
    return conv->out_height * conv->out_width * conv->out_channels;
}

/* Output rows of one block. */
static long rv_rows_at_once(const rv_convolution *conv) {
    return RV_MAX(1, RV_BLOCK_PIXELS / RV_MAX(1, conv->out_width));
}

/* What tiles read of dy: a copy with room to read behind it, or a block's pairs. */
static long rv_read_size(const rv_convolution *conv) {
    if (!RV_TILE_READS_EXACTLY) return rv_picture_out(conv) + RV_WIDTH;
    return RV_TILE_PAIRS ? rv_rows_at_once(conv) * conv->out_width * conv->out_channels : 0;
}

/* Of each thread: the frame, what is read of dy, and two levels of sums. */
static long rv_weight_share_size(const rv_convolution *conv) {
    const rv_frame frame = rv_conv_frame_of_input(conv);
    return RV_ROUND_UP(rv_frame_size(&frame), RV_LINE) +
           RV_ROUND_UP(rv_read_size(conv), RV_LINE) + 2 * RV_ROUND_UP(rv_sums_size(conv), RV_LINE);
}

/* Adds the products of `rows` rows of outputs, of which `x` is the first window and `dy` the first
 * gradient, to `sums`: [group, tap, height, width]. */
static void rv_weight_block(const rv_weight_job *w, long rows, const float *x, const float *dy,
                            float *sums) {
    const rv_convolution *conv = w->conv;
    const long in = conv->in_channels / conv->groups, out = conv->out_channels / conv->groups;
    const rv_slivers cut = rv_cut_rows(w->height);
    rv_tile tile = {.segments = rows,
                    .k = conv->out_width,
                    .offset = w->offset,
                    .pairs = w->pairs,
                    .row_a = 1,
                    .place_a = conv->stride_width * conv->in_channels,
                    .row_b = conv->out_channels,
                    .row_c = w->width,
                    .alpha = 1.0f,
                    .beta = 1.0f};
    for (long g = 0; g < conv->groups; g++)
        for (long j = 0; j < out; j += RV_TILE_COLUMNS) {
            const long width = RV_MIN(RV_TILE_COLUMNS, out - j);
            const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
            tile.last = width - (vectors - 1) * RV_WIDTH;
            tile.b = dy + g * out + j;
            for (long t = 0; t < w->taps; t++) {
                tile.a = x + w->tap[t] + g * in;
                tile.c = sums + (g * w->taps + t) * w->height * w->width + j;
                for (long s = 0; s < cut.count; s++) {
                    const int height = rv_sliver_height(&cut, s);
                    rv_tile_run(height, vectors, &tile);
                    tile.a += height;
                    tile.c += height * w->width;
                }
            }
        }
}

/* What a thread has to itself. */
typedef struct {
    float *total, *sums, *framed, *read;
    long blocks; /* since the sums were last added to the total */
} rv_weight_own;

static void rv_weight_done_block(const rv_convolution *conv, rv_weight_own *own) {
    if (++own->blocks < RV_BLOCKS_OF_A_SUM) return;
    rv_add(own->total, own->sums, rv_sums_size(conv));
    rv_zero(own->sums, rv_sums_size(conv));
    own->blocks = 0;
}

static void rv_weight_picture(const rv_weight_job *w, const float *x, const float *dy,
                              rv_weight_own *own) {
    const rv_convolution *conv = w->conv;
    const long out = rv_picture_out(conv), dy_row = conv->out_width * conv->out_channels;
    if (rv_frame_is_needed(&w->frame)) rv_frame_fill(&w->frame, x, own->framed), x = own->framed;
    if (!RV_TILE_READS_EXACTLY) rv_copy(own->read, dy, out), dy = own->read;
    for (long i = 0; i < conv->out_height; i += w->rows_at_once) {
        const long rows = RV_MIN(w->rows_at_once, conv->out_height - i);
        const float *window = x + i * conv->stride_height * w->frame.width * conv->in_channels;
        if (rv_conv_is_depthwise(conv))
            rv_depthwise_weight_block(conv, w->tap, w->offset, rows, window, dy + i * dy_row,
                                      own->sums);
        else
            rv_weight_block(w, rows, window, dy + i * dy_row, own->sums);
        rv_weight_done_block(conv, own);
    }
}

/* A pair is the same number of two pictures, as the sum runs over pictures too: so pairs lie as
 * floats do whatever the stride, and a width need not be even. The second picture may be NULL. */
static void rv_weight_pair(const rv_weight_job *w, const float *const x[2],
                           const float *const dy[2], rv_weight_own *own) {
    const rv_convolution *conv = w->conv;
    const rv_frame *f = &w->frame;
    const long line = f->inner_width * f->channels, dy_row = conv->out_width * conv->out_channels;
    const long step = conv->stride_height * f->width * f->channels;
    float *inner = own->framed + (f->top * f->width + f->left) * f->channels;
    for (long i = 0; i < f->inner_height; i++)
        rv_half_rows(x[0] + i * line, x[1] ? x[1] + i * line : NULL, line,
                     (rv_pair *)(inner + i * f->width * f->channels));
    for (long i = 0; i < conv->out_height; i += w->rows_at_once) {
        const long rows = RV_MIN(w->rows_at_once, conv->out_height - i);
        rv_half_rows(dy[0] + i * dy_row, dy[1] ? dy[1] + i * dy_row : NULL, rows * dy_row,
                     (rv_pair *)own->read);
        rv_weight_block(w, rows, own->framed + i * step, own->read, own->sums);
        rv_weight_done_block(conv, own);
    }
}

static void rv_weight_share(void *context, int share, int shares) {
    const rv_weight_job *w = context;
    const rv_convolution *conv = w->conv;
    const long in = conv->in_height * conv->in_width * conv->in_channels;
    const long out = rv_picture_out(conv), count = rv_sums_size(conv);
    float *rest = w->workspace + share * rv_weight_share_size(conv);
    rv_weight_own own = {.total = rv_take(&rest, count), .sums = rv_take(&rest, count)};
    own.framed = rv_take(&rest, rv_frame_size(&w->frame));
    own.read = rest;
    long from, to;
    rv_part(conv->batch, w->pairs ? 2 : 1, share, shares, &from, &to);
    rv_zero(own.total, count);
    rv_zero(own.sums, count);
    rv_zero(own.framed, rv_frame_size(&w->frame));
    for (long n = from; n < to; n += w->pairs ? 2 : 1) {
        const float *x = w->x + n * in, *dy = w->dy + n * out;
        const int has_second = n + 1 < to;
        if (w->pairs)
            rv_weight_pair(w, (const float *[2]){x, has_second ? x + in : NULL},
                           (const float *[2]){dy, has_second ? dy + out : NULL}, &own);
        else
            rv_weight_picture(w, x, dy, &own);
    }
    rv_add(own.total, own.sums, count);
}

/* From [group, kernel row, kernel column, input channel, output channel], or for channels on their
 * own [kernel row, kernel column, channel], to where they belong. */
static void rv_weight_scatter(const rv_convolution *conv, const float *sums, long width,
                              float *dweight) {
    const int depthwise = rv_conv_is_depthwise(conv);
    const long in = conv->in_channels / conv->groups, out = conv->out_channels / conv->groups;
    const long *stride = conv->weight_stride;
    const long taps = conv->kernel_height * conv->kernel_width;
    for (long g = 0; g < conv->groups; g++)
        for (long t = 0; t < taps; t++)
            for (long i = 0; i < in; i++) {
                const float *from =
                    sums + (depthwise ? t * conv->groups + g : ((g * taps + t) * in + i) * width);
                float *to = dweight + g * out * stride[0] + i * stride[1] +
                            t / conv->kernel_width * stride[2] + t % conv->kernel_width * stride[3];
                for (long o = 0; o < out; o++) to[o * stride[0]] = from[o];
            }
}

static void rv_weight_windows(const rv_convolution *conv, const float *x, const float *dy,
                              float *dweight, int threads, float *workspace, int is_half) {
    const int adjoin = rv_taps_adjoin(conv);
    const long parts = adjoin ? 1 : conv->kernel_width, in = conv->in_channels / conv->groups;
    rv_weight_job w = {.conv = conv,
                       .frame = rv_conv_frame_of_input(conv),
                       .taps = conv->kernel_height * parts,
                       .height = adjoin ? conv->kernel_width * in : in,
                       .width = rv_sums_width(conv),
                       .x = x,
                       .dy = dy,
                       .pairs = RV_TILE_PAIRS && is_half && !rv_conv_is_depthwise(conv)};
    float *rest = rv_line_start(workspace);
    w.rows_at_once = rv_rows_at_once(conv);
    w.tap = (long *)rv_take(&rest, 2 * w.taps);
    w.offset = (long *)rv_take(&rest, 2 * w.rows_at_once);
    for (long i = 0; i < w.rows_at_once; i++)
        w.offset[i] = i * conv->stride_height * w.frame.width * conv->in_channels;
    for (long i = 0; i < conv->kernel_height; i++)
        for (long j = 0; j < parts; j++)
            w.tap[i * parts + j] = (i * conv->dilation_height * w.frame.width +
                                    j * conv->dilation_width) * conv->in_channels;
    w.workspace = rest;
    rv_parallel(threads, rv_weight_share, &w);
    for (int i = 1; i < threads; i++)
        rv_add(rest, rest + i * rv_weight_share_size(conv), rv_sums_size(conv));
    rv_weight_scatter(conv, rest, w.width, dweight);
}

long rv_weight_gradient_workspace(const rv_convolution *conv, int threads) {
    const long taps = conv->kernel_height * conv->kernel_width;
    const long windows = RV_LINE + RV_ROUND_UP(2 * taps, RV_LINE) + 2 * RV_BLOCK_PIXELS + RV_LINE +
                         threads * rv_weight_share_size(conv);
    return RV_MAX(windows, rv_sum_rows_workspace(conv->out_channels, threads));
}

void rv_conv_weight_gradient(const rv_convolution *conv, const float *x, const float *dy,
                             float *dweight, float *dbias, int threads, float *workspace,
                             int is_half) {
    const long pixels = conv->batch * conv->out_height * conv->out_width;
    if (rv_conv_is_product(conv))
        rv_conv_gemm(is_half)(1, 0, conv->out_channels, conv->in_channels, pixels, 1.0f, dy,
                              conv->out_channels, x, conv->in_channels, 0.0f, dweight,
                              conv->weight_stride[0], NULL, RV_PLAIN, threads, workspace);
    else
        rv_weight_windows(conv, x, dy, dweight, threads, workspace, is_half);
    if (dbias)
        rv_sum_rows(dy, pixels, conv->out_channels, conv->out_channels, dbias, threads, workspace);
}
