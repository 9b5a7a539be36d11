// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// A shape that a tensor holds becomes sizes; nothing is moved for it, and the tensor isn't made.
// CHECK-LABEL: func.func @reshape
// CHECK-NOT:   gir.kernel
// CHECK:       tensor.collapse_shape %arg0 {{\[}}[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
// CHECK:       tensor.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [%arg1, %arg2] : tensor<?xf32> into tensor<?x?xf32>
// CHECK-NOT:   tensor.from_elements
func.func @reshape(%x: tensor<4x6xf32>, %n: index, %m: index) -> tensor<?x?xf32> {
  %s = tensor.from_elements %n, %m : tensor<2xindex>
  %r = tensor.reshape %x(%s) : (tensor<4x6xf32>, tensor<2xindex>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// -----

// One element is a box of one element.
// CHECK-LABEL: func.func @insert
// CHECK:       gir.kernel "splat"
// CHECK:       gir.kernel "insert"
// CHECK:         gir.insert %{{.*}} into %{{.*}} [%{{.*}}, %{{.*}}] [1, 1] [1, 1]
func.func @insert(%v: f32, %x: tensor<4x6xf32>, %i: index) -> tensor<4x6xf32> {
  %r = tensor.insert %v into %x[%i, %i] : tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
