/* The gradient of a convolution with respect to its input, in one of two ways.
 *
 * Gathering: every input pixel collects the outputs that saw it, which is a convolution of dy again,
 * one for each phase of the stride. Scattering: every output pixel computes what it sends to its
 * whole window, which is added up. Gathering has an input pixel's channels as lanes, so with few
 * of them most lanes would idle; scattering has the whole window as lanes. */
#include "conv.h"
#include "half.h"
#include "threads.h"

/* The input pixels first + t * stride along one axis, and what kernel places see them: place tap[i]
 * of the output at t + base[i]. */
typedef struct {
    long first, count, taps;
    long *tap, *base;
} rv_axis_phase;

typedef struct {
    rv_axis_phase vertical, horizontal;
    rv_row row;
    long group_panels;
} rv_phase;

typedef struct {
    const rv_convolution *conv;
    rv_frame frame;
    rv_phase *phase;
    long phases;
    const float *dy;
    float *dx, *framed;
} rv_gather;

static rv_axis_phase rv_axis_phase_make(long first, long size, long kernel, long stride,
                                        long padding, long dilation, float **workspace) {
    rv_axis_phase phase = {.first = first,
                           .count = first < size ? RV_CEIL_DIV(size - first, stride) : 0};
    phase.tap = (long *)rv_take(workspace, 4 * kernel);
    phase.base = phase.tap + kernel;
    for (long k = kernel - 1; k >= 0; k--) {
        const long reach = first + padding - k * dilation;
        if (reach % stride) continue;
        phase.tap[phase.taps] = k;
        phase.base[phase.taps++] = reach / stride;
    }
    return phase;
}

/* Zeros round dy that suffice for every phase: also what the workspace is sized by. */
static rv_frame rv_frame_of_output(const rv_convolution *conv) {
    const long reach_h = conv->dilation_height * (conv->kernel_height - 1);
    const long reach_w = conv->dilation_width * (conv->kernel_width - 1);
    const long top = RV_MAX(0, RV_CEIL_DIV(RV_MAX(0, reach_h - conv->padding_height),
                                           conv->stride_height));
    const long left = RV_MAX(0, RV_CEIL_DIV(RV_MAX(0, reach_w - conv->padding_width),
                                            conv->stride_width));
    const long last_h = (conv->in_height - 1 + conv->padding_height) / conv->stride_height;
    const long last_w = (conv->in_width - 1 + conv->padding_width) / conv->stride_width;
    return (rv_frame){.top = top,
                      .left = left,
                      .height = top + RV_MAX(conv->out_height, last_h + 1),
                      .width = left + RV_MAX(conv->out_width, last_w + 1),
                      .inner_height = conv->out_height,
                      .inner_width = conv->out_width,
                      .channels = conv->out_channels};
}

static void rv_phase_make(rv_phase *phase, const rv_gather *g, const float *weight,
                          float **workspace) {
    const rv_convolution *conv = g->conv;
    const long in = conv->in_channels / conv->groups, out = conv->out_channels / conv->groups;
    const long seen = g->frame.channels / conv->groups;
    const rv_axis_phase *v = &phase->vertical, *h = &phase->horizontal;
    const long taps = v->taps * h->taps;
    long *row = (long *)rv_take(workspace, 2 * (v->taps + h->taps)), *column = row + v->taps;
    long *tap = (long *)rv_take(workspace, 2 * taps);
    for (long i = 0; i < v->taps; i++) row[i] = v->base[i] + g->frame.top;
    for (long j = 0; j < h->taps; j++) column[j] = h->base[j] + g->frame.left;
    for (long i = 0; i < v->taps; i++)
        for (long j = 0; j < h->taps; j++)
            tap[i * h->taps + j] =
                v->tap[i] * conv->weight_stride[2] + h->tap[j] * conv->weight_stride[3];
    phase->row.window.offset = (long *)rv_take(workspace, 2 * taps);
    rv_window_make(&phase->row.window, &g->frame, row, v->taps, column, h->taps, seen);
    phase->group_panels = rv_panels_size(taps * seen, in);
    float *panels = rv_take(workspace, conv->groups * phase->group_panels);
    for (long i = 0; i < conv->groups; i++)
        rv_panels_pack(weight + i * out * conv->weight_stride[0], tap, taps, out,
                       conv->weight_stride[0], in, conv->weight_stride[1], g->frame.pairs,
                       panels + i * phase->group_panels);
    phase->row.panels = panels;
    phase->row.pairs = g->frame.pairs;
    phase->row.from_pixel = g->frame.channels;
    phase->row.to_pixel = conv->stride_width * conv->in_channels;
    phase->row.width = in;
}

static void rv_gather_picture(const rv_gather *g, const float *dy, float *dx) {
    const rv_convolution *conv = g->conv;
    const long in = conv->in_channels / conv->groups, seen = g->frame.channels / conv->groups;
    for (long f = 0; f < g->phases; f++) {
        const rv_phase *phase = &g->phase[f];
        for (long group = 0; group < conv->groups; group++) {
            rv_row row = phase->row;
            row.panels += group * phase->group_panels;
            for (long t = 0; t < phase->vertical.count; t++) {
                const long i = phase->vertical.first + t * conv->stride_height;
                const long pixel = i * conv->in_width + phase->horizontal.first;
                rv_row_run(&row, phase->horizontal.count,
                           dy + t * g->frame.width * g->frame.channels + group * seen,
                           dx + pixel * conv->in_channels + group * in);
            }
        }
    }
}

