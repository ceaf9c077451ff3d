# Runs that are killed and go on.

# All that a run promises to be the same bytes; results.json holds times as well.
same_run() { # DIR DIR
  for file in metrics.jsonl settings.json task.rt teacher/model.safetensors teacher/config.json \
    student/model.safetensors student/config.json; do
    expect_same "$1/$file" "$2/$file"
  done
  [ "$(grep -o '"accuracy": [0-9.]*' "$1/results.json")" = "$(grep -o '"accuracy": [0-9.]*' "$2/results.json")" ] ||
    fail_test "other results"
}

# A run of a second or two.
make_long_task() {
  make_task
  sed -i 's/epochs 4 /epochs 400 /; s/width: 32/width: 1024/; s/width: 8,/width: 512,/' task.rt
}

# SECONDS: runs or goes on in `kept`, killed after that time.
run_killed() {
  if [ -e kept.checkpoint ]; then set -- "$1" --resume; else set -- "$1" --out; fi
  "$RETORT" run task.rt "$2" kept --threads 1 --checkpoint-steps 101 >out 2>err &
  process=$!
  sleep "$1"
  kill -9 $process 2>/dev/null
  wait $process 2>/dev/null
}

# Killed at random moments, over and over, until it has ended: 20 times in the long form.
test_killed_at_any_moment() {
  make_long_task
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  wanted=20
  [ $quick = yes ] && wanted=4
  kills=0 moved=0
  while [ $kills -lt $wanted ]; do
    # the next moment, from 0.05 s on and later while nothing was reached
    run_killed "$(awk -v n=$kills -v m=$moved -v seed=$$ 'BEGIN { srand(seed + n); print 0.1 + (0.8 + 0.1 * (n - m)) * rand() }')"
    kills=$((kills + 1))
    [ -e kept.checkpoint ] && moved=$kills
    if [ -e kept ] && [ ! -e kept.checkpoint ]; then # it was through: once more
      same_run kept whole
      rm -rf kept
    fi
  done
  expect 0 "$RETORT" run task.rt --resume kept --threads 1
  same_run kept whole
  [ "$(ls -d kept*)" = kept ] || fail_test "something is left: $(ls -d kept*)"
  expect 0 "$RETORT" run task.rt --resume kept --threads 1
  expect_text err "nothing left to do"
}

# Stopped in the first stage, in the second, and before anything; what has been written by then is not trusted.
test_goes_on_after_an_interrupt() {
  make_long_task
  sed -i 's/epochs 400 /epochs 3000 /' task.rt # seconds, so that it is stopped in time on a busy machine
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  for stage in learn imitate; do
    rm -f err
    "$RETORT" run task.rt --out kept --threads 1 --checkpoint-minutes 0 >out 2>err &
    process=$!
    tries=0
    until grep -q "^$stage  epoch" err 2>/dev/null; do
      sleep 0.02
      tries=$((tries + 1))
      [ $tries -lt 3000 ] || fail_test "no progress: $(cat err)"
    done
    kill -TERM $process
    wait $process
    status=$?
    [ $status = 130 ] || fail_test "exit status $status: $(cat err)"
    expect_text err "--resume kept goes on"
    [ "$(ls kept.checkpoint | wc -l)" = 1 ] || fail_test "checkpoints: $(ls kept.checkpoint)"
    expect 0 "$RETORT" run task.rt --resume kept/ --threads 1
    expect_text err "$stage  goes on after step"
    same_run kept whole
    [ "$(ls -d kept*)" = kept ] || fail_test "something is left: $(ls -d kept*)"
    rm -rf kept
  done
}

# A folder of checkpoints of a run that was killed.
make_killed_run() {
  make_long_task
  "$RETORT" run task.rt --out kept --threads 1 --checkpoint-steps 100 "$@" >out 2>err &
  process=$!
  tries=0
  until [ "$(ls kept.checkpoint 2>/dev/null | grep -c '0$\|checkpoint$')" -ge 2 ]; do
    sleep 0.02
    tries=$((tries + 1))
    [ $tries -lt 3000 ] || fail_test "no checkpoint: $(cat err)"
  done
  kill -9 $process
  wait $process
  cp -r kept.checkpoint before
}

nothing_lost() {
  diff -r before kept.checkpoint || fail_test "the checkpoints were changed"
  [ ! -e kept.running ] || fail_test "an unfinished folder was left"
}

test_checkpoint_of_something_else() {
  make_killed_run
  expect 3 "$RETORT" run task.rt --resume kept --threads 1 --seed 2
  expect_text err "it is of another run" "--seed: it was 1, now it is 2" "first weights of model 'teacher'"
  nothing_lost
  expect 3 "$RETORT" run task.rt --resume kept --threads 2
  expect_text err "--threads: it was 1, now it is 2"
  expect 3 "$RETORT" run task.rt --resume kept --threads 1 --set stage.imitate.optimizer.lr=1e-3
  expect_text err "stage 'imitate'"
  grep -q "^  stage 'learn'" err && fail_test "the first stage does not differ: $(cat err)"
  cp train.tsv train.before
  sed -i '1s/^/good /' train.tsv
  expect 3 "$RETORT" run task.rt --resume kept --threads 1
  expect_text err "rows of data 'train'"
  cp train.before train.tsv
  expect 3 "$RETORT" run task.rt --resume kept --threads 1 --interpret
  expect_text err processor
  nothing_lost
  expect 2 "$RETORT" run task.rt --resume kept --out other
  expect 2 "$RETORT" run task.rt --checkpoint-steps 3
  expect 2 "$RETORT" run task.rt --out kept --checkpoint-minutes x
  nothing_lost
  # a comment is no other program
  echo "# the end" >>task.rt
  expect 0 "$RETORT" run task.rt --resume kept --threads 1
  expect_text err "goes on after step"
}

