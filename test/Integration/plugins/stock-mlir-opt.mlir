// RUN: mlir-opt %s --load-pass-plugin=%native/GIRPassPlugin%shared_ext --pass-pipeline="builtin.module(canonicalize,gir-count-ops,func.func(gir-count-ops{limit=5}),cse)" 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARKS < %t.err
// RUN: not env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t mlir-opt %s --load-pass-plugin=%native/GIRPassPlugin%shared_ext --pass-pipeline="builtin.module(cse,func.func(gir-test-raise))" 2>&1 | FileCheck %s --check-prefix=RAISE
// RUN: not env PF_PYTHON=/nowhere/python mlir-opt %s --load-pass-plugin=%native/GIRPassPlugin%shared_ext --pass-pipeline="builtin.module(gir-count-ops)" 2>&1 | FileCheck %s --check-prefix=NOPYTHON

// The distribution's mlir-opt, which knows neither Python nor us, runs Python passes between its own.

// CHECK-LABEL: func.func @f
// CHECK-NEXT: %[[SUM:.*]] = arith.addi
// CHECK-NEXT: arith.muli %[[SUM]], %[[SUM]]
// REMARKS: remark: 5 operations
// REMARKS: remark: 4 operations
// RAISE: stock-mlir-opt.mlir:[[# @LINE + 3]]:1: error: pass 'gir-test-raise' raised ValueError: bad tile size 7
// RAISE: note: reproducer:
// NOPYTHON: error: powerfusion's passes can't be registered: there is no Python interpreter at /nowhere/python; PF_PYTHON names one
func.func @f(%value: i32) -> i32 {
  %sum = arith.addi %value, %value : i32
  %same = arith.addi %value, %value : i32
  %product = arith.muli %sum, %same : i32
  return %product : i32
}