static void rv_gather_share(void *context, int share, int shares) {
    const rv_gather *g = context;
    const long in = g->conv->in_height * g->conv->in_width * g->conv->in_channels;
    const long out = g->conv->out_height * g->conv->out_width * g->conv->out_channels;
    const long size = rv_frame_size(&g->frame);
    const int is_framed = rv_frame_is_needed(&g->frame);
    float *framed = g->framed + share * RV_ROUND_UP(size, RV_LINE);
    long from, to;
    rv_part(g->conv->batch, 1, share, shares, &from, &to);
    if (is_framed) rv_zero(framed, size);
    for (long n = from; n < to; n++) {
        if (is_framed) rv_frame_fill(&g->frame, g->dy + n * out, framed);
        rv_gather_picture(g, is_framed ? framed : g->dy + n * out, g->dx + n * in);
    }
}

static void rv_gather_run(const rv_convolution *conv, const float *dy, const float *weight,
                          float *dx, int threads, float *workspace, int is_half) {
    rv_gather g = {.conv = conv, .dy = dy, .dx = dx};
    g.frame = rv_frame_of_output(conv);
    g.frame = rv_frame_in_pairs(g.frame, conv->out_channels / conv->groups, is_half);
    float *rest = rv_line_start(workspace);
    g.phases = conv->stride_height * conv->stride_width;
    g.phase = (rv_phase *)rv_take(&rest, g.phases * (long)(sizeof(rv_phase) / sizeof(float)));
    for (long f = 0; f < g.phases; f++) {
        rv_phase *phase = &g.phase[f];
        *phase = (rv_phase){0};
        phase->vertical = rv_axis_phase_make(f / conv->stride_width, conv->in_height,
                                             conv->kernel_height, conv->stride_height,
                                             conv->padding_height, conv->dilation_height, &rest);
        phase->horizontal = rv_axis_phase_make(f % conv->stride_width, conv->in_width,
                                               conv->kernel_width, conv->stride_width,
                                               conv->padding_width, conv->dilation_width, &rest);
        rv_phase_make(phase, &g, weight, &rest);
    }
    g.framed = rest;
    rv_parallel(threads, rv_gather_share, &g);
}

static long rv_gather_workspace(const rv_convolution *conv, int threads) {
    const rv_frame frame = rv_frame_of_output(conv);
    const long taps = conv->kernel_height * conv->kernel_width;
    const long in = conv->in_channels / conv->groups, out = conv->out_channels / conv->groups;
    const long phases = conv->stride_height * conv->stride_width;
    const long lists = 8 * (conv->kernel_height + conv->kernel_width) + 4 * taps;
    return RV_LINE + threads * RV_ROUND_UP(rv_frame_size(&frame), RV_LINE) +
           conv->groups * (rv_panels_size(taps * out, in) + phases * RV_LINE) +
           phases * (long)(sizeof(rv_phase) / sizeof(float)) + phases * (lists + 7 * RV_LINE);
}

typedef struct {
    const rv_convolution *conv;
    rv_frame frame;
    rv_row row;
    const float *dy;
    float *dx, *workspace;
} rv_scatter;

static long rv_scatter_width(const rv_convolution *conv) {
    return conv->kernel_height * conv->kernel_width * conv->in_channels;
}

static long rv_scatter_share_size(const rv_convolution *conv) {
    const rv_frame frame = rv_conv_frame_of_input(conv);
    return RV_ROUND_UP(rv_frame_size(&frame), RV_LINE) +
           conv->out_width * RV_ROUND_UP(rv_scatter_width(conv), RV_LINE) +
           RV_ROUND_UP(RV_CEIL_DIV(conv->out_width * conv->out_channels, 2), RV_LINE);
}

/* Row `oc`, column (kernel row, kernel column, input channel) of the weight, in panels. */
static void rv_scatter_pack(const rv_convolution *conv, const float *weight, int pairs,
                            float *panels) {
    const long width = rv_scatter_width(conv), in = conv->in_channels;
    for (long j = 0; j < width; j += RV_TILE_COLUMNS) {
        const long columns = RV_MIN(RV_TILE_COLUMNS, width - j);
        const long padded = RV_ROUND_UP(columns, RV_WIDTH);
        float *to = panels;
        for (long o = 0; o < conv->out_channels; o++, to += padded) {
            rv_zero(to, padded);
            for (long c = 0; c < columns; c++) {
                const long tap = (j + c) / in, i = (j + c) % in;
                to[c] = weight[o * conv->weight_stride[0] + i * conv->weight_stride[1] +
                               tap / conv->kernel_width * conv->weight_stride[2] +
                               tap % conv->kernel_width * conv->weight_stride[3]];
            }
        }
        if (pairs) rv_panel_round(panels, padded, conv->out_channels);
        panels += (pairs ? conv->out_channels / 2 : conv->out_channels) * padded;
    }
}

