// RUN: %pf-opt %s --allow-unregistered-dialect --convert-linalg-to-gir | FileCheck %s

// A scatter as importers of models say it: elements may meet, and combine with what is there by a kind.

// CHECK-LABEL: func.func @added
// CHECK: gir.scatter %{{.*}} into %{{.*}}[%{{.*}}, %{{.*}}] kind <add> : tensor<3x5xf32, #gir.at<reg>> into tensor<7x5xf32, #gir.at<dram>>
// CHECK-NOT: unique
func.func @added(%updates: tensor<3x1x5xf32>, %x: tensor<7x5xf32>, %places: tensor<3x1xi64>) -> tensor<7x5xf32> {
  %0 = "pf.scatter"(%updates, %x, %places) {scatter_dims = array<i64: 0>, kind = "add"} : (tensor<3x1x5xf32>, tensor<7x5xf32>, tensor<3x1xi64>) -> tensor<7x5xf32>
  return %0 : tensor<7x5xf32>
}

// Without a kind any one of several elements stays.

// CHECK-LABEL: func.func @set
// CHECK: gir.scatter %{{.*}} into %{{.*}}[%{{.*}}] : tensor<3xf32
// CHECK-NOT: unique
func.func @set(%updates: tensor<3xf32>, %x: tensor<7xf32>, %places: tensor<3x1xi64>) -> tensor<7xf32> {
  %0 = "pf.scatter"(%updates, %x, %places) {scatter_dims = array<i64: 0>} : (tensor<3xf32>, tensor<7xf32>, tensor<3x1xi64>) -> tensor<7xf32>
  return %0 : tensor<7xf32>
}
