/* The driver of a fuzz target: NAME SECONDS SEED CORPUS [CRASH]
 *
 * Runs every input of the folder CORPUS, then, for SECONDS, inputs made from those by chance. Code compiled with
 * -fsanitize-coverage=trace-pc tells where it goes; an input that goes somewhere new joins the pool. All chance comes
 * from SEED. The target runs in a child process; the input that ends it is left in the file CRASH (default:
 * NAME.crash). Exit status: 0 no fault, 1 a fault, 2 wrong words or no corpus. With SECONDS 0 only the corpus is run.
 */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE_LIMIT = 1 << 14, POOL_MAX = 1 << 14, MAP_SIZE = 1 << 16, INPUT_SECONDS = 10 };

typedef struct input {
  uint8_t *data;
  size_t size;
} input;

typedef struct fuzzer {
  uint64_t random;
  int count;
  input pool[POOL_MAX];
  uint8_t seen[MAP_SIZE];
} fuzzer;

/* Survives the child: what it was doing. */
typedef struct shared {
  size_t size;
  long runs, kept;
  uint8_t data[SIZE_LIMIT];
} shared;

/* ---- where the target goes: called by compiled code, so these two cannot be passed along ---- */

static uint8_t reached[MAP_SIZE];
static uintptr_t last_place;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) {
  uintptr_t place = (uintptr_t)__builtin_return_address(0);
  place = (place ^ place >> 17) * 0x9E3779B97F4A7C15u >> 40;
  reached[(place ^ last_place) % MAP_SIZE] = 1;
  last_place = place >> 1;
}

/* Runs one input; whether it reached something new. */
static bool run_input(fuzzer *f, shared *s, const uint8_t *data, size_t size) {
  memcpy(s->data, data, size);
  s->size = size;
  s->runs++;
  memset(reached, 0, sizeof reached);
  last_place = 0;
  /* a copy of exact size, so that a byte read behind the end is seen */
  uint8_t *exact = malloc(size ? size : 1);
  if (!exact)
    abort();
  memcpy(exact, data, size);
  alarm(INPUT_SECONDS);
  LLVMFuzzerTestOneInput(exact, size);
  alarm(0);
  free(exact);
  bool fresh = false;
  for (int i = 0; i < MAP_SIZE; i++)
    if (reached[i] && !f->seen[i])
      f->seen[i] = fresh = true;
  return fresh;
}

/* ---- chance ---- */

static uint64_t draw(fuzzer *f) { /* xorshift64* */
  f->random ^= f->random >> 12;
  f->random ^= f->random << 25;
  f->random ^= f->random >> 27;
  return f->random * 0x2545F4914F6CDD1Du;
}

static size_t below(fuzzer *f, size_t limit) {
  return limit ? (size_t)(draw(f) >> 11) % limit : 0;
}

/* ---- changes; each keeps size <= SIZE_LIMIT ---- */

/* Replaces [at, at + length) by `count` bytes. */
static void replace(uint8_t *data, size_t *size, size_t at, size_t length, const uint8_t *bytes, size_t count) {
  if (*size - length + count > SIZE_LIMIT)
    return;
  memmove(data + at + count, data + at + length, *size - at - length);
  memcpy(data + at, bytes, count);
  *size = *size - length + count;
}

/* A piece of some input of the pool: a word, a line, or any bytes. */
static input piece(fuzzer *f) {
  input from = f->pool[below(f, (size_t)f->count)];
  if (!from.size)
    return from;
  size_t start = below(f, from.size), end = start + 1 + below(f, below(f, 4) ? 12 : 200);
  if (below(f, 2)) { /* to the next line's end */
    const uint8_t *newline = memchr(from.data + start, '\n', from.size - start);
    end = newline ? (size_t)(newline - from.data) + 1 : from.size;
  }
  end = end > from.size ? from.size : end;
  return (input){from.data + start, end - start};
}

