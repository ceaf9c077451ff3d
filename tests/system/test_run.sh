# A run from its source to its table and its folder.

test_trains_and_prints() {
  make_task
  expect 0 "$RETORT" run task.rt
  expect_text out "on test (240 rows)" accuracy f1 parameters ms/sample teacher "student distilled"
  expect_text err "learn: train teacher with classify, rows packed (26 % would be padding), 60 steps" "imitate: distill teacher -> student with soft_labels" \
    "imitate  epoch 4/4  step 60/60  loss "
  awk '$1 == "teacher" && $2 < 85 { exit 1 }' out || fail_test "the teacher did not learn: $(cat out)"
  awk '/^student distilled/ && $3 < 80 { exit 1 }' out || fail_test "the student did not learn: $(cat out)"
  # not a terminal: no escapes, no lines written over
  grep -q "$(printf '\033')" out err && fail_test "escapes where no terminal is"
  grep -q "$(printf '\r')" out err && fail_test "carriage returns where no terminal is"
  return 0
}

test_folder_holds_the_run() {
  make_task
  expect 0 "$RETORT" run task.rt --out kept --seed 3 --set stage.learn.epochs=1
  for file in settings.json results.json metrics.jsonl task.rt teacher/model.safetensors teacher/config.json \
    student/model.safetensors student/config.json; do
    [ -s kept/$file ] || fail_test "kept/$file is missing"
  done
  expect_same kept/task.rt task.rt
  expect_text kept/settings.json '"seed": 3' '"status": "finished"' stage.learn.epochs=1
  expect_text kept/student/config.json '"module": "pooled"' '"width": 8'
  expect_text kept/results.json '"label": "student distilled"' accuracy
  [ "$(grep -c '"stage":"learn"' kept/metrics.jsonl)" = 15 ] || fail_test "15 steps of learn expected"
  [ "$(grep -c '"stage":"imitate"' kept/metrics.jsonl)" = 60 ] || fail_test "60 steps of imitate expected"
  expect_text kept/metrics.jsonl '"evaluate":"student"'
  expect 0 "$RETORT" run task.rt --out kept --set stage.learn.epochs=0.5 # a run is replaced by a run
  [ "$(grep -c '"stage":"learn"' kept/metrics.jsonl)" = 8 ] || fail_test "8 steps of learn expected"
  [ "$(ls -d kept*)" = kept ] || fail_test "something is left beside the folder: $(ls -d kept*)"
  # the student starts where it was left
  expect 0 "$RETORT" run task.rt --load student=kept/student --load teacher=kept/teacher/model.safetensors
}

test_one_seed_one_result() {
  make_task
  for threads in 1 2; do
    for copy in a b; do
      expect 0 "$RETORT" run task.rt --threads $threads --seed 5 --out $copy$threads
    done
    for file in metrics.jsonl teacher/model.safetensors student/model.safetensors student/config.json; do
      expect_same a$threads/$file b$threads/$file
    done
  done
  expect 0 "$RETORT" run task.rt --threads 1 --seed 6 --out c1
  expect_different a1/student/model.safetensors c1/student/model.safetensors
}

# How long threads wait for each other is set before main, by starting once more: with the same words.
test_waiting_changes_nothing() {
  make_task
  expect 0 env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT "$RETORT" run task.rt --threads 2 --out briefly --seed=3
  expect 0 env OMP_WAIT_POLICY=passive "$RETORT" run task.rt --threads 2 --out passively --seed=3
  expect_same briefly/metrics.jsonl passively/metrics.jsonl
  expect 2 env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT "$RETORT" run
}

# One function serves every width and batch; compiled code agrees with the interpreter.
test_interpreter_agrees() {
  make_task
  expect 0 "$RETORT" run task.rt --out compiled --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  expect 0 "$RETORT" run task.rt --out interpreted --interpret --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  for run in compiled interpreted; do
    sed -n 's/.*"loss":\([0-9.e-]*\).*/\1/p' $run/metrics.jsonl >$run.losses
  done
  paste compiled.losses interpreted.losses | awk '
    { d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4 * (1 + $1)) { print "differ: " $0; bad = 1 } }
    END { exit bad || NR != 30 }' || fail_test "losses differ"
}

# A second run finds its code; a damaged object is made again; none is kept where none is wanted.
test_cache_of_objects() {
  make_task
  export RETORT_CACHE="$PWD/cache"
  expect 0 "$RETORT" run task.rt --out first
  count=$(ls cache | wc -l)
  [ "$count" -ge 4 ] || fail_test "$count objects are kept, not 4: $(ls cache)"
  expect 0 "$RETORT" run task.rt --out second
  [ "$(ls cache | wc -l)" = "$count" ] || fail_test "the second run made other objects: $(ls cache)"
  for object in cache/*; do
    head -c 100 "$object" >cut
    cp cut "$object"
  done
  expect 0 "$RETORT" run task.rt --out third
  RETORT_CACHE=
  expect 0 "$RETORT" run task.rt --out fourth
  for run in second third fourth; do
    expect_same first/metrics.jsonl $run/metrics.jsonl
  done
  RETORT_CACHE=/dev/null/nowhere
  expect 0 "$RETORT" run task.rt
}

test_other_processors() {
  make_task
  expect 0 "$RETORT" run task.rt --cpu x86-64 --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  grep -qw avx2 /proc/cpuinfo && expect 0 "$RETORT" run task.rt --cpu haswell --set stage.learn.epochs=1
  for code in emitted blas; do
    expect 0 "$RETORT" run task.rt --contractions $code --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  done
  "$RETORT" run task.rt --contractions mkl >out 2>err && fail_test "an unknown word for contractions is accepted"
  expect_text err "expected auto, emitted or blas"
  "$RETORT" run task.rt --cpu pentium99 >out 2>err && fail_test "an unknown processor is accepted"
  expect_text err pentium99
}

test_real_text() {
  [ -n "$data" ] || skip_test "RETORT_DATA is not set"
  cat >real.rt <<'RT'
use pooled, losses, optimizers

experiment real {
  data train, dev, test = tsv("sst2/{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("bert-uncased/vocab.txt", length: 64)
  data questions = csv("banking77/test.csv", text: 0, label: 1, header: true) |> wordpiece("bert-uncased/vocab.txt", length: 64)
  model student = pooled(vocabulary: 30522, width: 16, classes: 2)
  model intents = pooled(vocabulary: 30522, width: 16, classes: 77)
  stage learn { train student with classify  epochs 2  batch 64  optimizer adam(lr: 1e-2) }
  stage names { train intents with classify  steps 20  batch 64  optimizer adam(lr: 1e-2)  on questions }
  evaluate student on test with accuracy
}
RT
  expect 0 env RETORT_DATA="$data" "$RETORT" run real.rt
  awk '$1 == "student" && $2 < 70 { exit 1 }' out || fail_test "did not learn: $(cat out)"
}

# A stage's step within a budget learns the same, to rounding; what cannot fit is said before anything is trained.
test_run_within_memory() {
  make_task
  expect 2 "$RETORT" run task.rt --threads 1 --memory 1K
  expect_text err "cannot compile learn: the step does not fit into 0.0 MiB"
  expect 0 "$RETORT" run task.rt --threads 1 --memory 64MiB
}
