/* Convolutions in which every channel is on its own: the lanes are channels, memory is the limit. */
#include "conv.h"
#include "threads.h"

#define RV_PIXELS 8 /* side by side, or taps: so that one load of the other operand serves all */

typedef struct {
    const rv_convolution *conv;
    rv_frame frame;
    const float *weight; /* [tap, channel] */
    const long *tap;
    const float *bias;
    int relu;
    const float *from;
    float *to, *framed;
} rv_depthwise;

static void rv_weight_gather(const rv_convolution *conv, const float *weight, float *gathered) {
    for (long i = 0; i < conv->kernel_height; i++)
        for (long j = 0; j < conv->kernel_width; j++)
            for (long c = 0; c < conv->in_channels; c++)
                *gathered++ = weight[c * conv->weight_stride[0] + i * conv->weight_stride[2] +
                                     j * conv->weight_stride[3]];
}

/* Where each tap lies in the frame. */
static void rv_taps_make(const rv_convolution *conv, const rv_frame *f, long *tap) {
    for (long i = 0; i < conv->kernel_height; i++)
        for (long j = 0; j < conv->kernel_width; j++)
            *tap++ = (i * conv->dilation_height * f->width + j * conv->dilation_width) *
                     conv->in_channels;
}

/* `pixels` outputs of one vector of channels, from windows at x. */
RV_INLINE void rv_depthwise_pixels(const rv_depthwise *d, const int pixels, long c, long lanes,
                                   const float *x, float *y) {
    const rv_convolution *conv = d->conv;
    const long channels = conv->in_channels, apart = conv->stride_width * channels;
    const long taps = conv->kernel_height * conv->kernel_width;
    rv_vector sum[RV_PIXELS];
    RV_UNROLL for (int t = 0; t < pixels; t++)
        sum[t] = d->bias ? rv_load_first(d->bias + c, lanes) : (rv_vector){0};
    for (long tap = 0; tap < taps; tap++) {
        const rv_vector weight = rv_load_first(d->weight + tap * channels + c, lanes);
        const float *from = x + d->tap[tap] + c;
        RV_UNROLL for (int t = 0; t < pixels; t++) sum[t] += weight * rv_load_first(from + t * apart, lanes);
    }
    RV_UNROLL for (int t = 0; t < pixels; t++)
        rv_store_first(y + t * channels + c, d->relu ? rv_relu(sum[t]) : sum[t], lanes);
}

static void rv_depthwise_row(const rv_depthwise *d, const float *x, float *y) {
    const rv_convolution *conv = d->conv;
    const long channels = conv->in_channels, apart = conv->stride_width * channels;
    for (long c = 0; c < channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, channels - c);
        long t = 0;
        for (; t + RV_PIXELS <= conv->out_width; t += RV_PIXELS)
            rv_depthwise_pixels(d, RV_PIXELS, c, lanes, x + t * apart, y + t * channels);
        for (; t < conv->out_width; t++)
            rv_depthwise_pixels(d, 1, c, lanes, x + t * apart, y + t * channels);
    }
}

static void rv_depthwise_forward_share(void *context, int share, int shares) {
    const rv_depthwise *d = context;
    const rv_convolution *conv = d->conv;
    const long size = rv_frame_size(&d->frame), line = conv->out_width * conv->out_channels;
    const int is_framed = rv_frame_is_needed(&d->frame);
    float *framed = d->framed + share * RV_ROUND_UP(size, RV_LINE);
    long from, to;
    rv_part(conv->batch, 1, share, shares, &from, &to);
    if (is_framed) rv_zero(framed, size);
    for (long n = from; n < to; n++) {
        const float *x = d->from + n * conv->in_height * conv->in_width * conv->in_channels;
        if (is_framed) rv_frame_fill(&d->frame, x, framed), x = framed;
        for (long i = 0; i < conv->out_height; i++)
            rv_depthwise_row(d, x + i * conv->stride_height * d->frame.width * conv->in_channels,
                             d->to + (n * conv->out_height + i) * line);
    }
}

/* Adds what one row of outputs sends to its windows. */
static void rv_depthwise_send(const rv_depthwise *d, const float *dy, float *framed) {
    const rv_convolution *conv = d->conv;
    const long channels = conv->in_channels, apart = conv->stride_width * channels;
    const long taps = conv->kernel_height * conv->kernel_width;
    for (long tap = 0; tap < taps; tap++) {
        float *to = framed + d->tap[tap];
        for (long c = 0; c < channels; c += RV_WIDTH) {
            const long lanes = RV_MIN(RV_WIDTH, channels - c);
            const rv_vector weight = rv_load_first(d->weight + tap * channels + c, lanes);
            for (long t = 0; t < conv->out_width; t++) {
                float *place = to + t * apart + c;
                const rv_vector sent = weight * rv_load_first(dy + t * channels + c, lanes);
                rv_store_first(place, rv_load_first(place, lanes) + sent, lanes);
            }
        }
    }
}

