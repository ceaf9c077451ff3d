# The program knows no network and no method: those are files of the language.

# Names of networks and of methods of distillation, each as a word or as a part of a name between underscores.
named_networks='[a-z]*bert[a-z]*|gpt-?[0-9]*|electra|xlnet|llama|mistral|t5|transformers?|mixers?|resnets?|vgg|alexnet|lenet|densenet|mobilenet|efficientnet|vit|deit|swin|u-?net|lstm|gru|wav2vec|hubert|whisper|conformer'
named_methods='fitnets?|minilm|hinton|pkd|dkd|rkd|crd|kdistiller|tofd|born_again|autodistil'

# The lines of the given files and folders in which one of the names stands, comments and texts included.
lines_with_names() {
  grep -rniE "(^|[^a-z])($named_networks|$named_methods)([^a-z]|\$)" "$@"
}

test_compiler_and_runtime_name_no_network() {
  lines_with_names "$root/compiler" "$root/runtime" --include='*.c' --include='*.h' --include='*.def' >names
  lines_with_names "$root/grammar/lexer.l" "$root/grammar/parser.y" >>names
  [ -s names ] && fail_test "$(cat names)"
  # the search finds what is there to be found
  printf 'int x; /* as in BERT */\n' >comment.c
  printf 'if (!strcmp(name, "bert_classifier")) return 1;\nint load_resnet(void);\nint observed, vitality;\n' >code.c
  lines_with_names comment.c code.c >found
  [ "$(wc -l <found)" = 3 ] || fail_test "3 lines expected: $(cat found)"
}

# A network that models/ does not have, in a file of the language: it trains and it is distilled.
test_network_of_ones_own() {
  cp "$here/mixer.rt" .
  expect 0 env RETORT_DATA="$root/examples" "$RETORT" run mixer.rt --threads 1 --out kept \
    --set stage.teach.steps=400 --set stage.imitate.steps=200
  losses_fall kept/metrics.jsonl teach 0.95
  losses_fall kept/metrics.jsonl imitate 0.2
  expect_text kept/metrics.jsonl '"blocks":' '"answers":'
  # half of the rows are of each class
  awk '$1 == "teacher" && $2 < 58 { exit 1 }' out || fail_test "the teacher is not above chance: $(cat out)"
}
