# Folders as others publish them are models, and what is written is such a folder again.

needs_numpy() {
  python=$(for p in python3 /usr/bin/python3; do "$p" -c 'import numpy' 2>/dev/null && echo "$p" && break; done)
  [ -n "$python" ] || skip_test "python3-numpy is not installed"
}

# The experiment `made` leaves a small model; `read` reads the folder `from` and writes it.
make_published() {
  printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' good bad >vocab.txt
  printf 'good\t1\nbad\t0\nbad bad\t0\n' >train.tsv
  cat >made.rt <<'END'
use bert, losses, optimizers
experiment made {
  data train = tsv("train.tsv", label: 1, classes: 3) |> wordpiece("vocab.txt", length: 8)
  model m = bert_classifier(classes: 3, vocabulary: 6, layers: 2, hidden: 8, heads: 2, ff: 16, positions: 8, activation: gelu_new)
  stage learn { train m with classify  epochs 1  batch 2  optimizer adamw(lr: 1e-3) }
  export m
}
END
  cat >read.rt <<'END'
use bert
experiment read {
  let from = "made/m"
  model m = pretrained(from)
  export m
}
END
  expect 0 "$RETORT" run made.rt --out made --threads 1
}

test_pretrained_round_trip() {
  make_published
  expect 0 "$RETORT" run read.rt --out again
  expect_same made/m/model.safetensors again/m/model.safetensors
  expect_same made/m/config.json again/m/config.json
  expect_same made/m/vocab.txt vocab.txt
  expect_same made/m/vocab.txt again/m/vocab.txt
  expect_text made/m/config.json '"model_type": "bert"' '"num_hidden_layers": 2' '"num_labels": 3' '"hidden_act": "gelu_new"'
}

test_pretrained_written_is_read_elsewhere() {
  needs_numpy
  make_published
  expect 0 "$python" "$root/tests/system/read_safetensors.py" made/m
  expect_text out "bert.encoder.layer.1.attention.self.query.weight float32 [8, 8]" "classifier.bias float32 [3]"
  expect 0 "$RETORT" run read.rt --out again
  expect 0 "$python" "$root/tests/system/read_safetensors.py" made/m again/m
  expect_text out "41 tensors are equal"
}

test_pretrained_published_forms() {
  needs_numpy
  make_published
  publish="$python $root/tests/system/publish.py made/m"
  $publish plain && $publish shards shards=3 old && $publish inner prefix=model. extra && $publish bare without=bert. old || fail_test publish
  for form in plain shards inner bare; do
    expect 0 "$RETORT" run read.rt --set from=./$form --out $form.again
    expect_same made/m/model.safetensors $form.again/m/model.safetensors
    expect_same made/m/config.json $form.again/m/config.json
  done
  expect 0 "$RETORT" run read.rt --set from=./inner
  expect_text err "warning: ./inner holds tensors that model" position_ids
  # other widths: converted once, then kept
  for kind in F16 BF16; do
    $publish $kind type=$kind
    expect 0 "$RETORT" run read.rt --set from=./$kind --out $kind.again
    expect_different made/m/model.safetensors $kind.again/m/model.safetensors
    $python "$root/tests/system/publish.py" $kind.again/m $kind.twice type=$kind
    expect_same $kind/model.safetensors $kind.twice/model.safetensors
  done
}

test_pretrained_fresh_head() {
  needs_numpy
  make_published
  "$python" "$root/tests/system/publish.py" made/m headless drop=classifier.weight || fail_test publish
  expect 3 "$RETORT" run read.rt --set from=./headless
  expect_text err "1 of its 41 names are missing:" "  classifier.weight"
  sed 's/pretrained(from)/pretrained(from, fresh: "classifier", classes: 5)/' read.rt >fresh.rt
  expect 0 "$RETORT" run fresh.rt --set from=./headless --out fresh
  expect_text fresh/m/config.json '"num_labels": 5' '"classes": 5'
  expect 0 "$RETORT" run fresh.rt --set m.classes=7 --out seven
  expect_text seven/m/config.json '"num_labels": 7'
  sed 's/pretrained(from)/pretrained(from, module: bert)/' read.rt >encoder.rt
  expect 0 "$RETORT" run encoder.rt --out encoder
  expect_text err classifier.weight # of the file, not of the encoder
}

