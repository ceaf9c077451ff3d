#include "runtime/run/progress.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

static const double redraw_seconds = 0.1;

struct progress {
  FILE *to;
  bool terminal, colour;
  progress_stage stage;
  double began, drawn;
  int64_t step, samples;
  int64_t summed; /* steps of this epoch in the sums */
  double loss_sum, *term_sums;
  bool pending; /* a line stands there without its end */
};

double monotonic_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

progress *progress_create(FILE *to, bool terminal, bool colour) {
  progress *p = memory_allocate(1, sizeof *p);
  *p = (progress){.to = to, .terminal = terminal, .colour = colour && terminal};
  return p;
}

void progress_free(progress *p) {
  if (p)
    free(p->term_sums);
  free(p);
}

/* ---- the line ---- */

typedef struct line {
  char text[512];
  size_t used;
} line;

static void add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(l->text + l->used, sizeof l->text - l->used, format, arguments);
  va_end(arguments);
  if (written > 0)
    l->used += (size_t)written;
  if (l->used >= sizeof l->text)
    l->used = sizeof l->text - 1;
}

static void add_time(line *l, double seconds) {
  long whole = (long)(seconds + 0.5);
  if (whole >= 3600)
    add(l, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    add(l, "%ld:%02ld", whole / 60, whole % 60);
}

static line compose(const progress *p, bool terms) {
  int term_count = terms && p->stage.term_count > 1 ? p->stage.term_count : 0;
  line l = {0};
  const progress_stage *s = &p->stage;
  int64_t epoch = (p->step + s->steps_per_epoch - 1) / s->steps_per_epoch;
  int64_t epochs = (s->steps + s->steps_per_epoch - 1) / s->steps_per_epoch;
  double elapsed = monotonic_seconds() - p->began;
  add(&l, "%s  epoch %lld/%lld  step %lld/%lld", s->name, (long long)epoch, (long long)epochs, (long long)p->step,
      (long long)s->steps);
  if (p->summed > 0) {
    add(&l, "  loss %.4g", p->loss_sum / (double)p->summed);
    for (int i = 0; i < term_count; i++)
      add(&l, "%s%s %.4g", i ? ", " : " (", s->terms[i], p->term_sums[i] / (double)p->summed);
    if (term_count)
      add(&l, ")");
  }
  if (elapsed > 0)
    add(&l, "  %.0f samples/s", (double)p->samples / elapsed);
  if (p->step > s->start && p->step < s->steps) {
    add(&l, "  ");
    add_time(&l, elapsed / (double)(p->step - s->start) * (double)(s->steps - p->step));
    add(&l, " left");
  } else {
    add(&l, "  ");
    add_time(&l, elapsed);
  }
  return l;
}

/* What a line of the terminal holds, so that the next one can be written over it. */
static line fit(const progress *p, line l) {
  struct winsize size;
  size_t columns = ioctl(fileno(p->to), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
  if (l.used >= columns)
    l = compose(p, false);
  if (l.used >= columns)
    l.used = columns - 1;
  return l;
}

static void draw(progress *p) {
  line l = compose(p, true);
  if (p->terminal) {
    if (p->step < p->stage.steps) /* the last one stays: it may take two lines */
      l = fit(p, l);
    fprintf(p->to, "\r%s%.*s%s\033[K", p->colour ? "\033[36m" : "", (int)l.used, l.text, p->colour ? "\033[0m" : "");
    p->pending = true;
  } else {
    fprintf(p->to, "%s\n", l.text);
  }
  fflush(p->to);
  p->drawn = monotonic_seconds();
}

static void clear_sums(progress *p) {
  p->summed = 0;
  p->loss_sum = 0;
  for (int i = 0; i < p->stage.term_count; i++)
    p->term_sums[i] = 0;
}

void progress_begin(progress *p, const progress_stage *stage) {
  p->stage = *stage;
  p->began = monotonic_seconds();
  p->drawn = 0;
  p->step = p->samples = 0;
  p->term_sums = memory_resize(p->term_sums, (size_t)stage->term_count, sizeof *p->term_sums);
  clear_sums(p);
  fprintf(p->to, "%s%s%s: %s, %lld steps\n", p->colour ? "\033[1m" : "", stage->name, p->colour ? "\033[0m" : "",
          stage->title, (long long)stage->steps);
  if (stage->start > 0)
    fprintf(p->to, "%s  goes on after step %lld\n", stage->name, (long long)stage->start);
}

void progress_step(progress *p, int64_t step, int64_t samples, double loss, const double *terms) {
  bool epoch_ends = step % p->stage.steps_per_epoch == 0 || step == p->stage.steps;
  if ((step - 1) % p->stage.steps_per_epoch == 0)
    clear_sums(p);
  p->step = step;
  p->samples += samples;
  p->summed++;
  p->loss_sum += loss;
  for (int i = 0; i < p->stage.term_count; i++)
    p->term_sums[i] += terms[i];
  if (epoch_ends || (p->terminal && monotonic_seconds() - p->drawn >= redraw_seconds))
    draw(p);
}

static void end_line(progress *p) {
  if (p->pending)
    fputc('\n', p->to);
  p->pending = false;
}

void progress_end(progress *p) {
  end_line(p);
  fflush(p->to);
}

void progress_say(progress *p, const char *format, ...) {
  end_line(p);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(p->to, format, arguments);
  va_end(arguments);
  fputc('\n', p->to);
  fflush(p->to);
}
