/* `retort compare`: runs beside each other. */
#include "compiler/commands/command.h"
#include "runtime/run/comparison.h"
#include <stdlib.h>
#include <unistd.h>

static const char help[] = //
    "retort compare - prints runs side by side, with what differs in their settings\n"
    "\n"
    "USAGE\n"
    "  retort compare [--all] DIR DIR...\n"
    "\n"
    "A DIR is a folder that retort run --out has left, or one of retort experiment --out: then every run in it. Of\n"
    "the settings those that differ are printed: options, what --set says, the sizes of the models that were kept, "
    "and\n"
    "whether the sources are the same text. Scores are in percent.\n"
    "\n"
    "OPTIONS\n"
    "  --all  prints the settings that are the same, too\n"
    "\n"
    "EXIT STATUS\n"
    "  0 done, 2 wrong command line, 3 a folder is no run or cannot be read, 4 the output cannot be written\n";

static int compare(int count, const char **folders, bool all) {
  failure f = {0};
  comparison *c = comparison_create();
  int status = STATUS_DONE;
  for (int i = 0; i < count && status == STATUS_DONE; i++)
    if (!comparison_add(c, folders[i], &f))
      status = STATUS_INPUT_WRONG;
  if (status == STATUS_DONE && comparison_count(c) < 2) {
    fail(&f, "one run alone has nothing to be compared with");
    status = STATUS_USAGE_WRONG;
  }
  const char *no_color = getenv("NO_COLOR");
  if (status == STATUS_DONE)
    comparison_print(c, stdout, isatty(STDOUT_FILENO) && !(no_color && *no_color), all);
  else
    fprintf(stderr, "retort compare: %s\n", f.text);
  failure_free(&f);
  comparison_free(c);
  return status == STATUS_DONE ? finish_output() : status;
}

int command_compare(int count, char **arguments) {
  if (wants_help(count, arguments)) {
    fputs(help, stdout);
    return finish_output();
  }
  bool all = false;
  int used = 0, status = STATUS_USAGE_WRONG;
  const option options[] = {{.name = "--all", .flag = &all}, {.name = NULL}};
  const char **folders = memory_allocate((size_t)count, sizeof *folders);
  if (options_read_files(count, arguments, options, folders, &used))
    status = compare(used, folders, all);
  free(folders);
  return status;
}
