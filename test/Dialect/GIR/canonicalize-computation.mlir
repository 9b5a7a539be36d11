// RUN: %pf-opt %s --canonicalize --split-input-file | FileCheck %s

// Over no dimension every element is combined with its init, once: that is elementwise.
// CHECK-LABEL: @reduce_nothing
// CHECK-SAME:  (%[[X:.*]]: tensor<4x?xf32, #gir.at<reg>>, %[[I:.*]]: tensor<4x?xf32, #gir.at<reg>>)
// CHECK-NEXT:  %[[SUM:.*]] = arith.addf %[[X]], %[[I]] : tensor<4x?xf32, #gir.at<reg>>
// CHECK-NEXT:  %[[MOST:.*]] = arith.maximumf %[[X]], %[[I]]
// CHECK-NEXT:  return %[[SUM]], %[[MOST]]
func.func @reduce_nothing(%x: tensor<4x?xf32, #gir.at<reg>>, %i: tensor<4x?xf32, #gir.at<reg>>) -> (tensor<4x?xf32, #gir.at<reg>>, tensor<4x?xf32, #gir.at<reg>>) {
  %0:2 = gir.reduce %x, %x into %i, %i dims [] kinds [#vector.kind<add>, #vector.kind<maximumf>] : tensor<4x?xf32, #gir.at<reg>>, tensor<4x?xf32, #gir.at<reg>> into tensor<4x?xf32, #gir.at<reg>>, tensor<4x?xf32, #gir.at<reg>>
  return %0#0, %0#1 : tensor<4x?xf32, #gir.at<reg>>, tensor<4x?xf32, #gir.at<reg>>
}

// -----

// A combiner stays, and so does a sum over a dimension of size 1: it adds its init, even where that is 0.
// CHECK-LABEL: @reduce_stays
// CHECK:       gir.reduce {{.*}} dims [] combiner
// CHECK:       gir.reduce {{.*}} dims [1]
func.func @reduce_stays(%x: tensor<4xf32, #gir.at<reg>>, %y: tensor<4x1xf32, #gir.at<reg>>) -> (tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) {
  %i = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
  %0 = gir.reduce %x into %i dims [] combiner {
  ^bb0(%element: f32, %accumulator: f32):
    %1 = arith.subf %accumulator, %element : f32
    gir.yield %1 : f32
  } : tensor<4xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  %2 = gir.reduce %y into %i dims [1] kinds [#vector.kind<add>] : tensor<4x1xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return %0, %2 : tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
}

// -----

// Along one element a scan combines it with the init; what it shows is that or, exclusive, the init.
// CHECK-LABEL: @scan_one
// CHECK-SAME:  (%[[X:.*]]: tensor<4x1xi32, #gir.at<reg>>, %[[I:.*]]: tensor<4xi32, #gir.at<reg>>)
// CHECK-NEXT:  %[[E:.*]] = gir.reshape %[[X]] : tensor<4x1xi32, #gir.at<reg>> -> tensor<4xi32, #gir.at<reg>>
// CHECK-NEXT:  %[[F:.*]] = arith.muli %[[E]], %[[I]]
// CHECK-NEXT:  %[[Y:.*]] = gir.reshape %[[F]] : tensor<4xi32, #gir.at<reg>> -> tensor<4x1xi32, #gir.at<reg>>
// CHECK-NEXT:  %[[E2:.*]] = gir.reshape %[[X]]
// CHECK-NEXT:  %[[F2:.*]] = arith.muli %[[E2]], %[[I]]
// CHECK-NEXT:  %[[Y2:.*]] = gir.reshape %[[I]]
// CHECK-NEXT:  return %[[Y]], %[[F]], %[[Y2]], %[[F2]]
func.func @scan_one(%x: tensor<4x1xi32, #gir.at<reg>>, %i: tensor<4xi32, #gir.at<reg>>) -> (tensor<4x1xi32, #gir.at<reg>>, tensor<4xi32, #gir.at<reg>>, tensor<4x1xi32, #gir.at<reg>>, tensor<4xi32, #gir.at<reg>>) {
  %0:2 = gir.scan %x into %i dim 1 kinds [#vector.kind<mul>] : tensor<4x1xi32, #gir.at<reg>> into tensor<4xi32, #gir.at<reg>>
  %1:2 = gir.scan %x into %i dim 1 exclusive reverse kinds [#vector.kind<mul>] : tensor<4x1xi32, #gir.at<reg>> into tensor<4xi32, #gir.at<reg>>
  return %0#0, %0#1, %1#0, %1#1 : tensor<4x1xi32, #gir.at<reg>>, tensor<4xi32, #gir.at<reg>>, tensor<4x1xi32, #gir.at<reg>>, tensor<4xi32, #gir.at<reg>>
}

// -----

// The one element may not be there: then the init is what it ends with.
// CHECK-LABEL: @scan_one_valid_stays
// CHECK-NEXT:  gir.scan
func.func @scan_one_valid_stays(%x: tensor<4x1xi32, #gir.at<reg>>, %i: tensor<4xi32, #gir.at<reg>>, %n: index) -> tensor<4xi32, #gir.at<reg>> {
  %0:2 = gir.scan %x into %i dim 1 valid [%n, %n] kinds [#vector.kind<mul>] : tensor<4x1xi32, #gir.at<reg>> into tensor<4xi32, #gir.at<reg>>
  return %0#1 : tensor<4xi32, #gir.at<reg>>
}

// -----

// The one index along a dimension of size 1 is 0. At an offset it is that, and along another dimension it counts.
// CHECK-LABEL: @iota
// CHECK-SAME:  (%[[N:.*]]: index)
// CHECK-NEXT:  %[[ZERO:.*]] = arith.constant dense<0> : tensor<4x1xindex, #gir.at<reg>>
// CHECK-NEXT:  %[[OFFSET:.*]] = gir.iota dim 1 offset(%[[N]])
// CHECK-NEXT:  %[[COUNTS:.*]] = gir.iota dim 0 : tensor<4x1x
// CHECK-NEXT:  return %[[ZERO]], %[[OFFSET]], %[[COUNTS]]
func.func @iota(%n: index) -> (tensor<4x1xindex, #gir.at<reg>>, tensor<4x1xindex, #gir.at<reg>>, tensor<4x1xindex, #gir.at<reg>>) {
  %0 = gir.iota dim 1 pass 1 : tensor<4x1xindex, #gir.at<reg>>
  %1 = gir.iota dim 1 offset(%n) : tensor<4x1xindex, #gir.at<reg>>
  %2 = gir.iota dim 0 : tensor<4x1xindex, #gir.at<reg>>
  return %0, %1, %2 : tensor<4x1xindex, #gir.at<reg>>, tensor<4x1xindex, #gir.at<reg>>, tensor<4x1xindex, #gir.at<reg>>
}

// -----

// A combiner of one op whose order nobody can tell is a kind, with its two operands either way round.
// CHECK-LABEL: @reduce_by_maximum
// CHECK:       gir.reduce {{.*}} kinds [#vector.kind<maximumf>]
// CHECK-NOT:   combiner
func.func @reduce_by_maximum(%x: tensor<4x8xf32, #gir.at<reg>>, %i: tensor<4xf32, #gir.at<reg>>) -> tensor<4xf32, #gir.at<reg>> {
  %0 = gir.reduce %x into %i dims [1] combiner {
  ^bb0(%e: f32, %a: f32):
    %1 = arith.maximumf %a, %e : f32
    gir.yield %1 : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return %0 : tensor<4xf32, #gir.at<reg>>
}

// -----

// The sum of floats keeps its order: whoever wrote a combiner may have meant it.
// CHECK-LABEL: @reduce_in_order
// CHECK:       gir.reduce {{.*}} combiner
func.func @reduce_in_order(%x: tensor<4x8xf32, #gir.at<reg>>, %i: tensor<4xf32, #gir.at<reg>>) -> tensor<4xf32, #gir.at<reg>> {
  %0 = gir.reduce %x into %i dims [1] combiner {
  ^bb0(%e: f32, %a: f32):
    %1 = arith.addf %a, %e : f32
    gir.yield %1 : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return %0 : tensor<4xf32, #gir.at<reg>>
}
