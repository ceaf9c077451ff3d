# retort show: each stage of the demo has something to say, and what it says belongs to that stage.

# STAGE TEXT…: the stage ends well, is long enough, and holds the texts.
shows() {
  stage=$1
  shift
  expect 0 "$RETORT" show --stage="$stage" "$root/examples/demo.rt"
  [ -s err ] && fail_test "show --stage=$stage complains: $(cat err)"
  [ "$(wc -l <out)" -ge 20 ] || fail_test "show --stage=$stage is too short: $(cat out)"
  expect_text out "$@"
}

test_show_has_every_stage_of_the_demo() {
  shows tokens ":1 keyword experiment" " name demo" " real 1e-3" # line:column kind text
  shows ast "experiment" "stage" "adamw"
  shows typed "bert_self_attention" "forward(" "f32[B, T, hidden]"
  shows graph "graph predict" "matmul f32" "i32[B, T]"
  shows grad "matmul f32" "update "
  shows simplify "matmul f32" "update "
  shows cse "matmul f32" "update "
  shows fuse "group" "matmul"
  shows schedule "group" "matmul"
  shows kernels "kernel predict_k0" "parallel B*T" "for i5 in begin .. end" "call predict_k0" "nn.rt:"
  shows memory "workspace0: " "bytes" "calls"
  shows llvm "define " "target triple" "getelementptr"
  shows optimized "define " "fmul"
  shows asm ".text" "ret"
}

# No stage is left out above; --help lists them all.
test_show_knows_every_stage_of_its_help() {
  "$RETORT" show --help | sed -n '/^STAGES/,/^$/s/^  \([a-z]*\)  .*/\1/p' >stages
  [ "$(wc -l <stages)" -ge 14 ] || fail_test "too few stages: $(cat stages)"
  while read -r stage; do
    case $stage in asm | optimized) continue ;; esac # above; they take seconds
    expect 0 "$RETORT" show --stage="$stage" "$root/examples/demo.rt"
    [ -s out ] || fail_test "show --stage=$stage prints nothing"
    case $(head -n 1 out) in '(unchanged)') continue ;; esac
    [ "$(wc -l <out)" -ge 20 ] || fail_test "show --stage=$stage is too short: $(cat out)"
  done <stages
}

test_show_shows_each_stage_and_model_of_the_experiment() {
  for stage in teach labels imitate predict; do
    expect 0 "$RETORT" show --stage=kernels --of $stage "$root/examples/demo.rt"
    expect_text out "step $stage {"
  done
  expect 0 "$RETORT" show --stage=graph --of student.forward "$root/examples/demo.rt"
  grep -q "update \|random" out && fail_test "inference trains: $(cat out)"
  expect 2 "$RETORT" show --stage=kernels --of nobody "$root/examples/demo.rt"
  expect_text err nobody teach imitate
  expect 2 "$RETORT" show --stage=kernel "$root/examples/demo.rt"
  expect_text err "there is no stage 'kernel'"
}
