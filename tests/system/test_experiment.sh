# Runs over seeds and settings: folders, the table, going on, and what is refused.

test_experiment_over_seeds_and_settings() {
  make_task
  expect 0 "$RETORT" experiment task.rt --threads 1 --seeds 2 --sweep student.width=2,8 --out kept \
    --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  expect_text out "accuracy on test" student.width "seed 1" "seed 2" mean deviation ms/sample
  [ "$(grep -c '^teacher' out)" = 2 ] && [ "$(grep -c '^student distilled' out)" = 2 ] || fail_test "rows: $(cat out)"
  for run in kept/student.width=2,seed=1 kept/student.width=8,seed=2; do
    [ -s $run/student/model.safetensors ] || fail_test "$run is no whole run"
  done
  [ "$(wc -l <kept/results.csv)" = 9 ] || fail_test "8 rows expected: $(cat kept/results.csv)"
  expect_text kept/results.json '"student.width": "8"' '"metric": "f1"'
  # the same run alone has the same bytes, and its score is the table's
  expect 0 "$RETORT" run task.rt --threads 1 --seed 2 --out alone --set stage.learn.epochs=1 \
    --set stage.imitate.epochs=1 --set student.width=8
  expect_same alone/student/model.safetensors kept/student.width=8,seed=2/student/model.safetensors
  score=$(sed -n 's/^student distilled  *\([0-9.]*\).*/\1/p' out)
  awk -F, -v score="$score" '$2 == "student distilled" && $3 == "accuracy" && $4 == 8 {
    d = $6 * 100 - score; exit !(d < 0.006 && d > -0.006) }' kept/results.csv || fail_test "$score is not in the table"
  # mean and deviation of two: half of the sum, distance / sqrt 2
  awk -F, 'NR > 1 { m = ($5 + $6) / 2 - $7; d = ($5 - $6) ^ 2 / 2 - $8 ^ 2
    if (m * m > 1e-12 || d * d > 1e-12) { print; bad = 1 } } END { exit bad }' kept/results.csv ||
    fail_test "mean or deviation is wrong"
}

test_experiment_goes_on() {
  make_task
  short="--threads 1 --set stage.learn.steps=5 --set stage.imitate.steps=5 --out kept"
  expect 0 "$RETORT" experiment task.rt --seeds 1 $short
  stamp=$(stat -c %i kept/seed=1/student/model.safetensors)
  expect 0 "$RETORT" experiment task.rt --seeds 2 $short
  expect_text err "kept/seed=1 holds the whole run" "run 2 of 2, seed=2" "written: kept/seed=2"
  [ "$stamp" = "$(stat -c %i kept/seed=1/student/model.safetensors)" ] || fail_test "a finished run was repeated"
  cp out before
  # one run is damaged: it is made again, with the same result; a comment changes nothing
  rm kept/seed=1/results.json
  echo "# a comment" >>task.rt
  expect 0 "$RETORT" experiment task.rt --seeds 2 $short
  expect_text err "written: kept/seed=1" "kept/seed=2 holds the whole run"
  sed 's/  *[^ ]*$//' before >a
  sed 's/  *[^ ]*$//' out >b # all but the time
  expect_same a b
  # data that is another makes other runs
  head -n 100 train.tsv >shorter
  mv shorter train.tsv
  expect 0 "$RETORT" experiment task.rt --seeds 2 $short
  expect_text err "written: kept/seed=1" "written: kept/seed=2"
}