/* Adds what one row of outputs sends to its windows, `sent` apart from pixel to pixel. */
static void rv_scatter_add(const rv_scatter *s, const float *sent, long apart, float *framed) {
    const rv_convolution *conv = s->conv;
    const long in = conv->in_channels;
    const int adjoin = conv->dilation_width == 1;
    const long parts = adjoin ? 1 : conv->kernel_width;
    const long length = adjoin ? conv->kernel_width * in : in;
    for (long t = 0; t < conv->out_width; t++, sent += apart) {
        float *to = framed + t * conv->stride_width * in;
        const float *from = sent;
        for (long i = 0; i < conv->kernel_height; i++)
            for (long j = 0; j < parts; j++, from += length)
                rv_add(to + (i * conv->dilation_height * s->frame.width +
                             j * conv->dilation_width) * in, from, length);
    }
}

static void rv_scatter_share(void *context, int share, int shares) {
    const rv_scatter *s = context;
    const rv_convolution *conv = s->conv;
    const long line = conv->in_width * conv->in_channels;
    const long apart = RV_ROUND_UP(rv_scatter_width(conv), RV_LINE);
    const long size = rv_frame_size(&s->frame);
    float *framed = s->workspace + share * rv_scatter_share_size(conv);
    float *sent = framed + RV_ROUND_UP(size, RV_LINE), *rounded = sent + conv->out_width * apart;
    const long dy_row = conv->out_width * conv->out_channels;
    long from, to;
    rv_part(conv->batch, 1, share, shares, &from, &to);
    for (long n = from; n < to; n++) {
        const float *dy = s->dy + n * conv->out_height * dy_row;
        float *dx = s->dx + n * conv->in_height * line;
        rv_zero(framed, size);
        for (long i = 0; i < conv->out_height; i++) {
            if (s->row.pairs) rv_half_row(dy + i * dy_row, dy_row, (rv_pair *)rounded);
            rv_row_run(&s->row, conv->out_width, s->row.pairs ? rounded : dy + i * dy_row, sent);
            rv_scatter_add(s, sent, apart,
                           framed + i * conv->stride_height * s->frame.width * conv->in_channels);
        }
        for (long i = 0; i < conv->in_height; i++)
            rv_copy(dx + i * line,
                    framed + ((s->frame.top + i) * s->frame.width + s->frame.left) *
                                 conv->in_channels,
                    line);
    }
}

static void rv_scatter_run(const rv_convolution *conv, const float *dy, const float *weight,
                           float *dx, int threads, float *workspace, int is_half) {
    rv_scatter s = {.conv = conv, .frame = rv_conv_frame_of_input(conv), .dy = dy, .dx = dx};
    const long width = rv_scatter_width(conv), out = conv->out_channels;
    const int pairs = rv_come_in_pairs(out, is_half);
    float *rest = rv_line_start(workspace);
    float *panels = rv_take(&rest, rv_panels_size(out, width));
    long here = 0;
    rv_scatter_pack(conv, weight, pairs, panels);
    s.row = (rv_row){.window = {.segments = 1, .places = pairs ? out / 2 : out, .offset = &here},
                     .from_pixel = pairs ? out / 2 : out,
                     .pairs = pairs,
                     .to_pixel = RV_ROUND_UP(width, RV_LINE),
                     .width = width,
                     .panels = panels};
    s.workspace = rest;
    rv_parallel(threads, rv_scatter_share, &s);
}

static int rv_scatters(const rv_convolution *conv) {
    return conv->groups == 1 && 2 * conv->in_channels <= RV_WIDTH;
}

long rv_input_gradient_workspace(const rv_convolution *conv, int threads) {
    if (!rv_scatters(conv)) return rv_gather_workspace(conv, threads);
    return RV_LINE + rv_panels_size(conv->out_channels, rv_scatter_width(conv)) +
           threads * rv_scatter_share_size(conv);
}

void rv_conv_input_gradient(const rv_convolution *conv, const float *dy, const float *weight,
                            float *dx, int threads, float *workspace, int is_half) {
    const long pixels = conv->batch * conv->out_height * conv->out_width;
    if (conv->batch * conv->in_height * conv->in_width * conv->in_channels == 0) return;
    if (rv_conv_is_product(conv))
        rv_conv_gemm(is_half)(0, 0, pixels, conv->in_channels, conv->out_channels, 1.0f, dy,
                              conv->out_channels, weight, conv->weight_stride[0], 0.0f, dx,
                              conv->in_channels, NULL, RV_PLAIN, threads, workspace);
    else if (rv_conv_is_depthwise(conv))
        rv_depthwise_input_gradient(conv, dy, weight, dx, threads, workspace);
    else if (rv_scatters(conv))
        rv_scatter_run(conv, dy, weight, dx, threads, workspace, is_half);
    else
        rv_gather_run(conv, dy, weight, dx, threads, workspace, is_half);
}
