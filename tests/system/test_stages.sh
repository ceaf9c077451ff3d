# Settings of stages that act while they run.

# What is kept are the weights after the step that was best: those of a run that ends there.
test_keeps_the_best() {
  make_task
  sed -i '/stage imitate/d; /evaluate/d; /export/d' task.rt
  sed -i 's/adam(lr: 1e-2) }/adam(lr: 5e-2)  validate dev every 2  keep best accuracy on dev }/' task.rt
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  kept=$(sed -n 's/.*"kept":\([0-9]*\),.*/\1/p' whole/metrics.jsonl)
  best=$(sed -n 's/.*"scores":{"accuracy":\([0-9.]*\)}.*/\1/p' whole/metrics.jsonl | sort -g | tail -n 1)
  grep -m 1 "\"accuracy\":$best}" whole/metrics.jsonl | grep -qF "\"step\":$kept," || fail_test "$kept is not the first with $best"
  [ "$(grep -c '"validate":"teacher","on":"dev"' whole/metrics.jsonl)" = 30 ] || fail_test "30 validations expected"
  [ "$kept" -lt 60 ] || fail_test "the last step was the best: the test says nothing"
  sed -i 's/epochs 4 /steps '"$kept"' /; s/validate.*dev }/}/' task.rt
  expect 0 "$RETORT" run task.rt --threads 1 --out short
  expect_same whole/teacher/model.safetensors short/teacher/model.safetensors
}

test_patience_ends_a_stage() {
  make_task
  sed -i 's/adam(lr: 1e-2) }/adam(lr: 5e-2)  keep best accuracy on dev  every 5  patience 3 }/; s/epochs 4 /epochs 50 /' task.rt
  expect 0 "$RETORT" run task.rt --threads 1 --out whole
  expect_text err "ends early: accuracy was not better 3 times in a row" "keeps the weights after step"
  for stage in learn imitate; do
    kept=$(sed -n 's/.*"stage":"'$stage'","kept":\([0-9]*\),.*/\1/p' whole/metrics.jsonl)
    last=$(sed -n 's/.*"stage":"'$stage'","step":\([0-9]*\),"epoch.*/\1/p' whole/metrics.jsonl | tail -n 1)
    [ "$last" = $((kept + 15)) ] || fail_test "$stage kept $kept and ended at $last"
  done
}

# A frozen part keeps its bytes: with all but the embedding frozen, and with the embedding alone.
test_frozen_parameters_stay() {
  make_task
  sed -i '/stage imitate/d; /evaluate/d' task.rt
  sed -i 's/export student/export teacher/' task.rt
  expect 0 "$RETORT" run task.rt --threads 1 --out first --set stage.learn.steps=1 --set stage.learn.optimizer.lr=0.0
  expect 0 "$RETORT" run task.rt --threads 1 --out free
  expect 0 "$RETORT" run task.rt --threads 1 --out held --set 'stage.learn.freeze="dense.*"'
  size=$(wc -c <first/teacher/model.safetensors)
  changed() { cmp -l "first/teacher/model.safetensors" "$1/teacher/model.safetensors" | wc -l; }
  [ "$(changed free)" -gt "$(changed held)" ] || fail_test "as many bytes have changed: $(changed free) $(changed held) of $size"
  [ "$(changed held)" -gt 0 ] || fail_test "nothing was trained"
  # the head is the last of the file: its 2 x 32 + 2 numbers
  tail -c 264 first/teacher/model.safetensors >a
  tail -c 264 held/teacher/model.safetensors >b
  expect_same a b
  tail -c 264 free/teacher/model.safetensors >b
  expect_different a b
  expect 1 "$RETORT" run task.rt --set 'stage.learn.freeze="nothing.*"'
}

# A batch in parts gives the losses of the whole, step by step: means over rows, over real tokens, over pairs of them;
# with a last batch that is smaller, and parts that are not equal.
test_parts_are_the_whole_batch() {
  make_task
  cat >parts.rt <<'RT'
use bert, tinybert, losses, optimizers
experiment parts {
  data train = tsv("train.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model teacher = bert_classifier(vocabulary: 13, layers: 2, hidden: 32, heads: 2, ff: 64, drop: 0.0)
  model student = bert_classifier(vocabulary: 13, layers: 1, hidden: 16, heads: 2, ff: 32, drop: 0.0)
  stage labels { train teacher with classify  epochs 2  batch 28  optimizer sgd(lr: 0.5, momentum: 0.9) }
  stage hidden { distill teacher -> student with tinybert_intermediate  epochs 2  batch 28  optimizer sgd(lr: 0.1) }
  stage soft { distill teacher -> student with soft_labels(temperature: 2)  epochs 2  batch 28  optimizer adam(lr: 1e-3) }
  export student
}
RT
  expect 0 "$RETORT" run parts.rt --threads 1 --out whole
  for count in 3 4 28; do
    expect 0 "$RETORT" run parts.rt --threads 1 --out in$count --set stage.labels.accumulate=$count \
      --set stage.hidden.accumulate=$count --set stage.soft.accumulate=$count
    for run in whole in$count; do
      sed 's/[^0-9.e+-]\+/ /g; s/ [e.+-]* / /g' $run/metrics.jsonl | sed 's/ e / /g' >$run.numbers
    done
    paste -d ' ' whole.numbers in$count.numbers | awk '
      { if (NF % 2) { print "other lines: " $0; exit 1 }
        for (i = 1; i <= NF / 2; i++) {
          d = $i - $(i + NF / 2); if (d < 0) d = -d; m = $i < 0 ? -$i : $i
          if (d > 2e-4 * m + 1e-6) { print NR ": " $0; bad = 1 }
        } }
      END { exit bad || NR != 54 }' || fail_test "$count parts give something else ($(wc -l <whole.numbers) steps)"
  done
  expect_different whole/student/model.safetensors in3/student/model.safetensors # sums are rounded in another order
}
