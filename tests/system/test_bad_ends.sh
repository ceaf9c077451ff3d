# Runs that cannot end well: nothing that was there is lost, what was done is kept.

# An objective whose term `spoilt` is NaN from the given step on.
make_nan_task() {
  make_task
  cat >>task.rt <<'RT'

objective spoiling(student, label: i32[B], at: real) {
  loss fit = cross_entropy(student.result, label)
  loss spoilt = sum(log(at - student.dense.bias[0:1] * 0.0 - stop_gradient(sum(student.result * 0.0)) - 1.0))
}
RT
  sed -i 's/with classify /with spoiling(at: 0.5) /' task.rt
}

test_loss_that_is_nan() {
  make_nan_task
  expect 0 "$RETORT" run task.rt --out kept --set stage.learn.objective.at=3.0
  cp kept/metrics.jsonl before
  expect 5 "$RETORT" run task.rt --out kept
  expect_text err "stage 'learn': the loss 'spoilt' is NaN at step 1 of 60" "task.rt:15:" "'log'"
  expect_same kept/metrics.jsonl before
  return 0
}

# Weights that grow without end: what is kept is from before the step that spoilt them.
test_weights_that_explode() {
  make_task
  sed -i 's/adam(lr: 1e-2) }/sgd(lr: 1e30) }/' task.rt
  expect 5 "$RETORT" run task.rt --out kept
  expect_text err "stage 'learn':" "what was done is kept: kept"
  expect_text kept/settings.json "not finite"
  [ -s kept/teacher/model.safetensors ] || fail_test "no checkpoint is kept"
  expect 0 "$RETORT" run task.rt --load teacher=kept/teacher --set stage.learn.optimizer.lr=1e-3 \
    --set stage.imitate.optimizer.lr=1e-3
}

test_interrupt() {
  make_task
  "$RETORT" run task.rt --out kept --set stage.learn.epochs=100000 >out 2>err &
  run=$!
  tries=0
  until grep -q "epoch 2/" err; do
    sleep 0.2
    tries=$((tries + 1))
    [ $tries -lt 300 ] && kill -0 $run 2>/dev/null || fail_test "no progress: $(cat err)"
  done
  # a shell starts its background jobs with SIGINT ignored; SIGTERM is treated alike
  kill -TERM $run
  wait $run
  status=$?
  [ $status = 130 ] || fail_test "exit status $status, expected 130: $(cat err)"
  expect_text err interrupted "what was done is kept: kept"
  expect_text kept/settings.json '"status": "interrupted"'
  [ -s kept/teacher/model.safetensors ] || fail_test "the teacher was not saved"
  tail -n 1 kept/metrics.jsonl | grep -q '^{.*}$' || fail_test "a line is cut: $(tail -n 1 kept/metrics.jsonl)"
  expect 0 "$RETORT" run task.rt --load teacher=kept/teacher --set stage.learn.epochs=1
}

test_read_only_folder() {
  make_task
  mkdir -m 555 closed
  as_user_without_rights
  expect 4 $unprivileged "$RETORT" run task.rt --out closed/kept
  expect_text err "cannot write the output folder closed/kept: Permission denied"
  [ -z "$(ls closed)" ] || fail_test "something was written"
  ! grep -q "step" err || fail_test "it trained before it looked"
}

test_folder_of_something_else() {
  make_task
  mkdir mine
  echo precious >mine/notes.txt
  expect 4 "$RETORT" run task.rt --out mine
  expect_text err "mine holds something else than a run"
  [ "$(cat mine/notes.txt)" = precious ] || fail_test "it was overwritten"
  expect 4 "$RETORT" run task.rt --out mine/notes.txt
  expect 4 "$RETORT" run task.rt --out nowhere/kept
  expect_text err "nowhere/kept: No such file or directory"
}

# A disk of 96 KiB where one can be mounted; else files may not grow beyond 4 KiB.
test_full_disk() {
  make_task
  mkdir disk
  if mount -t tmpfs -o size=96k tmpfs disk 2>/dev/null; then
    trap 'umount disk' EXIT
    expect 0 "$RETORT" run task.rt --out disk/kept --set stage.learn.epochs=1 --set stage.imitate.epochs=1
    cp disk/kept/student/model.safetensors before
    expect 4 "$RETORT" run task.rt --out disk/kept --set teacher.width=512
    expect_text err "No space left on device"
    expect_same disk/kept/student/model.safetensors before
    [ "$(ls disk)" = kept ] || fail_test "something is left: $(ls disk)"
  else
    trap '' XFSZ
    ulimit -f 8
    expect 4 "$RETORT" run task.rt --out kept --set teacher.width=512
    expect_text err "File too large"
    [ ! -e kept ] || fail_test "an unfinished folder has taken the name"
  fi
}

test_table_that_cannot_be_written() {
  make_task
  [ -w /dev/full ] || skip_test "there is no /dev/full"
  "$RETORT" run task.rt --set stage.learn.epochs=1 --set stage.imitate.epochs=1 >/dev/full 2>err
  status=$?
  [ $status = 4 ] || fail_test "exit status $status, expected 4"
  expect_text err "No space left on device"
}
