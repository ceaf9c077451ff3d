# retort tune: costs of contractions are measured once and kept; a run gives the same bytes as long as they stay.

test_tune_measures_and_keeps() {
  RETORT_CACHE=$PWD/costs
  export RETORT_CACHE
  expect 0 "$RETORT" tune
  expect_text out "m x n x k" tiles library "kept in $PWD/costs/contractions-"
  [ "$(ls costs/*.costs | wc -l)" = 1 ] || fail_test "one file is expected: $(ls costs)"
  expect 2 "$RETORT" tune file.rt
  expect_text err "unexpected 'file.rt'"
  RETORT_CACHE='' expect 4 "$RETORT" tune
  expect_text err "nothing is kept"
  RETORT_CACHE=/proc/no/such expect 4 "$RETORT" tune
  expect_text err "cannot be written"
}

test_tune_decides_for_runs() {
  make_task
  for where in XDG HOME; do
    (
      unset RETORT_CACHE XDG_CACHE_HOME
      [ $where = XDG ] && XDG_CACHE_HOME=$PWD/cache-XDG && export XDG_CACHE_HOME
      HOME=$PWD/home
      export HOME
      expect 0 "$RETORT" run task.rt --threads 1 --out first-$where --set stage.learn.epochs=1 --set stage.imitate.epochs=1
    ) || exit 1
  done
  [ "$(ls cache-XDG/retort/*.costs home/.cache/retort/*.costs | wc -l)" = 2 ] || fail_test "a run keeps no costs"
  RETORT_CACHE=$PWD/cache-XDG/retort
  export RETORT_CACHE
  cp "$RETORT_CACHE"/*.costs before
  expect 0 "$RETORT" run task.rt --threads 1 --out again --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  cmp "$RETORT_CACHE"/*.costs before || fail_test "a second run measured again"
  cmp first-XDG/student/model.safetensors again/student/model.safetensors || fail_test "the same costs gave other bytes"
  echo damaged >"$(ls "$RETORT_CACHE"/*.costs)"
  expect 0 "$RETORT" run task.rt --threads 1 --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  grep -q '^sum ' "$RETORT_CACHE"/*.costs || fail_test "damaged costs were not measured again"
  expect 0 "$RETORT" show --stage=schedule task.rt
  expect_text out "contractions, rows x columns x depth" "expected on one thread" "tiles"
  expect 0 "$RETORT" show --stage=schedule --contractions blas task.rt
  grep -q expected out && fail_test "costs are shown where they decide nothing"
  true
}