test_pretrained_refused() {
  needs_numpy
  make_published
  publish="$python $root/tests/system/publish.py made/m"
  $publish wide hidden_size=16 && $publish shards shards=2 || fail_test publish
  expect 3 "$RETORT" run read.rt --set from=./wide --out never
  expect_text err "the model that ./wide/config.json describes" \
    "bert.encoder.layer.0.attention.self.query.bias: expected [16], found [8]" "… and"
  [ ! -e never ] || fail_test "a folder was left"
  rm shards/model-00002-of-00002.safetensors
  expect 3 "$RETORT" run read.rt --set from=./shards
  expect_text err "shards are missing or cannot be read:" model-00002-of-00002.safetensors
  echo '{"weight_map": {"a": "../made/m/model.safetensors"}}' >shards/model.safetensors.index.json
  expect 3 "$RETORT" run read.rt --set from=./shards
  expect_text err "the file of 'a' is no file's name"
  echo '{"weight_map": ' >shards/model.safetensors.index.json
  expect 3 "$RETORT" run read.rt --set from=./shards
  expect_text err "model.safetensors.index.json:2: broken JSON"
  expect 1 "$RETORT" run read.rt --set from=./nowhere
  expect_text err "cannot find ./nowhere"
  # numbers that are none, functions that are none; fewer layers than there are is meant when the source says so
  says() { # KEY VALUE TEXT
    rm -rf said
    $publish said "$1=0" && sed -i "s/\"$1\": 0/\"$1\": $2/" said/config.json
    expect 1 "$RETORT" run read.rt --set from=./said
    expect_text err "./said/config.json says \"$1\": $3"
  }
  says num_hidden_layers '"two"' '"two", which is not an int'
  says num_hidden_layers 1.5 '1.5, which is not an int'
  says num_hidden_layers '[2]' '[2], which is not an int'
  says hidden_act '"swiglu"' '"swiglu", and'
  $publish fewer num_hidden_layers=1 || fail_test publish
  expect 3 "$RETORT" run read.rt --set from=./fewer --out never
  expect_text err "./fewer/model.safetensors does not fit the model that ./fewer/config.json describes" \
    "16 of its names are of further parts of what the model repeats:" "  bert.encoder.layer.1.attention.self.query.weight"
  [ ! -e never ] || fail_test "a folder was left"
  expect 0 "$RETORT" run read.rt --set from=./fewer --set m.layers=1
  expect_text err "warning: ./fewer holds tensors that model 'm' does not have" bert.encoder.layer.1
  $publish more num_hidden_layers=3 || fail_test publish
  expect 3 "$RETORT" run read.rt --set from=./more
  expect_text err "16 of its 57 names are missing:" "  bert.encoder.layer.2.attention.self.query.weight"
  $publish heads num_attention_heads=3 || fail_test publish
  expect 1 "$RETORT" run read.rt --set from=./heads
  expect_text err "hidden 8 is not divisible by heads 3"
  $publish zip && printf 'PK\003\004as torch.save writes' >zip/model.safetensors
  expect 3 "$RETORT" run read.rt --set from=./zip
  expect_text err "zip/model.safetensors: no safetensors file but a zip file, as torch.save writes"
  rm zip/config.json
  expect 1 "$RETORT" run read.rt --set from=./zip
  expect_text err "unable to open ./zip/config.json: No such file or directory"
  echo '{"model_type": "strange"}' >wide/config.json
  expect 1 "$RETORT" run read.rt --set from=./wide
  expect_text err "nothing says what the keys of ./wide/config.json mean" "published_strange"
  echo '{"model_type": "bert", "hidden_size": 8}' >wide/config.json
  expect 1 "$RETORT" run read.rt --set from=./wide
  expect_text err 'has no "num_hidden_layers"' 'has no "vocab_size"'
  echo '{"model_type": ' >wide/config.json
  expect 1 "$RETORT" run read.rt --set from=./wide
  expect_text err "wide/config.json:2: broken JSON"
}

# A tokenizer's folder: its settings count where the file says nothing, and what cannot be done is refused.
test_tokenizer_of_a_folder() {
  mkdir cased
  printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' good Good >cased/vocab.txt
  printf 'Good\t1\ngood\t0\n' >train.tsv
  cat >task.rt <<'END'
use pooled, losses, optimizers
experiment task {
  data train = tsv("train.tsv", label: 1, classes: 2) |> wordpiece("cased", length: 8)
  model m = pooled(vocabulary: 6, width: 2, classes: 2)
  stage learn { train m with classify  epochs 40  batch 2  optimizer adam(lr: 1e-1) }
  evaluate m on train with accuracy
}
END
  accuracy_of() { tr -d ' \n' <kept/results.json | sed 's/.*"accuracy":\([0-9.]*\).*/\1/'; }
  # without settings texts are lower-cased, so the rows are equal
  expect 0 "$RETORT" run task.rt --threads 1 --out kept
  [ "$(accuracy_of)" = 0.5 ] || fail_test "$(accuracy_of) of equal rows"
  echo '{"do_lower_case": false, "model_max_length": 16, "strip_accents": null}' >cased/tokenizer_config.json
  expect 0 "$RETORT" run task.rt --threads 1 --out kept
  [ "$(accuracy_of)" = 1.0 ] || fail_test "$(accuracy_of) of different rows"
  expect_same kept/m/vocab.txt cased/vocab.txt
  expect 0 "$RETORT" run task.rt --threads 1 --out kept --set data.train.lower=true
  [ "$(accuracy_of)" = 0.5 ] || fail_test "--set is not heard"
  expect 3 "$RETORT" run task.rt --threads 1 --set data.train.length=32
  expect_text err "task.rt:3: 'train' has rows of up to 32 tokens" "its model takes 16"
  for settings in '{"do_lower_case": 1}' '{"do_lower_case": true, "strip_accents": false}' '{"tokenize_chinese_chars": false}' \
    '{"model_max_length": "long"}' '[]' '{"do_lower_case": tr'; do
    echo "$settings" >cased/tokenizer_config.json
    expect 3 "$RETORT" run task.rt --threads 1
    expect_text err "cased/tokenizer_config.json"
  done
  rm cased/vocab.txt
  expect 3 "$RETORT" run task.rt --threads 1
}
