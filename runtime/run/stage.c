#include "runtime/run/stage.h"
#include "runtime/run/interrupt.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A copy of what the step changes is kept every so many steps: from it the steps before a failure are done again. */
enum { SNAPSHOT_STEPS = 100 };

int64_t stage_steps(double epochs, int64_t rows, int64_t batch_rows) {
  int64_t per_epoch = (rows + batch_rows - 1) / batch_rows;
  return (int64_t)ceil(epochs * (double)per_epoch - 1e-9);
}

typedef struct running {
  const stage *stage;
  binding *binding, *totals, *finish; /* totals, finish: of parts, or NULL */
  batcher *batches;
  weight_set **snapshot;
  int64_t snapshot_step; /* steps done when it was made */
  double loss, *terms;
} running;

/* ---- snapshots ---- */

static bool weights_finite(const running *r) {
  for (int k = 0; k < r->stage->changed_count; k++) {
    const weight_set *set = r->stage->sets[k];
    for (int i = 0; i < set->count; i++) {
      const weight *w = &set->items[i];
      const float *values = w->data;
      int64_t count = w->dtype == RETORT_F32 ? weight_count(w) : 0;
      float zero = 0; /* stays 0 only while all are numbers; without a branch, so it runs at the memory's speed */
      for (int64_t e = 0; e < count; e++)
        zero += values[e] * 0;
      if (zero != 0 || isnan(zero))
        return false;
    }
  }
  return true;
}

static void take_snapshot(running *r, int64_t done) {
  for (int k = 0; k < r->stage->changed_count; k++)
    weight_set_copy(r->snapshot[k], r->stage->sets[k]);
  r->snapshot_step = done;
}

static void restore_snapshot(running *r) {
  for (int k = 0; k < r->stage->changed_count; k++)
    weight_set_copy(r->stage->sets[k], r->snapshot[k]);
}

/* ---- steps ---- */

static bool read_losses(running *r, failure *f) {
  const stage *s = r->stage;
  int64_t count;
  const float *loss = binding_output(r->binding, "loss", &count);
  if (!loss)
    return fail(f, "stage '%s': its step has no loss", s->name);
  r->loss = *loss;
  for (int i = 0; i < s->term_count; i++) {
    const float *value = binding_output(r->binding, s->terms[i].output, &count);
    if (!value)
      return fail(f, "stage '%s': its step has no output '%s'", s->name, s->terms[i].output);
    r->terms[i] = *value;
  }
  return true;
}

static step_values values_of(const running *r, int64_t step) {
  return (step_values){.step = step,
                       .steps = r->stage->steps,
                       .seed = r->stage->seed,
                       .epoch = (double)(step - 1) / (double)batcher_per_epoch(r->batches)};
}

/* One call of the step's function, or of its part's. */
static bool call_step(running *r, const batch *data, const step_values *values, failure *f) {
  const stage *s = r->stage;
  return (!s->teacher || teacher_feed(s->teacher, r->binding, data, f)) && binding_call(r->binding, data, values, f) &&
         read_losses(r, f);
}

/* The batch's losses are the sums of its parts'. */
static bool do_parts(running *r, int64_t step, step_values values, failure *f) {
  const stage *s = r->stage;
  int64_t rows = batcher_rows(r->batches, step - 1), size = (s->batch + s->parts.count - 1) / s->parts.count;
  double loss = 0;
  double *terms = memory_allocate((size_t)s->term_count, sizeof *terms);
  weight_set_clear(s->parts.sums);
  bool good = true;
  const batch *data = NULL;
  for (int pass = r->totals ? 0 : 1; pass < 2; pass++)
    for (int64_t first = 0; first < rows && good; first += size) {
      values.part = first / size;
      data = batcher_fill_part(r->batches, step - 1, first, rows - first < size ? rows - first : size);
      good = pass == 0 ? binding_call(r->totals, data, &values, f) : call_step(r, data, &values, f);
      loss += good && pass == 1 ? r->loss : 0;
      for (int i = 0; i < s->term_count && good && pass == 1; i++)
        terms[i] += r->terms[i];
    }
  values.part = 0;
  good = good && binding_call(r->finish, data, &values, f);
  r->loss = loss;
  memcpy(r->terms, terms, (size_t)s->term_count * sizeof *terms);
  free(terms);
  return good;
}

