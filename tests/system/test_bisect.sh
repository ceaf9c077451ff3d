# retort bisect and --without: passes switched off by name.

test_bisect_agrees_on_the_demo() {
  expect 0 "$RETORT" bisect "$root/examples/demo.rt" --of imitate --threads 1 --rows 2 --length 5
  expect_text out "without nothing: agrees" "compiled code and the interpreter agree"
  expect 2 "$RETORT" bisect "$root/examples/demo.rt" --of nothing
  expect_text err "retort bisect: --of nothing: no such stage or model"
}

test_without_a_pass_the_demo_compiles_to_other_kernels() {
  expect 0 "$RETORT" show --stage=kernels "$root/examples/demo.rt"
  fused=$(grep -c '^  call ' out)
  expect 0 "$RETORT" show --stage=kernels --without fuse "$root/examples/demo.rt"
  [ "$(grep -c '^  call ' out)" -gt $((2 * fused)) ] || fail_test "not more kernels without fusion than $fused"
  expect 2 "$RETORT" run --without fused "$root/examples/demo.rt"
  expect_text err "retort run: --without fused: there is no such pass; did you mean 'fuse'?"
}
