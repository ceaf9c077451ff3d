# retort bench: kernels of a step with times, floors and lines of the source.

# What is listed is all: each kernel once, shares of 100 % together, and the sum is the one that is compared with the step.
adds_up() {
  expect 0 "$RETORT" bench "$@" --threads 1 --json
  awk '$1 == "\"step_ms\":" { step = $2 + 0 } $1 == "\"ms\":" { sum += $2; count++ } $1 == "\"placing_ms\":" { sum += $2 }
    $1 == "\"kernels_ms\":" { said = $2 + 0 }
    END { print step, sum, count; exit !(step > 0 && count > 10 && said > 0.999 * sum && said < 1.001 * sum) }' out >sums ||
    fail_test "$*: the step, its kernels, their number, but another sum: $(cat sums)"
  awk '{ exit !($2 > 0.95 * $1 && $2 < 1.05 * $1) }' sums
}

# The kernels' times add up to the step's; other work on the machine may disturb a run, not eight in a row.
test_bench_adds_up() {
  for try in 1 2 3 4 5 6 7 8; do
    adds_up "$root/examples/demo.rt" --of predict --rows 16 --length 16 && return
  done
  fail_test "the step and its kernels: $(cat sums) ms"
}

# A distillation step with losses of layers, so small that most steps are done before the machine turns to other work.
test_bench_of_distillation_adds_up() {
  set -- --set teacher.hidden=64 --set teacher.ff=128 --set teacher.vocabulary=99 --set student.hidden=32 --set student.ff=64 \
    --set student.vocabulary=99
  for try in 1 2 3 4 5 6 7 8; do
    adds_up "$root/tests/bench/bench.rt" --of distill --rows 2 --length 8 "$@" && return
  done
  fail_test "the step and its kernels: $(cat sums) ms"
}

test_bench_says_what_and_where() {
  expect 0 "$RETORT" bench "$root/examples/demo.rt" --of predict --threads 1 --rows 8 --length 8 --runs 3
  expect_text out "predict: 8 rows of 8, 1 thread: " "Gflop/s" "x floor" "nn.rt:" "matmul" "finding the buffers"
  expect 0 "$RETORT" show --stage=kernels --of predict "$root/examples/demo.rt"
  calls=$(grep -c '^  call ' out)
  expect 0 "$RETORT" bench "$root/examples/demo.rt" --of predict --threads 1 --rows 8 --length 8 --runs 3 --json
  [ "$(grep -c '"kernel": ' out)" = "$calls" ] || fail_test "not $calls kernels: $(cat out)"
}

test_bench_of_a_model_and_wrong_words() {
  expect 0 "$RETORT" bench "$root/examples/demo.rt" --of student.forward --threads 1 --runs 3
  expect_text out "student.forward: 1 row of "
  expect 2 "$RETORT" bench "$root/examples/demo.rt" --of nothing
  expect_text err "no such stage or model; there are" "predict" "student.forward"
  expect 2 "$RETORT" bench "$root/examples/demo.rt" --rows 0
  expect_text err "retort bench: --rows 0: expected a number from 1"
  expect 3 "$RETORT" bench nowhere.rt
}

# Five works: what the process takes is known before the first step, within 5 %.
test_bench_knows_the_memory() {
  for work in "distill --rows 16" "distill --rows 16 --layout packed --mean 24" pooled "tiny4.forward --length 32" \
    "base.forward --length 64"; do
    expect 0 "$RETORT" bench "$root/tests/bench/bench.rt" --of $work --threads 1 --runs 1 --json
    awk '/"memory":/ { inside = 1 } /}/ { inside = 0 }
      inside && $1 ~ /weights|state|batch|workspace|program/ { sum += $2 } $1 == "\"planned\":" { planned = $2 + 0 }
      $1 == "\"measured\":" { measured = $2 + 0 }
      END { print planned, measured, sum; exit !(sum > 0.95 * planned && sum <= planned && measured > 0.95 * planned && measured < 1.05 * planned) }' out >sizes ||
      fail_test "$work: planned, measured, sum of the parts: $(cat sizes)"
  done
  expect 0 "$RETORT" bench "$root/tests/bench/bench.rt" --of pooled --threads 1 --runs 1
  expect_text out "memory: weights 502.5 KiB, state 1.5 MiB, batch " " planned, " " measured"
}

# A budget is kept, by recomputing; one that cannot be kept is refused with what can.
test_bench_within_memory() {
  bench="$RETORT bench $root/tests/bench/bench.rt --of distill --rows 24 --threads 1 --runs 1"
  expect 2 $bench --memory 90MiB
  expect_text err "the step does not fit into 90.0 MiB: of " "remain at the least"
  least=$(sed -n 's/.*, \([0-9.]*\) MiB remain.*/\1/p' err)
  expect 0 $bench --memory "$(awk -v m="$least" 'BEGIN { print m + 0.1 }')MiB"
  expect_text out "recomputed: " "the step takes $least MiB in place of " "% more operations" "nn.rt:"
  expect 0 $bench --memory 90MiB --without rematerialize
  expect 2 $bench --memory much
  expect_text err "--memory much: expected a size"
  expect 2 $bench --memory "5 "
}
