# Every objective of models/ on a tiny encoder: it compiles, trains, and what it measures falls.

# A line a method: the stage's work, with STUDENT for the student.
methods() {
  cat <<'TABLE'
train STUDENT with classify(smoothing: 0.1)
distill teacher -> STUDENT with soft_labels(temperature: 2, labels: 0.3)
distill teacher -> STUDENT with match_logits
distill teacher -> STUDENT with soft_labels_hinton
distill teacher -> STUDENT with soft_labels_tinybert(temperature: 2)
distill teacher -> STUDENT with soft_labels_cross_entropy
distill teacher -> STUDENT with soft_labels_class_mean
distill teacher -> STUDENT with reverse_soft_labels
distill teacher -> STUDENT with jensen_shannon(beta: 0.3)
distill teacher -> STUDENT with decoupled(warmup: 2)
distill teacher -> STUDENT with standardized_labels
distill teacher -> STUDENT with top_labels(k: 1)
distill teacher -> STUDENT with universal_labels
distill teacher -> STUDENT with dist
distill teacher -> STUDENT with annealed_labels
distill teacher -> STUDENT with teacher_annealing
distill teacher -> STUDENT with labels_by_epoch
distill teacher -> STUDENT with balanced_labels
distill teacher -> STUDENT with hidden_layers(map: last_layers)
distill teacher -> STUDENT with weighted_hidden_layers
distill teacher -> STUDENT with weighted_hidden_layers(distance: cosine)
distill teacher -> STUDENT with weighted_maps(distance: neuron_selectivity)
distill teacher -> STUDENT with pkd(map: inner_layers)
distill teacher -> STUDENT with distilbert
distill teacher -> STUDENT with minilm
distill teacher -> STUDENT with minilm2(heads: 8)
distill teacher -> STUDENT with progressive
distill teacher -> STUDENT with tinybert_embedding
distill teacher -> STUDENT with tinybert_attention(map: first_layers)
distill teacher -> STUDENT with tinybert_hidden
distill teacher -> STUDENT with tinybert_intermediate(layers: [0, 3])
distill teacher -> STUDENT with tinybert_prediction
distill teacher -> STUDENT with fitnet
distill teacher -> STUDENT with attention_maps
distill teacher -> STUDENT with neuron_selectivity_transfer
distill teacher -> STUDENT with flow_transfer
distill teacher -> STUDENT with variational
distill teacher -> STUDENT with factors
distill teacher -> STUDENT with paraphrased_factors
distill teacher -> STUDENT with boundaries
distill teacher -> STUDENT with relations
distill teacher -> STUDENT with similarity(vectors: logits_output)
distill teacher -> STUDENT with correlation
distill teacher -> STUDENT with correlation_by_gram
distill teacher -> STUDENT with correlation_of_neighbours
distill teacher -> STUDENT with probabilities
distill teacher -> STUDENT with contrastive(rows: 240, width: 16, negatives: 20)
distill teacher, second -> STUDENT with mean_of_teachers(labels: 0.5)
distill teacher, second -> STUDENT with weighted_teachers(weights: [1, 3])
distill teacher, second -> STUDENT with agreeing_teachers
distill teacher, second -> STUDENT with confident_teachers
distill moving -> STUDENT with moving_average_teacher(decay: 0.9)
distill moving -> STUDENT with earlier_self
train STUDENT with deep_to_shallow
train STUDENT, other with mutual
distill words, teacher -> STUDENT with augmented_layers(places: 2, among: 5)
distill words, teacher -> STUDENT with augmented_prediction(places: 2, among: 5)
TABLE
}

