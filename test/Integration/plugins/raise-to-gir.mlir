// RUN: mlir-opt %s --load-dialect-plugin=%native/GIRDialectPlugin%shared_ext --load-pass-plugin=%native/GIRPassPlugin%shared_ext --pass-pipeline="builtin.module(canonicalize,convert-linalg-to-gir,gir-count-ops,cse)" 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: mlir-opt %s --load-pass-plugin=%native/GIRPassPlugin%shared_ext --pass-pipeline="builtin.module(convert-linalg-to-gir)" | FileCheck %s
// RUN: %pf-opt %s --canonicalize --convert-linalg-to-gir --cse | FileCheck %s

// A stock mlir-opt raises a program to GIR between its own passes, as pf-opt does; the pass plug-in
// alone is enough, because the passes bring the dialect that they write.

// REMARK: remark: {{[0-9]+}} operations
// CHECK-LABEL: func.func @sum
// CHECK-NOT: linalg.add
// CHECK: gir.kernel
// CHECK: arith.addf
func.func @sum(%a: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
  %empty = tensor.empty() : tensor<8xf32>
  %sum = linalg.add ins(%a, %b : tensor<8xf32>, tensor<8xf32>) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  return %sum : tensor<8xf32>
}
