// RUN: env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t.reproducers %pf-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(func.func(gir-count-ops{limit=2}))"

// Python passes report to whatever handler the host has; each piece of a split file has a context of
// its own, which they meet in turn.

// expected-remark @below {{1 operations}}
func.func @few() {
  return
}

// -----

// expected-error @below {{expected at most 2 operations, got 3}}
// expected-note @below {{help: raise the limit}}
func.func @many(%value: i32) -> i32 {
  %sum = arith.addi %value, %value : i32
  %product = arith.muli %sum, %sum : i32
  return %product : i32
}

// -----

// expected-remark @below {{2 operations}}
func.func @as_many(%value: i32) -> i32 {
  %sum = arith.addi %value, %value : i32
  return %sum : i32
}
