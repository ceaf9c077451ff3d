/* The program `retort`: finds the command and runs it. */
#include "compiler/commands/command.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: retort COMMAND FILE [options]; retort --help says more\n";

static const char environment[] = //
    "ENVIRONMENT\n"
    "  RETORT_MODELS   the folder of the standard library\n"
    "  RETORT_DATA     where data is looked for that does not lie beside its file\n"
    "  RETORT_CACHE    the folder of what is kept between runs (default ~/.cache/retort; set to nothing: none)\n"
    "  RETORT_CACHE_OBJECTS  how much of that compiled objects may take: beyond, those not used for longest go\n"
    "                  (default 512MiB)\n"
    "  NO_COLOR        set to anything: no colour\n"
    "\n"
    "EXIT STATUS\n"
    "  0    done\n"
    "  1    errors in the file\n"
    "  2    wrong command line\n"
    "  3    a file, data or weights cannot be read or used\n"
    "  4    the output cannot be written\n"
    "  5    a loss is NaN or infinite\n"
    "  70   a fault of retort itself\n"
    "  71   out of memory\n"
    "  130  interrupted\n";

static void print_help(void) {
  printf("retort - a compiler for knowledge distillation\n"
         "\n"
         "USAGE\n"
         "  retort COMMAND FILE [options]\n"
         "  retort COMMAND --help\n"
         "  retort --version\n"
         "\n"
         "COMMANDS\n");
  for (const command *c = commands; c->name; c++)
    printf("  %-10s  %s\n", c->name, c->summary);
  printf("\n"
         "A file says in the language of grammar/README.md what a teacher is, what a student is, and what the student\n"
         "should learn. Files end in .rt.\n"
         "\n"
         "%s",
         environment);
}

static int unknown_command(const char *name) {
  enum { NAMES_MAX = 16 };
  const char *names[NAMES_MAX];
  int count = 0;
  for (const command *c = commands; c->name && count < NAMES_MAX; c++)
    names[count++] = c->name;
  const char *near = nearest_name(name, names, count);
  fprintf(stderr, "retort: there is no command '%s'", name);
  if (near)
    fprintf(stderr, "; did you mean '%s'?", near);
  fprintf(stderr, "\n%s", usage);
  return STATUS_USAGE_WRONG;
}

static int run_command(int count, char **arguments) {
  for (const command *c = commands; c->name; c++)
    if (!strcmp(c->name, arguments[0]))
      return c->run(count, arguments);
  return unknown_command(arguments[0]);
}

/* Threads that wait for the others spin for milliseconds by libgomp's default; where other programs want the cores as
 * well, that makes steps of small models ten and more times as slow. libgomp reads this before main, so the program
 * starts once more. What the user has set stays. */
static void wait_briefly(char **arguments) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") || setenv("GOMP_SPINCOUNT", "1000", 1) != 0)
    return;
  execv("/proc/self/exe", arguments);
}

int main(int count, char **arguments) {
  if (count < 2) {
    fputs(usage, stderr);
    return STATUS_USAGE_WRONG;
  }
  const char *word = arguments[1];
  if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
    puts("retort " RETORT_VERSION);
    return finish_output();
  }
  bool help = !strcmp(word, "help");
  if (help && count > 2) { /* retort help show: retort show --help */
    char *words[] = {arguments[2], "--help", NULL};
    return run_command(2, words);
  }
  if (help || !strcmp(word, "--help") || !strcmp(word, "-h")) {
    print_help();
    return finish_output();
  }
  if (!strcmp(word, "run") || !strcmp(word, "experiment"))
    wait_briefly(arguments);
  return run_command(count - 1, arguments + 1);
}
