/* TensorBoard's records: their frames, checksums and what is in them. */
#include "runtime/run/event.pb-c.h"
#include "runtime/run/events.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3720, appendix B.4, and the customary check of the polynomial. */
static void test_checksum(void **state) {
  (void)state;
  unsigned char bytes[32] = {0};
  assert_int_equal(events_checksum(bytes, 32), 0x8A9136AA);
  memset(bytes, 0xFF, 32);
  assert_int_equal(events_checksum(bytes, 32), 0x62A8AB43);
  for (int i = 0; i < 32; i++)
    bytes[i] = (unsigned char)i;
  assert_int_equal(events_checksum(bytes, 32), 0x46DD794E);
  assert_int_equal(events_checksum((const unsigned char *)"123456789", 9), 0xE3069283);
}

static uint64_t number_at(const unsigned char *at, int bytes) {
  uint64_t number = 0;
  for (int i = bytes - 1; i >= 0; i--)
    number = number << 8 | at[i];
  return number;
}

static uint32_t unmasked(const unsigned char *at) {
  uint32_t sum = (uint32_t)number_at(at, 4) - 0xA282EAD8;
  return sum >> 17 | sum << 15;
}

/* The event of the record at *offset, which moves behind it. */
static Tensorboard__Event *next_event(const unsigned char *bytes, size_t size, size_t *offset) {
  const unsigned char *at = bytes + *offset;
  assert_true(*offset + 16 <= size);
  size_t length = number_at(at, 8);
  assert_int_equal(unmasked(at + 8), events_checksum(at, 8));
  assert_true(*offset + 16 + length <= size);
  assert_int_equal(unmasked(at + 12 + length), events_checksum(at + 12, length));
  *offset += 16 + length;
  Tensorboard__Event *event = tensorboard__event__unpack(NULL, length, at + 12);
  assert_non_null(event);
  assert_true(event->wall_time == 1.5e9);
  return event;
}

static void expect_scalars(const Tensorboard__Event *e, int64_t step, size_t count, const char *const *tags,
                           const float *values) {
  assert_int_equal(e->step, step);
  assert_non_null(e->summary);
  assert_int_equal(e->summary->n_value, count);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(e->summary->value[i]->tag, tags[i]);
    assert_true(e->summary->value[i]->simple_value == values[i]);
  }
}

static void test_events(void **state) {
  (void)state;
  static const char metrics[] = "{\"stage\":\"a\",\"step\":1,\"loss\":3,\"terms\":{\"x\":1,\"y\":2}}\n"
                                "{\"stage\":\"a\",\"step\":2,\"loss\":null,\"terms\":{\"x\":null,\"y\":0.5}}\n"
                                "{\"stage\":\"a\",\"step\":3,\"loss\":null,\"terms\":{\"x\":null,\"y\":null}}\n";
  json_t *results = json_pack("[{s:s, s:s, s:{s:f}}]", "on", "test", "label", "student", "scores", "f1", 0.75);
  size_t size, offset = 0;
  unsigned char *bytes = events_encode(metrics, sizeof metrics - 1, results, 1.5e9, &size);
  Tensorboard__Event *events[4];
  for (int i = 0; i < 4; i++)
    events[i] = next_event(bytes, size, &offset);
  assert_int_equal(offset, size); /* the step without a number is left out */
  assert_string_equal(events[0]->file_version, "brain.Event:2");
  expect_scalars(events[1], 1, 3, (const char *[]){"a/loss", "a/x", "a/y"}, (const float[]){3, 1, 2});
  expect_scalars(events[2], 2, 1, (const char *[]){"a/y"}, (const float[]){0.5F});
  expect_scalars(events[3], 0, 1, (const char *[]){"test/f1/student"}, (const float[]){0.75F});
  for (int i = 0; i < 4; i++)
    tensorboard__event__free_unpacked(events[i], NULL);
  free(bytes);
  json_decref(results);
}

/* The first record, byte by byte but for its checksums, as its definition has it. */
static void test_bytes(void **state) {
  (void)state;
  json_t *results = json_array();
  size_t size;
  unsigned char *bytes = events_encode("", 0, results, 1.5e9, &size);
  assert_int_equal(size, 8 + 4 + 24 + 4);
  assert_int_equal(number_at(bytes, 8), 24);
  assert_int_equal(bytes[12], 0x09); /* field 1, a double */
  double wall_time;
  memcpy(&wall_time, bytes + 13, sizeof wall_time);
  assert_true(wall_time == 1.5e9);
  assert_int_equal(bytes[21], 0x1A); /* field 3, a string */
  assert_int_equal(bytes[22], 13);
  assert_memory_equal(bytes + 23, "brain.Event:2", 13);
  free(bytes);
  json_decref(results);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_checksum), cmocka_unit_test(test_events),
                                     cmocka_unit_test(test_bytes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
