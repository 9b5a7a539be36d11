// RUN: pf-opt %s --gir-resolve-dims -split-input-file | FileCheck %s

// The sizes of a kernel's results are those that it states, in order, also through reshapes: nothing stands between the
// two kernels any more.

// CHECK-LABEL: func.func @stated
// CHECK-SAME: (%{{.*}}: tensor<?x8x?xf32>, %[[N:.*]]: index, %[[M:.*]]: index)
// CHECK: gir.kernel "first" {{.*}} sizes(%[[N]], %[[M]], %[[N]])
// CHECK: tensor.collapse_shape
// CHECK-DAG: %[[EIGHT:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[P:.*]] = arith.muli %[[N]], %{{.*}} : index
// CHECK: gir.kernel "second" (%{{.*}} = %[[P]] : index, %{{.*}} = %[[M]] : index, %{{.*}} = %[[N]] : index)
// CHECK-NOT: tensor.dim
func.func @stated(%x: tensor<?x8x?xf32>, %n: index, %m: index) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0, %1 = gir.kernel "first" (%a = %x : tensor<?x8x?xf32>, %b = %n : index) sizes(%n, %m, %n) -> (tensor<?x8x?xf32>, tensor<?xf32>) {
    %2 = gir.move %a : tensor<?x8x?xf32, #gir.at<dram>> -> tensor<?x8x?xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?x8x?xf32, #gir.at<reg>> -> tensor<?x8x?xf32, #gir.at<dram>>
    %one = arith.constant 1.0 : f32
    %4 = tensor.splat %one[%b] : tensor<?xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<?xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<dram>>
    gir.return %3, %5 : tensor<?x8x?xf32, #gir.at<dram>>, tensor<?xf32, #gir.at<dram>>
  }
  %c = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<?x8x?xf32> into tensor<?x?xf32>
  %p = tensor.dim %c, %c0 : tensor<?x?xf32>
  %q = tensor.dim %c, %c1 : tensor<?x?xf32>
  %r = tensor.dim %1, %c0 : tensor<?xf32>
  %6 = gir.kernel "second" (%b = %p : index, %d = %q : index, %e = %r : index) sizes(%p, %q) -> (tensor<?x?xf32>) {
    %one = arith.constant 1.0 : f32
    %7 = tensor.splat %one[%b, %d] : tensor<?x?xf32, #gir.at<reg>>
    %8 = gir.move %7 : tensor<?x?xf32, #gir.at<reg>> -> tensor<?x?xf32, #gir.at<dram>>
    gir.return %8 : tensor<?x?xf32, #gir.at<dram>>
  }
  return %6 : tensor<?x?xf32>
}

// -----

// The size of an argument is asked for as before.

// CHECK-LABEL: func.func @argument
// CHECK: tensor.dim
func.func @argument(%x: tensor<?x8xf32>) -> index {
  %c0 = arith.constant 0 : index
  %c = tensor.collapse_shape %x [[0, 1]] : tensor<?x8xf32> into tensor<?xf32>
  %0 = tensor.dim %c, %c0 : tensor<?xf32>
  return %0 : index
}
