// RUN: %pf-opt %s --pass-pipeline="builtin.module(gir-count-ops,func.func(canonicalize,gir-count-ops),convert-linalg-to-loops,cse)" 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARKS < %t.err
// RUN: %pf-opt %s --mlir-timing --mlir-timing-display=list --pass-pipeline="builtin.module(func.func(canonicalize,gir-count-ops),cse)" -o /dev/null 2>&1 | FileCheck %s --check-prefix=TIMING
// RUN: %pf-opt %s --gir-count-ops --canonicalize --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s --check-prefix=FLAGS

// A Python pass stands in a pipeline like any other: between upstream's, on the module and on each
// function, timed under its name, and as a flag.

// CHECK-LABEL: func.func @first
// CHECK-NOT: arith.addi
func.func @first(%value: i32) -> i32 {
  %zero = arith.constant 0 : i32
  %sum = arith.addi %value, %zero : i32
  return %sum : i32
}

// CHECK-LABEL: func.func @second
func.func @second(%value: i32) -> i32 {
  return %value : i32
}

// The module's five operations and the two functions; then, after canonicalize, a return in each.
// REMARKS: remark: 6 operations
// REMARKS: remark: 1 operations
// REMARKS: remark: 1 operations

// TIMING-DAG: Canonicalizer
// TIMING-DAG: gir-count-ops
// TIMING-DAG: CSE

// FLAGS: gir-count-ops{limit=0}
// FLAGS: canonicalize
