// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// One index per row: the gathered dimension takes the index, the others their own.
// CHECK-LABEL: func.func @rows
// CHECK-DAG:     %[[I:.*]] = arith.index_cast %{{.*}} : tensor<9xi64, #gir.at<reg>> to tensor<9xindex, #gir.at<reg>>
// CHECK-DAG:     %[[J:.*]] = gir.iota dim 0 : tensor<5xindex, #gir.at<reg>>
// CHECK-DAG:     %[[A:.*]] = gir.broadcast %[[I]] dims [1]
// CHECK-DAG:     %[[B:.*]] = gir.broadcast %[[J]] dims [0]
// CHECK:         gir.gather %{{.*}}[%[[A]], %[[B]]] : tensor<6x5xf32, #gir.at<dram>>
func.func @rows(%t: tensor<6x5xf32>, %i: tensor<9x1xi64>) -> tensor<9x5xf32> {
  %r = tensor.gather %t[%i] gather_dims([0]) : (tensor<6x5xf32>, tensor<9x1xi64>) -> tensor<9x5xf32>
  return %r : tensor<9x5xf32>
}

// -----

// What is scattered goes over what was there, whose elements are stored first.
// CHECK-LABEL: func.func @scatter
// CHECK:         %[[V:.*]] = gir.move %{{.*}} : tensor<3x5xf32, #gir.at<dram>> -> tensor<3x5xf32, #gir.at<reg>>
// CHECK:         %[[D:.*]] = gir.move %{{.*}} : tensor<6x5xf32, #gir.at<reg>> -> tensor<6x5xf32, #gir.at<dram>>
// CHECK:         gir.scatter %[[V]] into %[[D]][%{{.*}}, %{{.*}}] {unique}
func.func @scatter(%s: tensor<3x5xf32>, %t: tensor<6x5xf32>, %i: tensor<3x1xi64>) -> tensor<6x5xf32> {
  %r = tensor.scatter %s into %t[%i] scatter_dims([0]) unique : (tensor<3x5xf32>, tensor<6x5xf32>, tensor<3x1xi64>) -> tensor<6x5xf32>
  return %r : tensor<6x5xf32>
}