static bool do_step(running *r, int64_t step, failure *f) {
  step_values values = values_of(r, step);
  if (r->finish)
    return do_parts(r, step, values, f);
  return call_step(r, batcher_fill(r->batches, step - 1), &values, f);
}

/* The first term that is no number: its name and value. False when all are numbers. */
static bool find_bad_term(const running *r, stage_failure *what) {
  for (int i = 0; i <= r->stage->term_count; i++) {
    bool total = i == r->stage->term_count;
    double value = total ? r->loss : r->terms[i];
    if (!isfinite(value)) {
      what->term = total ? "loss" : r->stage->terms[i].name;
      what->value = value;
      return true;
    }
  }
  return false;
}

static void log_number(FILE *log, const char *before, const char *name, double value) {
  if (isfinite(value))
    fprintf(log, "%s\"%s\":%.9g", before, name, value);
  else
    fprintf(log, "%s\"%s\":null", before, name);
}

static void log_step(const running *r, int64_t step) {
  const stage *s = r->stage;
  if (!s->log)
    return;
  fprintf(s->log, "{\"stage\":\"%s\",\"step\":%lld,\"epoch\":%.6g", s->name, (long long)step,
          (double)step / (double)batcher_per_epoch(r->batches));
  log_number(s->log, ",", "loss", r->loss);
  fputs(",\"terms\":{", s->log);
  for (int i = 0; i < s->term_count; i++)
    log_number(s->log, i ? "," : "", s->terms[i].name, r->terms[i]);
  fputs("}}\n", s->log);
}

/* ---- a loss that is no number ---- */

/* From the snapshot on, the first step with a loss or a weight afterwards that is no number. */
static int64_t find_bad_step(running *r, int64_t last, failure *f) {
  restore_snapshot(r);
  for (int64_t step = r->snapshot_step + 1; step < last; step++) {
    stage_failure unused;
    if (!do_step(r, step, f) || find_bad_term(r, &unused) || !weights_finite(r))
      return step;
  }
  return last;
}

static bool go_to(running *r, int64_t done, failure *f) {
  bool good = true;
  restore_snapshot(r);
  for (int64_t step = r->snapshot_step + 1; step <= done && good; step++)
    good = do_step(r, step, f);
  return good;
}

/* Says which step spoiled the weights or the loss and why, and goes back to weights that are good. */
static stage_result report_failure(running *r, int64_t step, int64_t *done, failure *f) {
  const stage *s = r->stage;
  stage_failure seen = {0}, what = {0};
  find_bad_term(r, &seen);
  what.step = find_bad_step(r, step, f);
  what.values = values_of(r, what.step);
  if (f->text || !go_to(r, what.step - 1, f))
    return STAGE_FAILED;
  const char *kind = isnan(seen.value) ? "NaN" : "infinite";
  if (what.step == step) {
    what.term = seen.term;
    what.value = seen.value;
    fail(f, "stage '%s': the loss '%s' is %s at step %lld of %lld", s->name, what.term, kind, (long long)step,
         (long long)s->steps);
  } else {
    fail(f, "stage '%s': the weights are no longer numbers after step %lld of %lld; the loss '%s' was %s at step %lld",
         s->name, (long long)what.step, (long long)s->steps, seen.term, kind, (long long)step);
  }
  what.data = batcher_fill(r->batches, what.step - 1);
  if (s->explain)
    s->explain(s->context, &what);
  /* Weights that gave a loss that is no number are suspect even when they are numbers. */
  *done = what.step - 1;
  if (what.term && *done > r->snapshot_step) {
    failure unused = {0};
    go_to(r, --*done, &unused);
    failure_free(&unused);
  }
  return STAGE_NOT_FINITE;
}

/* ---- the loop ---- */

