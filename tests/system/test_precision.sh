# --precision: its words, what it changes, and that a processor which cannot is said to be one.

multiplies_bf16() { grep -qw avx512_bf16 /proc/cpuinfo; }

# The experiment of examples/demo.rt, cut short: 24 steps of each stage.
short_demo() {
  "$RETORT" run "$root/examples/demo.rt" --threads 1 --set stage.teach.epochs=0.25 --set stage.labels.epochs=0.25 \
    --set stage.imitate.epochs=0.25 --set stage.predict.epochs=0.25 "$@"
}

# STAGE NUMBER A B LIMIT: the stage's loss at that step of two runs differs by at most that share.
losses_near() {
  for run in "$3" "$4"; do
    sed -n "s/.*\"stage\":\"$1\".*\"loss\":\([0-9.e+-]*\).*/\1/p" "$run/metrics.jsonl" | sed -n "$2p" >"$run.loss"
  done
  paste "$3.loss" "$4.loss" | awk -v limit="$5" '{ d = $1 - $2; if (d < 0) d = -d; good = d <= limit * $1 } END { exit !good }' ||
    fail_test "step $2 of $1: $(cat "$3.loss") and $(cat "$4.loss") differ by more than $5"
}

test_precision_words() {
  make_task
  for word in fp16 =bf16 teacher= teacher=half 'bf16=teacher' ''; do
    expect 2 "$RETORT" run task.rt --precision "$word"
    expect_text err "--precision $word: expected float32, bf16, NAME=float32 or NAME=bf16"
  done
  expect 2 "$RETORT" run task.rt --precision teachr=bf16
  expect_text err "there is no model or stage 'teachr'; did you mean 'teacher'?"
  for command in run bench show experiment build; do
    set -- $command task.rt --precision
    [ $command = show ] && set -- show --stage=cse task.rt --precision
    expect 2 "$RETORT" "$@" x1
    expect_text err "retort $command: --precision x1: expected"
    expect 2 "$RETORT" "$@" nobody=bf16
    expect_text err "--precision nobody=bf16: there is no model or stage 'nobody'"
  done
  "$RETORT" run task.rt --precision teacher=bf16,student=bf16 >out 2>err && fail_test "a list is accepted"
  expect 0 "$RETORT" run task.rt --precision float32 --precision teacher=bf16 --precision imitate=float32
}

# Code for a processor that cannot: said once, and the numbers are those of float32.
test_precision_of_other_processors() {
  make_task
  grep -qw avx2 /proc/cpuinfo || skip_test "this CPU has no AVX2"
  expect 0 "$RETORT" run task.rt --threads 1 --cpu haswell --out plain
  expect 0 "$RETORT" run task.rt --threads 1 --cpu haswell --precision bf16 --out asked
  [ "$(grep -c '^note: bf16 is not used, but float32: code for haswell has no AVX512-BF16$' err)" = 1 ] ||
    fail_test "not said, or more than once"
  expect_same plain/metrics.jsonl asked/metrics.jsonl
  expect 0 "$RETORT" build task.rt --cpu haswell --precision bf16
  expect_text err "bf16 is not used"
}

test_precision_of_a_run() {
  multiplies_bf16 || skip_test "this CPU has no AVX512-BF16"
  expect 0 short_demo --out plain
  expect 0 short_demo --out rounded --precision bf16
  grep -q "bf16" err && fail_test "something is said of bf16"
  expect 0 short_demo --out again --precision bf16
  expect_same rounded/metrics.jsonl again/metrics.jsonl
  expect_same rounded/student/model.safetensors again/student/model.safetensors
  expect_different rounded/metrics.jsonl plain/metrics.jsonl
  expect_text rounded/settings.json '"bf16"'
  for stage in teach labels imitate predict; do
    losses_near $stage 1 plain rounded 0.02
  done
  # of the frozen teacher alone: what is trained without it stays as it was
  expect 0 short_demo --out teacher --precision teacher=bf16 --precision teach=float32
  for run in plain teacher; do grep '"stage":"labels"' $run/metrics.jsonl | sed 's/"ms.*//' >$run.labels; done
  expect_same plain.labels teacher.labels
}

# The interpreter rounds as the processor does, on any processor.
test_precision_of_the_interpreter() {
  make_task
  cat >wide.rt <<'RT'
use nn, losses, optimizers

module wide(vocabulary: int, width: int, classes: int) {
  words  = embedding(vocabulary, width)
  hidden = linear(width, width)
  output = linear(width, classes)
  forward(ids: i32[B, T of B]) -> f32[B, classes] = output(tanh(mean(hidden(words(ids)), axis: 1)))
}

experiment widely {
  data train, test = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model student = wide(vocabulary: 13, width: 32, classes: 2)
  stage learn { train student with classify  steps 4  batch 16  optimizer adam(lr: 1e-2) }
  evaluate student on test with accuracy
}
RT
  for how in float32 bf16; do
    expect 0 "$RETORT" run wide.rt --threads 1 --interpret --precision $how --out $how
  done
  expect_different float32/metrics.jsonl bf16/metrics.jsonl
  multiplies_bf16 || return 0
  expect 0 "$RETORT" run wide.rt --threads 1 --precision bf16 --out code
  for step in 1 2 3 4; do
    losses_near learn $step bf16 code 2e-6
  done
}

# The same weights in a product of each precision: nearly the same numbers.
test_precision_of_a_product() {
  multiplies_bf16 || skip_test "this CPU has no AVX512-BF16"
  expect 0 short_demo --out kept
  for how in float32 bf16; do
    expect 0 "$RETORT" build "$root/examples/demo.rt" --weights kept/student --precision $how -o student
    ${CC:-cc} -std=c17 -I. -I"$root" -I"$root/runtime/core" "$root/examples/deploy.c" student.o "$root"/runtime/core/*.c \
      -lopenblas -fopenmp -lm -o deploy || fail_test "deploy.c does not compile"
    expect 0 ./deploy student.weights 2 14 27 3
    printf '%f\n' $(cat out) >$how.numbers
  done
  expect_different float32.numbers bf16.numbers
  paste float32.numbers bf16.numbers | awk '{ d = $1 - $2; if (d > 0.01 || d < -0.01) exit 1 }' ||
    fail_test "far apart: $(cat float32.numbers bf16.numbers)"
}
