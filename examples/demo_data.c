/* Makes the demo's data: sentences about films whose sentiment depends on the order of words. The same bytes on every
 * machine.
 *   cc -std=c17 -o demo_data examples/demo_data.c && ./demo_data examples/demo
 *
 * A sentence has one or two clauses. A clause says something good or bad; a negation turns it round («the plot was not
 * dull», «nobody thought the cast was weak»), and two negations cancel. Of two clauses one decides: the one behind
 * «but», the one that has no «although» before it; with «and» both say the same. So the words alone, without their
 * order, tell little. A part of the training labels is wrong; those of the other splits are all right. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef const char *const words[];
static words good = {"good",     "great",    "fine",   "lovely", "bright", "warm",   "sharp",
                     "clever",   "charming", "superb", "tender", "vivid",  "honest", "elegant",
                     "gripping", "rich",     "fresh",  "sweet",  "funny",  "moving"};
static words bad = {"bad",   "poor",   "dull",  "weak",  "flat",  "clumsy",  "boring", "awful", "cold", "stale",
                    "bleak", "hollow", "crude", "silly", "tired", "shallow", "messy",  "lame",  "sour", "dreary"};
static words nouns = {"film", "story",  "acting",   "plot",  "music", "cast", "script",  "ending",
                      "pace", "humour", "dialogue", "scene", "hero",  "tone", "picture", "sequel"};
static words adverbs = {"very", "really", "quite", "truly", "rather", "simply"};
static words negations = {"not", "never", "hardly"};
static words marks = {"but", "although", "while", "and",  ",",      ".",         "the",     "was",
                      "i",   "found",    "did",   "find", "nobody", "everybody", "thought", "that"};
static words special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

typedef struct writer {
  FILE *to;
  uint64_t random;
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
static bool chance(writer *w, int percent) {
  return below(w, 100) < percent;
}
static const char *pick(writer *w, const char *const *list, int count) {
  return list[below(w, count)];
}

/* What a clause says in the end is `positive`. */
static void clause(writer *w, bool positive) {
  bool word = positive;
  const char *noun = pick(w, nouns, COUNT(nouns));
  int form = below(w, 3);
  bool negated = chance(w, 25);
  word ^= negated;
  if (form == 0) { /* nobody or everybody thinks so */
    bool nobody = chance(w, 30);
    word ^= nobody;
    fprintf(w->to, "%s thought the %s was ", nobody ? "nobody" : "everybody", noun);
  } else if (form == 1) {
    fprintf(w->to, "the %s was ", noun);
  } else { /* «did not find»: the negation stands in front */
    fprintf(w->to, negated ? "i did not find the %s " : "i found the %s ", noun);
  }
  if (negated && form != 2)
    fprintf(w->to, "%s ", pick(w, negations, COUNT(negations)));
  if (chance(w, 40))
    fprintf(w->to, "%s ", pick(w, adverbs, COUNT(adverbs)));
  fputs(word ? pick(w, good, COUNT(good)) : pick(w, bad, COUNT(bad)), w->to);
}

static void sentence(writer *w, bool positive) {
  static words turns = {"but", "although", "while"};
  switch (below(w, 6)) {
  case 0:
  case 1:
    clause(w, positive);
    break;
  case 2:
    clause(w, positive);
    fputs(" and ", w->to);
    clause(w, positive);
    break;
  case 3: /* what stands behind «but» decides */
    clause(w, !positive);
    fputs(" but ", w->to);
    clause(w, positive);
    break;
  case 4: /* what has no «although» decides */
    clause(w, positive);
    fprintf(w->to, " %s ", turns[1 + below(w, 2)]);
    clause(w, !positive);
    break;
  default:
    fprintf(w->to, "%s ", turns[1 + below(w, 2)]);
    clause(w, !positive);
    fputs(" , ", w->to);
    clause(w, positive);
    break;
  }
  fputs(" .", w->to);
}

static FILE *create(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *to = fopen(path, "w");
  if (to)
    return to;
  fprintf(stderr, "demo_data: cannot write %s: %s\n", path, strerror(errno));
  exit(1);
}

static void finish(FILE *to) {
  if (ferror(to) | fclose(to)) {
    fprintf(stderr, "demo_data: cannot write: %s\n", strerror(errno));
    exit(1);
  }
}

static void split(const char *folder, const char *name, uint64_t seed, int rows, int wrong_percent) {
  writer w = {.to = create(folder, name), .random = seed};
  for (int i = 0; i < rows; i++) {
    bool positive = chance(&w, 50);
    sentence(&w, positive);
    fprintf(w.to, "\t%d\n", positive ^ chance(&w, wrong_percent));
  }
  finish(w.to);
}

static void list(FILE *to, const char *const *items, int count) {
  for (int i = 0; i < count; i++)
    fprintf(to, "%s\n", items[i]);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: demo_data FOLDER\n");
    return 1;
  }
  const char *folder = arguments[1];
  split(folder, "train.tsv", 1, 3000, 10);
  split(folder, "dev.tsv", 2, 300, 0);
  split(folder, "test.tsv", 3, 1000, 0);
  FILE *to = create(folder, "vocab.txt");
  list(to, special, COUNT(special));
  list(to, marks, COUNT(marks));
  list(to, negations, COUNT(negations));
  list(to, adverbs, COUNT(adverbs));
  list(to, nouns, COUNT(nouns));
  list(to, good, COUNT(good));
  list(to, bad, COUNT(bad));
  finish(to);
  return 0;
}
