// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// A shape that a tensor holds becomes sizes; nothing is moved for it.
// CHECK-LABEL: func.func @reshape
// CHECK-NOT:   gir.kernel
// CHECK-DAG:   tensor.collapse_shape %arg0 {{\[}}[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
// CHECK-DAG:   %[[N:.*]] = tensor.extract %arg1[%c0{{.*}}]
// CHECK-DAG:   %[[M:.*]] = tensor.extract %arg1[%c1{{.*}}]
// CHECK:       tensor.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [%[[N]], %[[M]]] : tensor<?xf32> into tensor<?x?xf32>
func.func @reshape(%x: tensor<4x6xf32>, %s: tensor<2xindex>) -> tensor<?x?xf32> {
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