static void rv_depthwise_input_share(void *context, int share, int shares) {
    const rv_depthwise *d = context;
    const rv_convolution *conv = d->conv;
    const rv_frame *f = &d->frame;
    const long size = rv_frame_size(f), line = conv->in_width * conv->in_channels;
    float *framed = d->framed + share * RV_ROUND_UP(size, RV_LINE);
    long from, to;
    rv_part(conv->batch, 1, share, shares, &from, &to);
    for (long n = from; n < to; n++) {
        const float *dy = d->from + n * conv->out_height * conv->out_width * conv->out_channels;
        float *dx = d->to + n * conv->in_height * line;
        rv_zero(framed, size);
        for (long i = 0; i < conv->out_height; i++)
            rv_depthwise_send(d, dy + i * conv->out_width * conv->out_channels,
                              framed + i * conv->stride_height * f->width * conv->in_channels);
        for (long i = 0; i < conv->in_height; i++)
            rv_copy(dx + i * line,
                    framed + ((f->top + i) * f->width + f->left) * conv->in_channels, line);
    }
}

static void rv_depthwise_run(rv_depthwise *d, const float *weight, rv_share share, int threads,
                             float *workspace) {
    const rv_convolution *conv = d->conv;
    float *rest = rv_line_start(workspace);
    const long taps = conv->kernel_height * conv->kernel_width;
    float *gathered = rv_take(&rest, taps * conv->in_channels);
    long *tap = (long *)rv_take(&rest, 2 * taps);
    rv_weight_gather(conv, weight, gathered);
    rv_taps_make(conv, &d->frame, tap);
    d->weight = gathered;
    d->tap = tap;
    d->framed = rest;
    rv_parallel(threads, share, d);
}

void rv_depthwise_forward(const rv_convolution *conv, const float *x, const float *weight,
                          const float *bias, rv_epilogue epilogue, float *y, int threads,
                          float *workspace) {
    rv_depthwise d = {.conv = conv,
                      .frame = rv_conv_frame_of_input(conv),
                      .bias = epilogue == RV_PLAIN ? NULL : bias,
                      .relu = epilogue == RV_BIAS_RELU,
                      .from = x,
                      .to = y};
    rv_depthwise_run(&d, weight, rv_depthwise_forward_share, threads, workspace);
}

void rv_depthwise_input_gradient(const rv_convolution *conv, const float *dy, const float *weight,
                                 float *dx, int threads, float *workspace) {
    rv_depthwise d = {
        .conv = conv, .frame = rv_conv_frame_of_input(conv), .from = dy, .to = dx};
    rv_depthwise_run(&d, weight, rv_depthwise_input_share, threads, workspace);
}

/* One vector of channels of `taps` taps at a time: dy is loaded once for all of them. */
RV_INLINE void rv_depthwise_weight_taps(const rv_convolution *conv, const int taps, const long *tap,
                                        const long *offset, long rows, long lanes, const float *x,
                                        const float *dy, float *sums) {
    const long channels = conv->in_channels, apart = conv->stride_width * channels;
    rv_vector sum[RV_PIXELS];
    RV_UNROLL for (int t = 0; t < taps; t++) sum[t] = rv_load_first(sums + t * channels, lanes);
    for (long r = 0; r < rows; r++)
        for (long i = 0; i < conv->out_width; i++) {
            const rv_vector gradient =
                rv_load_first(dy + (r * conv->out_width + i) * channels, lanes);
            const float *from = x + offset[r] + i * apart;
            RV_UNROLL for (int t = 0; t < taps; t++)
                sum[t] += gradient * rv_load_first(from + tap[t], lanes);
        }
    RV_UNROLL for (int t = 0; t < taps; t++) rv_store_first(sums + t * channels, sum[t], lanes);
}

void rv_depthwise_weight_block(const rv_convolution *conv, const long *tap, const long *offset,
                               long rows, const float *x, const float *dy, float *sums) {
    const long taps = conv->kernel_height * conv->kernel_width, channels = conv->in_channels;
    for (long c = 0; c < channels; c += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, channels - c);
        long t = 0;
        for (; t + RV_PIXELS <= taps; t += RV_PIXELS)
            rv_depthwise_weight_taps(conv, RV_PIXELS, tap + t, offset, rows, lanes, x + c, dy + c,
                                     sums + t * channels + c);
        for (; t < taps; t++)
            rv_depthwise_weight_taps(conv, 1, tap + t, offset, rows, lanes, x + c, dy + c,
                                     sums + t * channels + c);
    }
}

long rv_depthwise_workspace(const rv_convolution *conv, int threads) {
    const rv_frame frame = rv_conv_frame_of_input(conv);
    const long taps = conv->kernel_height * conv->kernel_width;
    return RV_LINE + RV_ROUND_UP(taps * conv->in_channels, RV_LINE) +
           RV_ROUND_UP(2 * taps, RV_LINE) +
           threads * RV_ROUND_UP(rv_frame_size(&frame), RV_LINE);
}
