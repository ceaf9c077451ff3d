# retort build: what it writes, and a C program that uses it without LLVM.

# Compiles examples/deploy.c against student.o and the runtime's core.
compile_deploy() {
  ${CC:-cc} -std=c17 -Wall -Wextra -Werror -I. -I"$root" -I"$root/runtime/core" "$root/examples/deploy.c" "$@" \
    "$root"/runtime/core/*.c -lopenblas -fopenmp -lm -o deploy || fail_test "deploy.c does not compile"
}

test_build_makes_a_product() {
  expect 0 "$RETORT" build "$root/examples/demo.rt" --model student -o student
  expect_text student.h "student_forward_run(" "int64_t B, int64_t T" "i32[B, T of B]" "f32[B, 2]" STUDENT_WEIGHTS_SIZE
  [ -e student.weights ] && fail_test "weights were written that nobody asked for"
  compile_deploy student.o
  ldd deploy | grep -qi llvm && fail_test "the product needs LLVM"
  size=$(sed -n 's/^#define STUDENT_FILE_SIZE ((size_t)\([0-9]*\))/\1/p' student.h)
  head -c "$size" /dev/zero >zero.weights
  expect 0 ./deploy zero.weights 2 14 27 3
  expect_text out "0x0p+0 0x0p+0"
  expect 2 ./deploy no.weights 2
}

test_build_takes_weights_of_a_run() {
  make_task
  expect 0 "$RETORT" run task.rt --out kept --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  expect 0 "$RETORT" build task.rt --weights kept/student
  size=$(sed -n 's/^#define STUDENT_FILE_SIZE ((size_t)\([0-9]*\))/\1/p' student.h)
  [ "$(wc -c <student.weights)" = "$size" ] || fail_test "student.weights has another size than student.h says"
  expect 3 "$RETORT" build task.rt --model teacher --weights kept/student
  [ -e teacher.weights ] && fail_test "weights of another model were written"
  expect_text err shape
}

test_build_says_what_is_wrong() {
  make_task
  expect 2 "$RETORT" build task.rt --model nobody
  expect_text err "there is no model 'nobody'" teacher student
  expect 2 "$RETORT" build task.rt --cpu z80
  expect_text err "unknown CPU 'z80'"
  expect 4 "$RETORT" build task.rt -o no/such/folder
  expect 2 "$RETORT" build
  echo 'experiment broken { model m = nothing() }' >broken.rt
  expect 1 "$RETORT" build broken.rt
  [ "$(ls -- *.o *.h 2>/dev/null)" = "" ] || fail_test "files were written: $(ls)"
}

# Code of another architecture, by tiles whose inner loops multiply and add by vectors of NEON.
test_build_for_another_architecture() {
  expect 0 "$RETORT" build "$root/examples/demo.rt" --model student -o student --cpu neoverse-n1 --contractions emitted
  od -A n -t x1 -j 18 -N 2 student.o | grep -q 'b7 00' || fail_test "student.o is not of machine 183, aarch64"
  dump=$(command -v llvm-objdump-19 || command -v llvm-objdump) || exit 77
  "$dump" -d student.o >code
  # between a label and the branch back to it: 12 rows of two vectors
  sed -n '/<tile.12x8>:/,/b\.gt/p' code | grep -c 'fmla.*\.4s' >count
  [ "$(cat count)" = 24 ] || fail_test "24 multiply-adds are expected in the tile's loop: $(cat count)"
}

test_build_takes_layout_and_contractions() {
  "$RETORT" build "$root/examples/demo.rt" --model student -o by_library --contractions blas --cpu x86-64-v4 || exit 1
  "$RETORT" build "$root/examples/demo.rt" --model student -o by_tiles --contractions emitted --cpu x86-64-v4 || exit 1
  "$RETORT" build "$root/examples/demo.rt" --model student -o packed --layout packed --cpu x86-64-v4 || exit 1
  cmp -s by_library.o by_tiles.o && fail_test "--contractions changes nothing"
  cmp -s packed.o by_tiles.o && fail_test "--layout changes nothing"
  grep -q "int64_t T_tokens" packed.h || fail_test "packed.h says nothing of tokens"
  ${CC:-cc} -std=c17 -Wall -Wextra -Werror -fsyntax-only -I"$root/runtime/core" packed.h || fail_test "packed.h is not C"
  expect 2 "$RETORT" build "$root/examples/demo.rt" --layout square
  expect 2 "$RETORT" build "$root/examples/demo.rt" --contractions mkl
}