# What the code and the order of the rows depend on.
test_checkpoint_of_other_options() {
  make_killed_run --precision teacher=float32 --precision student=float32
  go_on() { expect 3 "$RETORT" run task.rt --resume kept --threads 1 "$@"; }
  go_on --precision teacher=bf16 --precision student=float32
  expect_text err "--precision: it was teacher=float32 student=float32, now it is teacher=bf16 student=float32"
  set -- --precision teacher=float32 --precision student=float32
  go_on "$@" --memory 1T
  expect_text err "--memory: it was 0, now it is 1099511627776"
  go_on "$@" --without cse
  expect_text err "passes left out"
  go_on "$@" --without fuse
  expect_text err "fusion"
  cp task.rt task.before
  sed -i 's/epochs 400 /&by_length 4 /' task.rt
  go_on "$@"
  grep -q "^  stage 'learn'" err || fail_test "another order of rows is not seen: $(cat err)"
  nothing_lost
  cp task.before task.rt
  expect 0 "$RETORT" run task.rt --resume kept --threads 1 "$@"
}

test_checkpoint_that_is_damaged() {
  make_killed_run
  newest=kept.checkpoint/$(ls kept.checkpoint | grep 'checkpoint$' | tail -n 1)
  older=kept.checkpoint/$(ls kept.checkpoint | grep 'checkpoint$' | tail -n 2 | head -n 1)
  size=$(wc -c <"$newest")
  for left in 0 10 $((size / 2)) $((size - 1)); do
    head -c "$left" "before/${newest#*/}" >"$newest"
    cp -r kept.checkpoint damaged
    expect 3 "$RETORT" run task.rt --resume kept --threads 1
    expect_text err "cannot go on from $newest: it is cut off" "the one before it, $older, is used when this one is removed"
    diff -r damaged kept.checkpoint || fail_test "the checkpoints were changed"
    rm -r damaged
  done
  rm "$newest"
  expect 0 "$RETORT" run task.rt --resume kept --threads 1
  expect_text err "goes on after step"
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  same_run kept whole
}

# Two runs in one folder; a run over the checkpoints of another one.
test_checkpoints_of_two_runs() {
  make_killed_run
  "$RETORT" run task.rt --out kept --threads 1 --set stage.learn.epochs=100000 >out2 2>err2 &
  process=$!
  tries=0
  until grep -q "epoch 2/" err2; do
    sleep 0.05
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || fail_test "no progress: $(cat err2)"
  done
  expect_text err2 "warning: kept.checkpoint is of a run that did not end"
  expect 4 "$RETORT" run task.rt --resume kept --threads 1
  expect_text err "another run is writing kept"
  kill -9 $process
  wait $process
  rm -rf before/*.checkpoint.*
  expect 0 "$RETORT" run task.rt --resume kept --threads 1
  expect_text err "goes on after step"
}

# A disk that is full while checkpoints are made: the run goes on, says so, and can be repeated from the last one.
test_disk_full_of_checkpoints() {
  make_long_task
  mkdir disk
  mount -t tmpfs -o size=8m tmpfs disk 2>/dev/null || skip_test "no file system can be mounted"
  trap 'umount disk' EXIT
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  head -c 8000k /dev/zero >disk/other
  "$RETORT" run task.rt --out disk/kept --threads 1 --checkpoint-steps 1000 >out 2>err
  status=$?
  expect_text err "warning: no checkpoint at step" "No space left on device; the run goes on" "epoch 400/400  step 6000/6000"
  [ $status = 4 ] || fail_test "exit status $status, expected 4: $(cat err)"
  [ ! -e disk/kept ] || fail_test "half a run has taken the name"
  rm disk/other
  expect 0 "$RETORT" run task.rt --resume disk/kept --threads 1
  same_run disk/kept whole
  [ "$(ls disk)" = kept ] || fail_test "something is left: $(ls disk)"
}

# The best weights so far, and how long nothing was better, survive too.
test_goes_on_choosing_the_best() {
  make_long_task
  sed -i 's/adam(lr: 1e-2) }/adam(lr: 3e-2)  validate dev every 50  keep best f1 on dev  patience 60  accumulate 3 }/' task.rt
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  expect_text whole/metrics.jsonl '"kept":' '"validate":"student","on":"dev","scores":{"f1":'
  tries=0
  while [ $tries -lt 6 ]; do
    run_killed "0.$((3 + tries))"
    tries=$((tries + 1))
    [ -e kept ] && break
  done
  expect 0 "$RETORT" run task.rt --resume kept --threads 1
  same_run kept whole
}
