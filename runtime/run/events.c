#include "runtime/run/events.h"
#include "runtime/run/event.pb-c.h"
#include "runtime/run/series.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct event_file {
  unsigned char *bytes;
  size_t size, capacity;
  double wall_time;
} event_file;

/* ---- records ---- */

uint32_t events_checksum(const unsigned char *bytes, size_t size) {
  uint32_t rest = 0xFFFFFFFF;
  for (size_t i = 0; i < size; i++) {
    rest ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      rest = rest >> 1 ^ (rest & 1 ? 0x82F63B78 : 0);
  }
  return ~rest;
}

static void add_number(event_file *to, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++)
    to->bytes[to->size++] = (unsigned char)(number >> (8 * i));
}

/* As TFRecord has it: rotated and shifted, so that a checksum of data that holds checksums is no trivial one. */
static uint32_t masked_checksum(const unsigned char *bytes, size_t size) {
  uint32_t sum = events_checksum(bytes, size);
  return (sum >> 15 | sum << 17) + 0xA282EAD8;
}

/* A record: length, its checksum, the bytes, their checksum; all numbers little-endian. */
static void add_event(event_file *to, Tensorboard__Event *event) {
  event->wall_time = to->wall_time;
  size_t length = tensorboard__event__get_packed_size(event);
  if (to->size + length + 16 > to->capacity) {
    to->capacity = 2 * (to->size + length + 16);
    to->bytes = memory_resize(to->bytes, to->capacity, 1);
  }
  size_t start = to->size;
  add_number(to, length, 8);
  add_number(to, masked_checksum(to->bytes + start, 8), 4);
  tensorboard__event__pack(event, to->bytes + to->size);
  to->size += length;
  add_number(to, masked_checksum(to->bytes + to->size - length, length), 4);
}

static void add_scalars(event_file *to, int64_t step, size_t count, Tensorboard__ScalarValue *values) {
  Tensorboard__ScalarValue **list = memory_allocate(count, sizeof(Tensorboard__ScalarValue *));
  for (size_t i = 0; i < count; i++)
    list[i] = &values[i];
  Tensorboard__ScalarSummary summary = TENSORBOARD__SCALAR_SUMMARY__INIT;
  summary.n_value = count;
  summary.value = list;
  Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
  event.step = step;
  event.summary = &summary;
  add_event(to, &event);
  free(list);
}

/* ---- what a run recorded ---- */

/* Steps without a number are left out. */
static void add_stage(event_file *to, const stage_series *s) {
  Tensorboard__ScalarValue *values = memory_allocate((size_t)s->term_count, sizeof *values);
  char **tags = memory_allocate((size_t)s->term_count, sizeof *tags);
  for (int k = 0; k < s->term_count; k++)
    tags[k] = memory_print("%s/%s", s->name, s->terms[k].name);
  for (int i = 0; i < s->count; i++) {
    size_t used = 0;
    for (int k = 0; k < s->term_count; k++) {
      if (!isfinite(s->terms[k].values[i]))
        continue;
      tensorboard__scalar_value__init(&values[used]);
      values[used].tag = tags[k];
      values[used++].simple_value = (float)s->terms[k].values[i];
    }
    if (used)
      add_scalars(to, (int64_t)s->steps[i], used, values);
  }
  for (int k = 0; k < s->term_count; k++)
    free(tags[k]);
  free(tags);
  free(values);
}

static void add_result(event_file *to, const json_t *result) {
  const char *metric, *on = json_string_value(json_object_get(result, "on"));
  const char *label = json_string_value(json_object_get(result, "label"));
  json_t *score;
  json_object_foreach(json_object_get(result, "scores"), metric, score) {
    Tensorboard__ScalarValue value = TENSORBOARD__SCALAR_VALUE__INIT;
    value.tag = memory_print("%s/%s/%s", on ? on : "", metric, label ? label : "");
    value.simple_value = (float)json_number_value(score);
    add_scalars(to, 0, 1, &value);
    free(value.tag);
  }
}

unsigned char *events_encode(const char *metrics, size_t metrics_size, const json_t *results, double wall_time,
                             size_t *size) {
  event_file to = {.wall_time = wall_time};
  char version[] = "brain.Event:2";
  Tensorboard__Event first = TENSORBOARD__EVENT__INIT;
  first.file_version = version;
  add_event(&to, &first);
  series all = series_read(metrics, metrics_size);
  for (int i = 0; i < all.count; i++)
    add_stage(&to, &all.stages[i]);
  series_free(&all);
  size_t i;
  json_t *result;
  json_array_foreach(results, i, result) add_result(&to, result);
  *size = to.size;
  return to.bytes;
}