methods_experiment() {
  encoder="bert_classifier(classes: 2, vocabulary: 13, heads: 4, positions: 16, drop: 0.0"
  echo "use bert, tinybert, losses, optimizers, outputs, encoders, features, relations, layer_maps, teachers, masked_words, augmentation"
  echo "experiment methods {"
  echo '  data train = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)'
  echo "  model teacher = $encoder, layers: 4, hidden: 32, ff: 64, std: 0.15)"
  echo "  model second = $encoder, layers: 2, hidden: 32, ff: 64, std: 0.15)"
  echo "  model words = bert_masked_words(vocabulary: 13, heads: 4, positions: 16, layers: 2, hidden: 32, ff: 64, mask_id: 1, std: 0.1)"
  echo "  stage teach { train teacher with classify  steps 100  batch 16  optimizer adam(lr: 2e-3) }"
  echo "  stage teach_second { train second with classify  steps 60  batch 16  optimizer adam(lr: 2e-3) }"
  methods | awk -v encoder="$encoder" '{
    small = encoder ", layers: 2, hidden: 16, ff: 32, std: 0.1)"
    printf "  model s%d = %s\n", NR, small
    work = $0
    if (work ~ /moving/) { printf "  model moving%d = %s\n", NR, small; sub(/moving/, "moving" NR, work) }
    if (work ~ /other/) { printf "  model other%d = %s\n", NR, small; sub(/other/, "other" NR, work) }
    sub(/STUDENT/, "s" NR, work)
    printf "  stage m%d { %s  steps 60  batch 16  optimizer adam(lr: 3e-3) }\n", NR, work
  }'
  echo "}"
}

# The sum of a stage's terms, without their weights, at its first and last steps.
falling() {
  sed -n 's/^{"stage":"m\([0-9]*\)","step":\([0-9]*\),.*"terms":{\(.*\)}}$/\1 \2 \3/p' "$1" | awk '{
    values = $0; sub(/^[0-9]+ [0-9]+ /, "", values); gsub(/"[a-z_]*":/, "", values)
    count = split(values, terms, ","); sum = 0
    for (i = 1; i <= count; i++) sum += terms[i]
    if ($2 <= 6) first[$1] += sum
    if ($2 > 54) last[$1] += sum
    seen[$1]++
  }
  END { for (m in seen) print m, (seen[m] == 60 && last[m] < first[m] ? "falls" : "DOES-NOT-FALL"), first[m] / 6, last[m] / 6 }'
}

test_every_method_learns() {
  [ "$quick" = yes ] && skip_test "takes long"
  make_task
  methods_experiment >methods.rt
  expect 0 "$RETORT" run methods.rt --threads 1 --out kept
  falling kept/metrics.jsonl | sort -n >result
  [ "$(wc -l <result)" = "$(methods | wc -l)" ] || fail_test "not every method ran: $(cat result)"
  # Two logits standardized are 1 and -1 whatever the weights are: that loss falls or not by the last bits.
  grep DOES-NOT-FALL result | while read -r number rest; do
    echo "$(methods | sed -n "${number}p"): $rest"
  done | grep -v "with standardized_labels:" >wrong
  [ -s wrong ] && fail_test "$(cat wrong)"
  return 0
}

# What a method cannot do is said where it is asked for.
test_methods_refuse() {
  make_task
  methods_experiment | sed 's/ steps 60 / steps 1 /; /^  stage m/d; /^}/d' >head.rt
  refuse() {
    { cat head.rt && echo "  stage x { $1  steps 1  batch 16  optimizer adam }" && echo "}"; } >wrong.rt
    expect 1 "$RETORT" check wrong.rt
    expect_text err "$2"
  }
  refuse 'distill teacher -> s1 with hidden_layers(layers: [1])' "the layer map has 1 entries, and the student has 2 layers"
  refuse 'distill teacher -> s1 with hidden_layers(layers: [1, 4])' "the layer map names layer 4, and the teacher has 4 (from 0)"
  refuse 'distill teacher -> s1 with soft_labels(temperature: 0)' "a temperature is more than 0, not 0"
  refuse 'distill teacher, second -> s1 with weighted_teachers(weights: [1, -1])' "the teachers' weights sum to 0"
  refuse 'distill teacher, second -> s1 with weighted_teachers(weights: [1])' "there are 2 teachers and 1 weights"
  refuse 'distill teacher -> s1 with moving_average_teacher' "a teacher that follows its student is of the same module"
  refuse 'distill teacher -> s1 with minilm2(heads: 5)' "not divisible"
  refuse 'train s1 with tinybert_prediction' "nothing gives 'student' to objective 'tinybert_prediction'"
  { cat head.rt && echo "  stage x { distill teacher -> s1 with contrastive(rows: 100)  steps 1  optimizer adam }" && echo "}"; } >wrong.rt
  expect 3 "$RETORT" run wrong.rt
  expect_text err "has 240 rows, but what is kept for each of them has 100"
}

