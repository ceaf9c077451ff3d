# The layout that --layout auto, the default, chooses: by the padding that a stage's batches have.

# Rows of like lengths in train, of very different ones in dev.
make_lengths() {
  make_task
  awk 'BEGIN { for (i = 0; i < 64; i++) print "good film is a very fine film\t" i % 2 }' >train.tsv
  awk 'BEGIN { for (i = 0; i < 64; i++) print (i % 8 ? "bad" : "bad film is a very poor film") "\t" i % 2 }' >dev.tsv
  cat >lengths.rt <<'RT'
use bert, losses, optimizers
experiment lengths {
  data train, dev, test = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model net = bert_classifier(classes: 2, vocabulary: 13, layers: 1, hidden: 16, heads: 2, ff: 32, positions: 16)
  stage even   { train net with classify on train  epochs 1  batch 16  optimizer adam(lr: 1e-3) }
  stage uneven { train net with classify on dev    epochs 4  batch 16  optimizer adam(lr: 1e-3) }
  evaluate net on test with accuracy
}
RT
}

test_layout_by_padding() {
  make_lengths
  expect 0 "$RETORT" run lengths.rt --threads 1
  cat out err >said
  expect_text said "even: train net with classify, 4 steps"
  grep -q "^uneven: train net with classify, rows packed ([56][0-9] % would be padding), 16 steps" said ||
    fail_test "the layout is not said"
  for layout in padded packed; do
    expect 0 "$RETORT" run lengths.rt --threads 1 --layout $layout --out $layout
    cat out err | grep -q "would be padding" && fail_test "a given layout is no choice"
  done
  expect 0 "$RETORT" run lengths.rt --threads 1 --out chosen
  # the first stage as padded, the second as packed: with one row's length the same numbers in both
  sed -n '/"stage":"even"/p' chosen/metrics.jsonl >a
  sed -n '/"stage":"even"/p' padded/metrics.jsonl >b
  expect_same a b
  grep -q '"layout": "auto"' chosen/settings.json || fail_test "settings.json does not say so"
}

test_layout_resumed() {
  make_lengths
  timeout -s KILL 2 "$RETORT" run lengths.rt --threads 1 --out cut --set stage.uneven.epochs=400000 \
    --checkpoint-steps 6 >/dev/null 2>&1
  [ -e cut.checkpoint ] || skip_test "the machine was too slow for a checkpoint"
  expect 3 "$RETORT" run lengths.rt --threads 1 --resume cut --layout padded --set stage.uneven.epochs=400000
  expect_text err "layout of stage 'uneven'"
}

test_layout_of_bench() {
  make_lengths
  expect 0 "$RETORT" bench lengths.rt --runs 1 --threads 1 --length 8
  expect_text out "16 rows of 8, 1 thread"
  expect 0 "$RETORT" bench lengths.rt --runs 1 --threads 1 --length 8 --mean 4
  expect_text out "16 rows of 8, packed, 1 thread"
  expect 0 "$RETORT" bench lengths.rt --runs 1 --threads 1 --length 8 --mean 4 --rows 1
  expect_text out "1 row of 8, 1 thread"
  expect 0 "$RETORT" show --stage=schedule lengths.rt
  expect_text out "# rows with lengths: padded; packed where more than 5 % of what batches hold is padding (auto)"
  expect 0 "$RETORT" build lengths.rt -o chosen --model net
  expect 0 "$RETORT" build lengths.rt -o padded --model net --layout padded
  [ "$(wc -c <chosen.o)" = "$(wc -c <padded.o)" ] || fail_test "an object has another layout than padded"
  expect 2 "$RETORT" run lengths.rt --layout loose
  expect_text err "--layout loose: expected auto, padded or packed"
}
