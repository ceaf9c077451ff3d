/* The list of commands. */
#include "compiler/commands/command.h"

const command commands[] = {
    {"run", command_run, "trains, distils and evaluates as a file says"},
    {"experiment", command_experiment, "the same over seeds and settings, with one table of all runs"},
    {"compare", command_compare, "prints runs side by side, with what differs in their settings"},
    {"cache", command_cache, "lists and clears what is kept between runs: teachers' outputs, compiled code"},
    {"build", command_build, "a model's functions as an object and a C header"},
    {"check", command_check, "finds errors; sizes, costs and memory of models and stages"},
    {"show", command_show, "prints what a file becomes on its way to code"},
    {"bench", command_bench, "times a step kernel by kernel"},
    {"bisect", command_bisect, "finds the pass or fusion that makes a result wrong"},
    {"tune", command_tune, "measures what contractions cost on this machine"},
    {.name = NULL},
};
