/* Makes the data of pooled.rt: texts of five topics over a vocabulary of 1000 invented words. The same bytes on every
 * machine.
 *   cc -std=c17 -o pooled_data examples/pooled_data.c && ./pooled_data examples/pooled
 *
 * A topic has 150 words of its own choice; one word in five of a text is one of these, the others are any. So the
 * topic is in no single word but in the mean over all. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOPICS = 5, WORDS = 995, OWN_WORDS = 150, LENGTH_MIN = 20, LENGTH_MAX = 50 };

typedef struct writer {
  uint64_t random;
  int own[TOPICS][OWN_WORDS];
} writer;

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(writer *w) {
  uint64_t z = w->random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int below(writer *w, int count) {
  return (int)(next(w) % (uint64_t)count);
}

/* Two syllables for each number below 1000; no two are the same. */
static void put_word(FILE *to, int index) {
  static const char consonants[] = "bdfghjklmnprstvwxyzc", vowels[] = "aeiou";
  int first = index % 100, second = (index / 100 + 7 * first) % 100;
  fprintf(to, "%c%c%c%c", consonants[first / 5], vowels[first % 5], consonants[second / 5], vowels[second % 5]);
}

static FILE *create(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *to = fopen(path, "w");
  if (to)
    return to;
  fprintf(stderr, "pooled_data: cannot write %s: %s\n", path, strerror(errno));
  exit(1);
}

static void finish(FILE *to) {
  if (ferror(to) | fclose(to)) {
    fprintf(stderr, "pooled_data: cannot write: %s\n", strerror(errno));
    exit(1);
  }
}

static void split(writer *w, const char *folder, const char *name, int rows) {
  FILE *to = create(folder, name);
  for (int i = 0; i < rows; i++) {
    int topic = below(w, TOPICS), length = LENGTH_MIN + below(w, LENGTH_MAX - LENGTH_MIN + 1);
    for (int k = 0; k < length; k++) {
      put_word(to, below(w, 5) == 0 ? w->own[topic][below(w, OWN_WORDS)] : below(w, WORDS));
      fputc(k + 1 < length ? ' ' : '\t', to);
    }
    fprintf(to, "%d\n", topic);
  }
  finish(to);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: pooled_data FOLDER\n");
    return 1;
  }
  writer w = {.random = 5};
  for (int t = 0; t < TOPICS; t++)
    for (int i = 0; i < OWN_WORDS; i++)
      w.own[t][i] = below(&w, WORDS);
  split(&w, arguments[1], "train.tsv", 1000);
  split(&w, arguments[1], "test.tsv", 400);
  FILE *to = create(arguments[1], "vocab.txt");
  fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", to);
  for (int i = 0; i < WORDS; i++) {
    put_word(to, i);
    fputc('\n', to);
  }
  finish(to);
  return 0;
}
