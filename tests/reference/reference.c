/* Compares the models, losses and operations of models/ with numbers computed elsewhere.
 *   reference [--interpret] [--layout padded|packed] [--threads N] [--cpu NAME] [--contractions auto|emitted|blas]
 *             [--without PASS] FOLDER
 * Runs every case in FOLDER, one line each; exits 1 when one fails, 2 when the arguments are wrong. A case's kind is
 * its name behind the first '-': «R1-bert-forward» is a bert-forward. */
#include "tests/reference/cases.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* With --precision bf16: what a case's own tolerance is added to. A number is off by up to 2^-9 of itself when it is
 * rounded, and a sum of k products of numbers around 1 by a few times sqrt(k) as much. */
static const double BF16_TOLERANCE = 0.04;

static const struct {
  const char *kind;
  case_runner *run;
} kinds[] = {
    {"bert-forward", case_bert_forward}, {"bert-train", case_bert_train},     {"tinybert-distill", case_distillation},
    {"kd-losses", case_losses},          {"more-losses", case_more_losses},   {"ops", case_ops},
    {"metrics.json", case_metrics},      {"wordpiece.jsonl", case_wordpiece},
};

typedef enum { PASSED, FAILED, UNKNOWN, SKIPPED } outcome;

const char *case_file(const reference_case *c, const char *name) {
  return arena_print(c->arena, "%s/%s", c->path, name);
}

static case_runner *runner_of(const char *name) {
  const char *kind = strchr(name, '-');
  for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].kind, kind + 1) == 0)
      return kinds[i].run;
  return NULL;
}

static outcome run_case(const char *folder, const char *name, const run_options *run) {
  case_runner *runner = runner_of(name);
  if (!runner) {
    printf("%s: unknown\n", name);
    return UNKNOWN;
  }
  if (runner == case_wordpiece && !getenv("RETORT_DATA")) {
    printf("%s: skipped: no RETORT_DATA\n", name);
    return SKIPPED;
  }
  arena *a = arena_create();
  reference_case c = {.path = arena_print(a, "%s/%s", folder, name), .run = run, .arena = a};
  json_error_t error;
  json_t *settings = json_load_file(case_file(&c, "case.json"), 0, &error);
  c.settings = settings;
  comparison result = {.atol = json_number_value(json_object_get(settings, "atol")),
                       .rtol = json_number_value(json_object_get(settings, "rtol"))};
  if (run->compile.switches.bf16) {
    result.atol += BF16_TOLERANCE;
    result.rtol += BF16_TOLERANCE;
  }
  if (!runner(&c, &result) || result.tensors == 0)
    result.failed = true;
  printf("%s: max error %.3g, tolerance %.3g + %.3g |x|, %s\n", name, result.worst, result.atol, result.rtol,
         result.failed ? "FAIL" : "pass");
  fflush(stdout);
  json_decref(settings);
  arena_destroy(a);
  return result.failed ? FAILED : PASSED;
}

static int not_hidden(const struct dirent *entry) {
  return entry->d_name[0] == 'R' && strchr(entry->d_name, '-');
}

static int usage(void) {
  fputs("usage: reference [--interpret] [--layout padded|packed] [--threads N] [--cpu NAME] "
        "[--contractions auto|emitted|blas] [--precision bf16] [--reproducible] [--without PASS] [--models FOLDER] "
        "[--folder FOLDER] "
        "FOLDER\n",
        stderr);
  return 2;
}

int main(int count, char **arguments) {
  run_options run = {.models = "models", .folder = "tests/reference", .threads = 2};
  const char *folder = NULL;
  for (int i = 1; i < count; i++) {
    const char *next = i + 1 < count ? arguments[i + 1] : NULL;
    if (strcmp(arguments[i], "--interpret") == 0)
      run.compile.interpret = true;
    else if (strcmp(arguments[i], "--reproducible") == 0)
      run.compile.reproducible = true;
    else if (strcmp(arguments[i], "--layout") == 0 && next)
      run.compile.switches.packed = strcmp(arguments[++i], "packed") == 0;
    else if (strcmp(arguments[i], "--threads") == 0 && next)
      run.threads = atoi(arguments[++i]);
    else if (strcmp(arguments[i], "--cpu") == 0 && next)
      run.compile.cpu = arguments[++i];
    else if (strcmp(arguments[i], "--without") == 0 && next && passes_switch_off(&run.compile.switches, next))
      i++;
    else if (strcmp(arguments[i], "--contractions") == 0 && next && contractions_read(next, &run.compile.contractions))
      i++;
    else if (strcmp(arguments[i], "--precision") == 0 && next && strcmp(next, "bf16") == 0)
      run.compile.switches.bf16 = i++ > 0;
    else if (strcmp(arguments[i], "--models") == 0 && next)
      run.models = arguments[++i];
    else if (strcmp(arguments[i], "--folder") == 0 && next)
      run.folder = arguments[++i];
    else if (arguments[i][0] != '-' && !folder)
      folder = arguments[i];
    else
      return usage();
  }
  struct dirent **entries = NULL;
  int entry_count = folder && run.threads > 0 ? scandir(folder, &entries, not_hidden, alphasort) : -1;
  if (entry_count < 0)
    return usage();
  int outcomes[4] = {0};
  for (int i = 0; i < entry_count; i++) {
    outcomes[run_case(folder, entries[i]->d_name, &run)]++;
    free(entries[i]);
  }
  free(entries);
  printf("%d passed, %d failed", outcomes[PASSED], outcomes[FAILED]);
  if (outcomes[SKIPPED] + outcomes[UNKNOWN])
    printf(", %d skipped", outcomes[SKIPPED] + outcomes[UNKNOWN]);
  putchar('\n');
  return outcomes[FAILED] || outcomes[PASSED] == 0 ? 1 : 0;
}