# Text alone teaches an encoder; a student imitates it on the same text; classifiers start from both.
test_masked_words() {
  make_task
  cut -f 1 train.tsv >text.txt
  cat >general.rt <<'RT'
use bert, masked_words, tinybert, losses, optimizers, starts
experiment general {
  data text = tsv("text.txt", text: 0) |> wordpiece("vocab.txt", length: 16)
  data train = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model general = bert_masked_words(vocabulary: 13, layers: 2, hidden: 32, heads: 4, ff: 64, positions: 16, drop: 0.0, std: 0.1, mask_id: 1, hidden_words: 2)
  model small = bert_states(vocabulary: 13, layers: 1, hidden: 16, heads: 4, ff: 32, positions: 16, drop: 0.0, std: 0.1)
  model student = bert_classifier(vocabulary: 13, layers: 1, hidden: 16, heads: 4, ff: 32, positions: 16, drop: 0.0, std: 0.1)
  model other = bert_classifier(vocabulary: 13, layers: 1, hidden: 16, heads: 4, ff: 32, positions: 16, drop: 0.0, std: 0.1)
  stage words { train general with masked_words  steps 80  batch 32  on text  optimizer adam(lr: 3e-3) }
  stage imitate { distill general -> small with tinybert_intermediate  steps 80  batch 32  on text  optimizer adam(lr: 3e-3) }
  stage take { distill small -> student with start_from_encoder  steps 1 }
  stage again { distill student -> other with start_from_encoder  steps 1 }
  stage fine { train student with classify  steps 40  batch 16  on train  optimizer adam(lr: 3e-3) }
  export student, other, general
}
RT
  expect 0 "$RETORT" run general.rt --out kept --threads 1
  for stage in words imitate fine; do
    sed -n "s/^{\"stage\":\"$stage\".*\"loss\":\([0-9.e-]*\),.*/\1/p" kept/metrics.jsonl | awk -v stage=$stage '
      NR <= 5 { first += $1 } { last5[NR % 5] = $1 }
      END { for (i in last5) last += last5[i]; if (NR < 20 || last >= 0.95 * first) { print stage, first / 5, last / 5; exit 1 } }' ||
      fail_test "the loss of stage $stage does not fall"
  done
  # the head reads the words' own table: it is saved once
  grep -c "cls.predictions.decoder" kept/general/model.safetensors >/dev/null && fail_test "the tied table is saved twice"
  expect_text kept/general/model.safetensors "cls.predictions.transform.LayerNorm.weight" "bert.embeddings.word_embeddings.weight"
}

# The examples of this library: a few steps of each stage; the one that needs other data is checked.
test_method_examples() {
  [ "$quick" = yes ] && skip_test "takes long"
  cp -r "$root/examples/demo" .
  sed 's/ epochs [a-z0-9* ]*  batch/ steps 2  batch/' "$root/examples/methods.rt" >methods.rt
  expect 0 "$RETORT" run methods.rt --threads 1
  expect_text out "cut from teacher" TinyBERT MiniLMv2 VID
  for task in sst2 banking77 subjectivity; do
    expect 0 "$RETORT" check "$root/examples/tinybert_sst2.rt" --set task=$task
    grep -q warning err out && fail_test "a warning on tinybert_sst2.rt: $(cat err out)"
  done
  expect 0 "$RETORT" check methods.rt --set task=banking77
  return 0
}
