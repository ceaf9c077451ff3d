/* The layout of rows of a stage or an evaluation, chosen by how much padding its first batches have. */
#include "compiler/commands/run_state.h"
#include <string.h>
#include <xxhash.h>

enum { BATCHES_SEEN = 32 };

uint64_t run_stage_seed(const run_state *r, const program_stage *s) {
  if (s->seed > 0)
    return (uint64_t)s->seed;
  return (r->options->seed + XXH3_64bits(s->name, strlen(s->name))) >> 1;
}

static run_layout choose(const run_state *r, const dataset *data, int64_t rows, const program_stage *s) {
  run_layout chosen = {.padding = -1};
  if (r->options->layout == LAYOUT_AUTO && rows > 1 && !r->options->compile.interpret) {
    batcher *b = batcher_create(data, rows, 0, s != NULL, s ? run_stage_seed(r, s) : 0);
    batcher_by_length(b, s ? s->by_length : 0);
    chosen.padding = batcher_padding(b, BATCHES_SEEN);
    batcher_free(b);
  }
  chosen.packed = layout_is_packed(r->options->layout, rows, chosen.padding);
  return chosen;
}

run_layout run_stage_layout(const run_state *r, const program_stage *s) {
  return choose(r, r->data[s->data], s->batch, s);
}

run_layout run_data_layout(const run_state *r, const dataset *data) {
  return choose(r, data, EVALUATION_BATCH, NULL);
}
