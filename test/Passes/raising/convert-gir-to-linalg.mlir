// RUN: %pf-opt %s --convert-gir-to-linalg --split-input-file | FileCheck %s
// RUN: %pf-opt %s --convert-gir-to-linalg --split-input-file --canonicalize | FileCheck %s --check-prefix=GONE

// Nothing of GIR is left in any of these.
// GONE-NOT: gir.

// Movement is left out; a broadcast copies through a map, computation is a generic.
// CHECK-DAG:   #[[ROW:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG:   #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @bias
// CHECK:         %[[W:.*]] = linalg.generic {indexing_maps = [#[[ROW]], #[[ALL]]]{{.*}} ins(%arg1 : tensor<64xf32>)
// CHECK:         %[[S:.*]] = linalg.generic {{.*}} ins(%arg0, %[[W]] : tensor<4x64xf32>, tensor<4x64xf32>)
// CHECK:           arith.addf
// CHECK:         return %[[S]]
func.func @bias(%x: tensor<4x64xf32>, %b: tensor<64xf32>) -> tensor<4x64xf32> {
  %0 = gir.kernel "addf" (%a = %x : tensor<4x64xf32>, %c = %b : tensor<64xf32>) -> (tensor<4x64xf32>) {
    %1 = gir.move %a : tensor<4x64xf32, #gir.at<dram>> -> tensor<4x64xf32, #gir.at<reg>>
    %2 = gir.move %c : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [0] : tensor<64xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<reg>>
    %4 = arith.addf %1, %3 : tensor<4x64xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x64xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x64xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x64xf32>
}

// -----

// A contraction is a generic of the same maps, its casts in the body.
// CHECK-LABEL: func.func @matmul
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg0, %arg1 : tensor<4x6xf16>, tensor<6x5xf16>) outs(%arg2 : tensor<4x5xf32>)
// CHECK-COUNT-2:   arith.extf
// CHECK:           arith.mulf
// CHECK:           arith.addf
func.func @matmul(%x: tensor<4x6xf16>, %y: tensor<6x5xf16>, %z: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %0 = gir.kernel "matmul" (%a = %x : tensor<4x6xf16>, %b = %y : tensor<6x5xf16>, %c = %z : tensor<4x5xf32>) -> (tensor<4x5xf32>) {
    %1 = gir.move %a : tensor<4x6xf16, #gir.at<dram>> -> tensor<4x6xf16, #gir.at<reg>>
    %2 = gir.move %b : tensor<6x5xf16, #gir.at<dram>> -> tensor<6x5xf16, #gir.at<reg>>
    %3 = gir.move %c : tensor<4x5xf32, #gir.at<dram>> -> tensor<4x5xf32, #gir.at<reg>>
    %4 = gir.contract %1, %2 into %3 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : tensor<4x6xf16, #gir.at<reg>>, tensor<6x5xf16, #gir.at<reg>> into tensor<4x5xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x5xf32, #gir.at<reg>> -> tensor<4x5xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x5xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x5xf32>
}

// -----

// A reversed scan reads and writes its elements from the end; what is yielded first is what stood
// before the step, because it is exclusive.
// CHECK-LABEL: func.func @scan
// CHECK:         tensor.extract %arg0
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK:         ^bb0(%[[X:.*]]: f32, %{{.*}}: f32, %[[ACC:.*]]: f32):
// CHECK-NEXT:      %[[N:.*]] = arith.addf %[[ACC]], %[[X]]
// CHECK-NEXT:      linalg.yield %[[ACC]], %[[N]]
// CHECK:         tensor.extract
func.func @scan(%x: tensor<4x7xf32>, %i: tensor<4xf32>) -> tensor<4x7xf32> {
  %0 = gir.kernel "scan" (%a = %x : tensor<4x7xf32>, %b = %i : tensor<4xf32>) -> (tensor<4x7xf32>) {
    %1 = gir.move %a : tensor<4x7xf32, #gir.at<dram>> -> tensor<4x7xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3, %4 = gir.scan %1 into %2 dim 1 exclusive reverse kinds [#vector.kind<add>] : tensor<4x7xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %5 = gir.move %3 : tensor<4x7xf32, #gir.at<reg>> -> tensor<4x7xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x7xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x7xf32>
}

// -----

// Windows are read through a map; their dynamic count follows from the operand's size.
// CHECK:       #[[MAP:.*]] = affine_map<(d0, d1) -> (d0 * 2 + d1 * 3)>
// CHECK-LABEL: func.func @window
// CHECK:         arith.floordivsi
// CHECK:         linalg.generic {indexing_maps = [#[[MAP]],
func.func @window(%x: tensor<?xf32>, %n: index) -> tensor<?x4xf32> {
  %0 = gir.kernel "window" (%a = %x : tensor<?xf32>) sizes(%n) -> (tensor<?x4xf32>) {
    %1 = gir.move %a : tensor<?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<reg>>
    %2 = gir.window %1 dims [0] sizes [4] strides [2] dilations [3] : tensor<?xf32, #gir.at<reg>> -> tensor<?x4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?x4xf32, #gir.at<reg>> -> tensor<?x4xf32, #gir.at<dram>>
    gir.return %3 : tensor<?x4xf32, #gir.at<dram>>
  }
  return %0 : tensor<?x4xf32>
}

// -----

// Views are tensor ops; a reshape goes through one dimension.
// CHECK-LABEL: func.func @views
// CHECK:         tensor.extract_slice %arg0[2, 0] [1, 6] [1, 1] : tensor<4x6xf32> to tensor<6xf32>
// CHECK:         tensor.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [2, 3]
// CHECK:         tensor.concat dim(1)
// CHECK:         tensor.pad %{{.*}} low[0, 1] high[1, 0]
func.func @views(%x: tensor<4x6xf32>, %v: f32) -> tensor<3x7xf32> {
  %0 = gir.kernel "views" (%a = %x : tensor<4x6xf32>, %w = %v : f32) -> (tensor<3x7xf32>) {
    %1 = gir.slice %a [2, 0] [1, 6] [1, 1] drop [0] : tensor<4x6xf32, #gir.at<dram>> -> tensor<6xf32, #gir.at<dram>>
    %2 = gir.reshape %1 : tensor<6xf32, #gir.at<dram>> -> tensor<2x3xf32, #gir.at<dram>>
    %3 = gir.move %2 : tensor<2x3xf32, #gir.at<dram>> -> tensor<2x3xf32, #gir.at<reg>>
    %4 = gir.concat %3, %3 dim 1 : (tensor<2x3xf32, #gir.at<reg>>, tensor<2x3xf32, #gir.at<reg>>) -> tensor<2x6xf32, #gir.at<reg>>
    %5 = gir.pad %4 low [0, 1] high [1, 0] value %w : tensor<2x6xf32, #gir.at<reg>> -> tensor<3x7xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<3x7xf32, #gir.at<reg>> -> tensor<3x7xf32, #gir.at<dram>>
    gir.return %6 : tensor<3x7xf32, #gir.at<dram>>
  }
  return %0 : tensor<3x7xf32>
}

// -----

// Of alternatives the first is written, of a library operator what it computes.
// CHECK-LABEL: func.func @choices
// CHECK:         math.exp
// CHECK-NOT:     math.exp2
// CHECK:         math.absf
func.func @choices(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "either" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.alternatives -> (tensor<4xf32, #gir.at<reg>>) {
      %3 = math.exp %1 : tensor<4xf32, #gir.at<reg>>
      gir.yield %3 : tensor<4xf32, #gir.at<reg>>
    } or {
      %3 = math.exp2 %1 : tensor<4xf32, #gir.at<reg>>
      gir.yield %3 : tensor<4xf32, #gir.at<reg>>
    }
    %4 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  %5 = gir.extern "lib.abs" (%a = %0 : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return %5 : tensor<4xf32>
}