static bool validate(running *r, int64_t done, bool *stop, failure *f) {
  const stage *s = r->stage;
  int64_t every = s->validate_every > 0 ? s->validate_every : batcher_per_epoch(r->batches);
  if (!s->validate || (done % every != 0 && done != s->steps))
    return true;
  return s->validate(s->context, done, stop, f);
}

/* A checkpoint is a snapshot too: a run that goes on from it has the same one. */
static void keep_checkpoint(running *r, int64_t done) {
  const stage *s = r->stage;
  if (done == s->steps || !s->checkpoint_due || !s->checkpoint_due(s->context, done) || !weights_finite(r))
    return;
  take_snapshot(r, done);
  s->checkpoint(s->context, done);
}

static stage_result run_steps(running *r, int64_t *done, failure *f) {
  const stage *s = r->stage;
  for (int64_t step = s->start + 1; step <= s->steps; step++) {
    if (interrupt_requested())
      return STAGE_INTERRUPTED;
    if ((step - 1) % SNAPSHOT_STEPS == 0 && weights_finite(r))
      take_snapshot(r, step - 1);
    if (!do_step(r, step, f))
      return STAGE_FAILED;
    log_step(r, step);
    stage_failure what;
    if (find_bad_term(r, &what))
      return report_failure(r, step, done, f);
    *done = step;
    if (step == 1 && s->begun)
      s->begun(s->context, r->terms);
    progress_step(s->progress, step, batcher_rows(r->batches, step - 1), r->loss, r->terms);
    bool stop = false;
    if (!validate(r, step, &stop, f))
      return STAGE_FAILED;
    if (stop)
      break;
    keep_checkpoint(r, step);
  }
  return STAGE_DONE;
}

static bool bind(running *r, failure *f) {
  const stage *s = r->stage;
  r->binding = binding_create(&s->step, s->set_count, s->sets, s->threads, f);
  if (r->binding && s->parts.count > 1 && s->parts.totals.signature)
    r->totals = binding_create(&s->parts.totals, s->set_count, s->sets, s->threads, f);
  if (!f->text && s->parts.count > 1)
    r->finish = binding_create(&s->parts.finish, s->set_count, s->sets, s->threads, f);
  return !f->text;
}

static void unbind(running *r) {
  binding_free(r->binding);
  binding_free(r->totals);
  binding_free(r->finish);
}

stage_result stage_run(const stage *s, stage_report *report, failure *f) {
  *report = (stage_report){.steps = s->start};
  running r = {.stage = s};
  if (!bind(&r, f)) {
    unbind(&r);
    return STAGE_FAILED;
  }
  r.batches = batcher_create(s->data, s->batch, binding_width(r.binding), true, s->seed);
  batcher_by_length(r.batches, s->by_length);
  r.terms = memory_allocate((size_t)s->term_count, sizeof *r.terms);
  r.snapshot = memory_allocate((size_t)s->changed_count, sizeof *r.snapshot);
  for (int k = 0; k < s->changed_count; k++)
    r.snapshot[k] = weight_set_create(s->sets[k]->count, s->sets[k]->items);
  take_snapshot(&r, s->start);
  const char **names = memory_allocate((size_t)s->term_count, sizeof *names);
  for (int i = 0; i < s->term_count; i++)
    names[i] = s->terms[i].name;
  progress_begin(s->progress, &(progress_stage){.name = s->name,
                                                .title = s->title,
                                                .steps = s->steps,
                                                .start = s->start,
                                                .steps_per_epoch = batcher_per_epoch(r.batches),
                                                .term_count = s->term_count,
                                                .terms = names});
  double began = monotonic_seconds();
  stage_result result = run_steps(&r, &report->steps, f);
  report->seconds = monotonic_seconds() - began;
  report->workspace = binding_workspace_size(r.binding);
  progress_end(s->progress);
  for (int k = 0; k < s->changed_count; k++)
    weight_set_free(r.snapshot[k]);
  free(r.snapshot);
  free(r.terms);
  free(names);
  batcher_free(r.batches);
  unbind(&r);
  return result;
}
