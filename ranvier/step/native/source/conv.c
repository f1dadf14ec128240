#include "conv.h"

#include "half.h"
#include "threads.h"

/* No more products, or pairs of them, than this run through one accumulator, unless one segment has
 * more. */
#define RV_LONGEST_SUM 1024

void rv_frame_fill(const rv_frame *f, const float *picture, float *framed) {
    const long row = f->inner_width * f->channels;
    framed += (f->top * f->width + f->left) * f->channels;
    for (long i = 0; i < f->inner_height; i++) {
        float *to = framed + i * f->width * f->channels;
        if (f->pairs)
            rv_half_row(picture + 2 * i * row, 2 * row, (rv_pair *)to);
        else
            rv_copy(to, picture + i * row, row);
    }
}

rv_frame rv_conv_frame_of_input(const rv_convolution *conv) {
    return (rv_frame){.top = conv->padding_height,
                      .left = conv->padding_width,
                      .height = conv->in_height + 2 * conv->padding_height,
                      .width = conv->in_width + 2 * conv->padding_width,
                      .inner_height = conv->in_height,
                      .inner_width = conv->in_width,
                      .channels = conv->in_channels};
}

void rv_window_make(rv_window *window, const rv_frame *f, const long *row, long rows,
                    const long *column, long columns, long channels) {
    int adjoin = channels == f->channels && columns * channels <= RV_LONGEST_SUM;
    for (long j = 1; j < columns; j++) adjoin = adjoin && column[j] == column[j - 1] + 1;
    const long parts = adjoin ? RV_MIN(columns, 1) : columns;
    window->places = adjoin ? columns * channels : channels;
    window->segments = rows * parts;
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < parts; j++)
            window->offset[i * parts + j] = (row[i] * f->width + column[j]) * f->channels;
}

void rv_row_run(const rv_row *row, long pixels, const float *from, float *to) {
    const rv_window *window = &row->window;
    const rv_slivers cut = rv_cut_rows(pixels);
    const long all = window->segments;
    const long at_once = RV_MAX(1, RV_LONGEST_SUM / RV_MAX(window->places, 1));
    rv_tile tile = {.k = window->places,
                    .pairs = row->pairs,
                    .row_a = row->from_pixel,
                    .place_a = 1,
                    .row_c = row->to_pixel,
                    .alpha = 1.0f};
    for (long j = 0; j < row->width; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, row->width - j);
        const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
        const float *panel = row->panels + j * all * window->places;
        long first = 0;
        tile.last = width - (vectors - 1) * RV_WIDTH;
        tile.row_b = vectors * RV_WIDTH;
        do {
            const int is_last = first + at_once >= all;
            tile.segments = RV_MIN(at_once, all - first);
            tile.offset = window->offset + first;
            tile.b = panel + first * window->places * tile.row_b;
            tile.beta = first ? 1.0f : 0.0f;
            tile.bias = is_last && row->bias ? row->bias + j : NULL;
            tile.relu = is_last && row->relu;
            tile.a = from;
            tile.c = to + j;
            for (long s = 0; s < cut.count; s++) {
                const int height = rv_sliver_height(&cut, s);
                rv_tile_run(height, vectors, &tile);
                tile.a += height * row->from_pixel;
                tile.c += height * row->to_pixel;
            }
            first += at_once;
        } while (first < all);
    }
}

void rv_panel_round(float *panel, long width, long rows) {
    for (long p = 0; p < rows; p += 2)
        rv_half_rows(panel + p * width, panel + (p + 1) * width, width,
                     (rv_pair *)(panel + p / 2 * width));
}

void rv_panels_pack(const float *weight, const long *tap, long taps, long places, long place,
                    long columns, long column, int pairs, float *panels) {
    const long rows = taps * places;
    for (long j = 0; j < columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, columns - j);
        const long padded = RV_ROUND_UP(width, RV_WIDTH);
        float *to = panels;
        for (long i = 0; i < taps; i++)
            for (long p = 0; p < places; p++, to += padded) {
                const float *from = weight + tap[i] + p * place + j * column;
                for (long c = 0; c < width; c++) to[c] = from[c * column];
                for (long c = width; c < padded; c++) to[c] = 0.0f;
            }
        if (pairs) rv_panel_round(panels, padded, rows);
        panels += (pairs ? rows / 2 : rows) * padded;
    }
}

int rv_conv_is_product(const rv_convolution *conv) {
    return conv->kernel_height == 1 && conv->kernel_width == 1 && conv->stride_height == 1 &&
           conv->stride_width == 1 && conv->padding_height == 0 && conv->padding_width == 0 &&
           conv->groups == 1 && conv->weight_stride[1] == 1;
}

typedef struct {
    const rv_convolution *conv;
    rv_frame frame;
    rv_row row;
    long group_panels;
    const float *x;
    float *y, *framed;
} rv_forward;

static void rv_forward_picture(const rv_forward *f, const float *x, float *y) {
    const rv_convolution *conv = f->conv;
    const long in = f->frame.channels / conv->groups, out = conv->out_channels / conv->groups;
    const long row = conv->stride_height * f->frame.width * f->frame.channels;
    for (long g = 0; g < conv->groups; g++) {
        rv_row job = f->row;
        job.panels += g * f->group_panels;
        if (job.bias) job.bias += g * out;
        for (long i = 0; i < conv->out_height; i++)
            rv_row_run(&job, conv->out_width, x + i * row + g * in,
                       y + i * conv->out_width * conv->out_channels + g * out);
    }
}