# Killed in the second run, started again: the first is kept, the table is the same.
test_experiment_after_a_kill() {
  make_task
  long="--seeds 2 --threads 1 --set stage.learn.epochs=1 --set stage.imitate.epochs=400"
  expect 0 "$RETORT" experiment task.rt $long --out whole
  "$RETORT" experiment task.rt $long --out cut --checkpoint-steps 20 2>log &
  process=$!
  for i in $(seq 1500); do
    ls cut/seed=2.checkpoint/* >/dev/null 2>&1 && break
    sleep 0.02
  done
  kill -9 $process
  wait $process 2>/dev/null
  expect 0 "$RETORT" experiment task.rt $long --out cut
  expect_text err "cut/seed=1 holds the whole run"
  [ -e cut/seed=2.checkpoint ] && fail_test "a checkpoint is left"
  expect_same whole/seed=2/student/model.safetensors cut/seed=2/student/model.safetensors
  expect_same whole/seed=2/metrics.jsonl cut/seed=2/metrics.jsonl
  cut -d, -f1-8 whole/results.csv >a
  cut -d, -f1-8 cut/results.csv >b
  expect_same a b
}

# Asked to end, it ends after a step, prints what is finished, and goes on later.
test_experiment_interrupted() {
  make_task
  long="--threads 1 --set stage.learn.epochs=1 --set stage.imitate.epochs=2000 --out cut"
  "$RETORT" experiment task.rt --seeds 2 $long >out 2>err &
  process=$!
  for i in $(seq 3000); do
    grep -q "^imitate  epoch" err && break
    sleep 0.02
  done
  kill -TERM $process
  wait $process
  status=$?
  [ $status = 130 ] || fail_test "exit status $status"
  expect_text err "0 of 2 runs are finished; the same command goes on from there"
  [ -s out ] && fail_test "a table of nothing: $(cat out)"
  # of another setting: that checkpoint is of no use, and no error
  cp -r cut other
  expect 0 "$RETORT" experiment task.rt --seeds 1 $long --out other --set stage.imitate.epochs=1
  expect_text err "other/seed=1.checkpoint is of another run or damaged; this one starts from its beginning"
  [ "$(grep -c '"stage":"imitate"' other/seed=1/metrics.jsonl)" = 15 ] || fail_test "other steps than those asked for"
  # the same stages, but the second one from where it was
  expect 0 "$RETORT" experiment task.rt --seeds 1 $long
  expect_text out "seed 1"
  [ "$(grep -c '"stage":"imitate"' cut/seed=1/metrics.jsonl)" = 30000 ] || fail_test "steps are missing"
}

# A distilled model beside its twin that learned from labels: the margin, seed by seed.
test_experiment_shows_margins() {
  make_task
  sed -i 's/^  stage learn/  model alone = pooled(vocabulary: 13, width: 8, classes: 2)\n&/
    s/^  evaluate.*/  stage labels { train alone with classify  epochs 1  batch 16  optimizer adam(lr: 1e-2) }\n  evaluate teacher, alone, student on test with accuracy/' task.rt
  expect 0 "$RETORT" experiment task.rt --threads 1 --seeds 3 --out kept
  expect_text out "student - alone"
  awk -F, '$2 == "alone" { a = $4 } $2 == "student" { s = $4 } $2 == "student - alone" { m = $4; found = 1 }
    END { d = s - a - m; exit !(found && d < 1e-6 && d > -1e-6) }' kept/results.csv || fail_test "the margin is wrong"
}

test_experiment_refuses() {
  make_task
  expect 1 "$RETORT" experiment task.rt --sweep studnt.width=2,4 --out kept
  expect_text err "there is no 'studnt.width' to set" "did you mean 'student.width'?" "no run was started"
  # an error in the last value is found before the first run
  expect 1 "$RETORT" experiment task.rt --sweep student.width=2,-1 --out kept
  expect_text err "with student.width=-1; no run was started"
  [ -e kept ] && fail_test "a folder was made"
  for words in "--sweep student.width" "--sweep student.width=1,,2" "--sweep student.width=1,1" "--sweep =1" \
    "--sweep student.width=1 --sweep student.width=2" "--sweep student.width=1 --set student.width=2" \
    "--seeds 0" "--seeds x" "--seed 9223372036854775807" "--seeds 10000 --sweep student.width=1,2"; do
    expect 2 "$RETORT" experiment task.rt $words
    expect_text err "retort experiment: "
  done
  mkdir other
  echo precious >other/file
  expect 4 "$RETORT" experiment task.rt --seeds 1 --out other
  expect_text err "other holds something else than an experiment"
  [ "$(cat other/file)" = precious ] && [ "$(ls other)" = file ] || fail_test "the folder was touched"
  expect 4 "$RETORT" experiment task.rt --seeds 1 --out missing/kept
}

# One setting diverges: the others are finished and stand in the table.
test_experiment_with_a_run_that_diverges() {
  make_task
  expect 5 "$RETORT" experiment task.rt --threads 1 --seeds 1 --sweep stage.learn.optimizer.lr=1e-2,1e38 --out kept
  expect_text err "1 of 2 runs are finished"
  expect_text out 1e-2
  grep -q 1e38 out && fail_test "a run without a result is in the table"
  expect_text kept/stage.learn.optimizer.lr=1e38,seed=1/settings.json "not finite"
}
