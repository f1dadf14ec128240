#include "kernels.h"
#include "memory.h"
#include "threads.h"

/* Rows added up in one go, in four accumulators: no float takes in more than 64 others, and the
 * sums of the blocks are added as a binary counter carries, so that their rounding errors grow with
 * the logarithm of the rows. */
#define RV_BLOCK 256
#define RV_LEVELS 40

typedef struct {
    const float *x;
    long rows, columns, ld;
    float *parts;
} rv_sums;

static rv_vector rv_sum_block(const float *x, long rows, long ld, long lanes) {
    rv_vector sum[4] = {{0}, {0}, {0}, {0}};
    long i = 0;
    if (lanes == RV_WIDTH)
        for (; i + 4 <= rows; i += 4)
            for (int r = 0; r < 4; r++) sum[r] += rv_load(x + (i + r) * ld);
    for (; i < rows; i++) sum[i % 4] += rv_load_first(x + i * ld, lanes);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static rv_vector rv_sum_lanes(const float *x, long rows, long ld, long lanes) {
    rv_vector level[RV_LEVELS], total = {0};
    unsigned long blocks = 0;
    for (long i = 0; i < rows; i += RV_BLOCK, blocks++) {
        rv_vector sum = rv_sum_block(x + i * ld, RV_MIN(RV_BLOCK, rows - i), ld, lanes);
        int l = 0;
        for (; blocks >> l & 1; l++) sum += level[l];
        level[l] = sum;
    }
    for (int l = 0; blocks >> l; l++)
        if (blocks >> l & 1) total += level[l];
    return total;
}

static void rv_sum_share(void *context, int share, int shares) {
    const rv_sums *s = context;
    float *sums = s->parts + share * RV_ROUND_UP(s->columns, RV_LINE);
    long from, to;
    rv_part(s->rows, RV_BLOCK, share, shares, &from, &to);
    for (long j = 0; j < s->columns; j += RV_WIDTH) {
        const long lanes = RV_MIN(RV_WIDTH, s->columns - j);
        rv_store_first(sums + j, rv_sum_lanes(s->x + from * s->ld + j, to - from, s->ld, lanes),
                       lanes);
    }
}

long rv_sum_rows_workspace(long columns, int threads) {
    return RV_LINE + threads * RV_ROUND_UP(columns, RV_LINE);
}

void rv_sum_rows(const float *x, long rows, long columns, long ld, float *sums, int threads,
                 float *workspace) {
    const int shares = rows * columns < 65536 ? 1 : RV_MAX(threads, 1);
    rv_sums s = {.x = x, .rows = rows, .columns = columns, .ld = ld};
    s.parts = shares == 1 ? sums : rv_line_start(workspace);
    rv_parallel(shares, rv_sum_share, &s);
    if (shares == 1) return;
    rv_copy(sums, s.parts, columns);
    for (int i = 1; i < shares; i++)
        rv_add(sums, s.parts + i * RV_ROUND_UP(columns, RV_LINE), columns);
}