static void rv_forward_share(void *context, int share, int shares) {
    const rv_forward *f = context;
    const long in = f->conv->in_height * f->conv->in_width * f->conv->in_channels;
    const long out = f->conv->out_height * f->conv->out_width * f->conv->out_channels;
    const long size = rv_frame_size(&f->frame);
    float *framed = f->framed + share * RV_ROUND_UP(size, RV_LINE);
    const int is_framed = rv_frame_is_needed(&f->frame);
    long from, to;
    rv_part(f->conv->batch, 1, share, shares, &from, &to);
    if (is_framed) rv_zero(framed, size);
    for (long n = from; n < to; n++) {
        if (is_framed) rv_frame_fill(&f->frame, f->x + n * in, framed);
        rv_forward_picture(f, is_framed ? framed : f->x + n * in, f->y + n * out);
    }
}

long rv_forward_workspace(const rv_convolution *conv, int threads) {
    const rv_frame frame = rv_conv_frame_of_input(conv);
    const long taps = conv->kernel_height * conv->kernel_width;
    const long in = conv->in_channels / conv->groups, out = conv->out_channels / conv->groups;
    return RV_LINE + threads * RV_ROUND_UP(rv_frame_size(&frame), RV_LINE) +
           conv->groups * rv_panels_size(taps * in, out) +
           2 * RV_ROUND_UP(2 * (taps + conv->kernel_height + conv->kernel_width), RV_LINE);
}

/* The taps of a kernel: where each lies in the framed picture and in the weight. */
static void rv_forward_window(rv_forward *f, long *tap, float **workspace) {
    const rv_convolution *conv = f->conv;
    const long height = conv->kernel_height, width = conv->kernel_width;
    long *row = (long *)rv_take(workspace, 2 * (height + width)), *column = row + height;
    for (long i = 0; i < height; i++) row[i] = i * conv->dilation_height;
    for (long j = 0; j < width; j++) column[j] = j * conv->dilation_width;
    for (long i = 0; i < height; i++)
        for (long j = 0; j < width; j++)
            tap[i * width + j] = i * conv->weight_stride[2] + j * conv->weight_stride[3];
    f->row.window.offset = (long *)rv_take(workspace, 2 * height * width);
    rv_window_make(&f->row.window, &f->frame, row, height, column, width,
                   f->frame.channels / conv->groups);
}

static void rv_forward_windows(const rv_convolution *conv, const float *x, const float *weight,
                               const float *bias, rv_epilogue epilogue, float *y, int threads,
                               float *workspace, int is_half) {
    const long taps = conv->kernel_height * conv->kernel_width;
    const long in = conv->in_channels / conv->groups, out = conv->out_channels / conv->groups;
    rv_forward f = {.conv = conv, .x = x, .y = y};
    f.frame = rv_frame_in_pairs(rv_conv_frame_of_input(conv), in, is_half);
    float *rest = rv_line_start(workspace);
    long *tap = (long *)rv_take(&rest, 2 * taps);
    rv_forward_window(&f, tap, &rest);
    f.group_panels = rv_panels_size(taps * (f.frame.channels / conv->groups), out);
    float *panels = rv_take(&rest, conv->groups * f.group_panels);
    for (long g = 0; g < conv->groups; g++)
        rv_panels_pack(weight + g * out * conv->weight_stride[0], tap, taps, in,
                       conv->weight_stride[1], out, conv->weight_stride[0], f.frame.pairs,
                       panels + g * f.group_panels);
    f.row.pairs = f.frame.pairs;
    f.row.from_pixel = conv->stride_width * f.frame.channels;
    f.row.to_pixel = conv->out_channels;
    f.row.width = out;
    f.row.panels = panels;
    f.row.bias = epilogue == RV_PLAIN ? NULL : bias;
    f.row.relu = epilogue == RV_BIAS_RELU;
    f.framed = rest;
    rv_parallel(threads, rv_forward_share, &f);
}

void rv_conv_forward(const rv_convolution *conv, const float *x, const float *weight,
                     const float *bias, rv_epilogue epilogue, float *y, int threads,
                     float *workspace, int is_half) {
    const long pixels = conv->batch * conv->out_height * conv->out_width;
    if (pixels * conv->out_channels == 0) return;
    if (rv_conv_is_product(conv))
        rv_conv_gemm(is_half)(0, 1, pixels, conv->out_channels, conv->in_channels, 1.0f, x,
                              conv->in_channels, weight, conv->weight_stride[0], 0.0f, y,
                              conv->out_channels, bias, epilogue, threads, workspace);
    else if (rv_conv_is_depthwise(conv))
        rv_depthwise_forward(conv, x, weight, bias, epilogue, y, threads, workspace);
    else
        rv_forward_windows(conv, x, weight, bias, epilogue, y, threads, workspace, is_half);
}

static long rv_product_workspace(const rv_convolution *conv, int threads) {
    const long pixels = conv->batch * conv->out_height * conv->out_width;
    const long in = conv->in_channels, out = conv->out_channels;
    const long forward = rv_gemm_workspace(pixels, out, in, threads);
    const long back = rv_gemm_workspace(pixels, in, out, threads);
    return RV_MAX(RV_MAX(forward, back), rv_gemm_workspace(out, in, pixels, threads));
}

long rv_conv_workspace(const rv_convolution *conv, int threads) {
    const long product = rv_product_workspace(conv, threads);
    const long forward = rv_forward_workspace(conv, threads);
    const long back = rv_input_gradient_workspace(conv, threads);
    const long weight = rv_weight_gradient_workspace(conv, threads);
    const long depthwise = rv_depthwise_workspace(conv, threads);
    return RV_MAX(RV_MAX(RV_MAX(product, forward), RV_MAX(back, weight)), depthwise);
}