static void change(fuzzer *f, uint8_t *data, size_t *size) {
  static const char *const extremes[] = {"-1",
                                         "0",
                                         "9223372036854775807",
                                         "99999999999999999999",
                                         "1e999",
                                         "nan",
                                         "",
                                         "((((((((((((((((((",
                                         "[[[[[[[[[[[[[[[[[[",
                                         "{{{{{{{{{{{{{{{{{{",
                                         "\xff",
                                         "\r\n",
                                         "\t",
                                         "\"",
                                         "\\"};
  size_t at = below(f, *size + 1), left = *size - at;
  size_t length = below(f, (left < 16 || !below(f, 4) ? left : 16) + 1);
  uint8_t copy[SIZE_LIMIT], byte = (uint8_t)draw(f);
  input p;
  switch (below(f, 8)) {
  case 0: /* a bit or a byte */
    if (at < *size)
      data[at] = (uint8_t)(data[at] ^ (below(f, 2) ? byte : 1u << below(f, 8)));
    break;
  case 1:
    replace(data, size, at, length, &byte, 0);
    break;
  case 2:
    replace(data, size, at, 0, &byte, 1);
    break;
  case 3: { /* the same again */
    size_t times = 1 + below(f, below(f, 8) ? 2 : 40);
    memcpy(copy, data + at, length);
    while (times--)
      replace(data, size, at, 0, copy, length);
    break;
  }
  case 4: {
    const char *text = extremes[below(f, sizeof extremes / sizeof *extremes)];
    replace(data, size, at, length < 4 ? length : 0, (const uint8_t *)text, strlen(text));
    break;
  }
  case 5: /* the rest of another input */
    p = f->pool[below(f, (size_t)f->count)];
    if (p.size) {
      size_t from = below(f, p.size);
      replace(data, size, at, left, p.data + from, p.size - from);
    }
    break;
  default:
    p = piece(f);
    replace(data, size, at, below(f, 2) ? length : 0, p.data, p.size);
    break;
  }
}

/* ---- the pool ---- */

static void add_input(fuzzer *f, const uint8_t *data, size_t size) {
  if (f->count == POOL_MAX)
    return;
  input i = {malloc(size ? size : 1), size};
  if (!i.data)
    abort();
  memcpy(i.data, data, size);
  f->pool[f->count++] = i;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

/* In the order of names, so that a seed means the same everywhere. */
static void read_corpus(fuzzer *f, const char *folder) {
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, by_name);
  for (int i = 0; i < count; i++) {
    char path[4096];
    uint8_t data[SIZE_LIMIT];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    FILE *file = entries[i]->d_name[0] == '.' ? NULL : fopen(path, "rb");
    if (file) {
      add_input(f, data, fread(data, 1, sizeof data, file));
      fclose(file);
    }
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
}

static void fuzz(fuzzer *f, shared *s, double seconds) {
  int given = f->count;
  for (int i = 0; i < given; i++)
    run_input(f, s, f->pool[i].data, f->pool[i].size);
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  now = start;
  while ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9 < seconds) {
    uint8_t data[SIZE_LIMIT];
    const input *from = &f->pool[below(f, (size_t)f->count)];
    size_t size = from->size;
    memcpy(data, from->data, size);
    for (size_t changes = 1 + below(f, 4); changes--;)
      change(f, data, &size);
    if (run_input(f, s, data, size))
      add_input(f, data, size);
    s->kept = f->count - given;
    clock_gettime(CLOCK_MONOTONIC, &now);
  }
}

/* ---- the two processes ---- */

static void report_crash(const shared *s, int status, const char *name, const char *path) {
  FILE *file = fopen(path, "wb");
  if (file) {
    fwrite(s->data, 1, s->size, file);
    fclose(file);
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    fprintf(stderr, "%s: an input took more than %d seconds", name, INPUT_SECONDS);
  else
    fprintf(stderr, "%s: an input ended the program", name);
  fprintf(stderr, " (run %ld); it is in %s\n", s->runs, path);
}

int main(int count, char **arguments) {
  if (count < 4) {
    fprintf(stderr, "usage: %s SECONDS SEED CORPUS [CRASH]\n", arguments[0]);
    return 2;
  }
  const char *slash = strrchr(arguments[0], '/'), *name = slash ? slash + 1 : arguments[0];
  char crash[4096];
  snprintf(crash, sizeof crash, "%s%s", count > 4 ? arguments[4] : name, count > 4 ? "" : ".crash");
  shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fuzzer *f = calloc(1, sizeof *f);
  if (s == MAP_FAILED || !f)
    return 2;
  f->random = strtoull(arguments[2], NULL, 10) * 2 + 1;
  read_corpus(f, arguments[3]);
  if (!f->count) {
    fprintf(stderr, "%s: no inputs in %s\n", name, arguments[3]);
    return 2;
  }
  pid_t child = fork();
  if (child == 0) {
    fuzz(f, s, strtod(arguments[1], NULL));
    exit(0); /* by way of exit, for the leak checker */
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status)
    report_crash(s, status, name, crash);
  else
    printf("%s: %ld inputs, %d given, %ld kept, no fault\n", name, s->runs, f->count, s->kept);
  for (int i = 0; i < f->count; i++)
    free(f->pool[i].data);
  free(f);
  return status ? 1 : 0;
}
