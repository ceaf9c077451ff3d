/* The list of commands. */
#include "compiler/commands/command.h"

const command commands[] = {
    {"run", command_run, "trains, distils and evaluates as a file says"},
    {"check", command_check, "finds errors; sizes, costs and memory of models and stages"},
    {"show", command_show, "prints what a file becomes on its way to code"},
    {.name = NULL},
};
