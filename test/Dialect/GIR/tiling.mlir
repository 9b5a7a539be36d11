// GIR's ops under upstream's tiling: transforms of `structured` ask TilingInterface, and know nothing of GIR.
// RUN: %pf-opt %s --transform-interpreter --canonicalize --cse --split-input-file | FileCheck %s

// A contraction's operands lose what their maps lack; its accumulator is carried by the loops.
// CHECK-LABEL: func.func @contract
// CHECK:       scf.for %[[M:.*]] = %{{.*}} to %c4 step %c2
// CHECK:         scf.for %[[N:.*]] = %{{.*}} to %c9 step %c3
// CHECK:           scf.for %[[K:.*]] = %{{.*}} to %c16 step %c4 iter_args(%[[C:.*]] = %{{.*}})
// CHECK-NEXT:        %[[A:.*]] = tensor.extract_slice %arg0[%[[M]], %[[K]]] [2, 4] [1, 1]
// CHECK-NEXT:        %[[B:.*]] = tensor.extract_slice %arg1[%[[K]], %[[N]]] [4, 3] [1, 1]
// CHECK-NEXT:        %[[T:.*]] = tensor.extract_slice %[[C]][%[[M]], %[[N]]] [2, 3] [1, 1]
// CHECK-NEXT:        %[[Y:.*]] = gir.contract %[[A]], %[[B]] into %[[T]] {{.*}} : tensor<2x4xf32, #gir.at<reg>>, tensor<4x3xf32, #gir.at<reg>> into tensor<2x3xf32, #gir.at<reg>>
// CHECK-NEXT:        tensor.insert_slice %[[Y]] into %[[C]][%[[M]], %[[N]]] [2, 3] [1, 1]
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.contract"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops:3 = transform.structured.tile_using_for %op tile_sizes [2, 3, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @contract(%a: tensor<4x16xf32, #gir.at<reg>>, %b: tensor<16x9xf32, #gir.at<reg>>, %c: tensor<4x9xf32, #gir.at<reg>>) -> tensor<4x9xf32, #gir.at<reg>> {
    %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : tensor<4x16xf32, #gir.at<reg>>, tensor<16x9xf32, #gir.at<reg>> into tensor<4x9xf32, #gir.at<reg>>
    return %0 : tensor<4x9xf32, #gir.at<reg>>
  }
}

// -----

// Dynamic sizes are those of the operands; the last tile is what is left. A combiner comes along.
// CHECK-LABEL: func.func @reduce
// CHECK:       %[[N:.*]] = tensor.dim %{{.*}}, %c0
// CHECK:       scf.for %[[I:.*]] = %c0 to %[[N]] step %c4
// CHECK-NEXT:    %[[S:.*]] = affine.min #{{.*}}(%[[I]])[%[[N]]]
// CHECK-NEXT:    %[[X:.*]] = tensor.extract_slice %arg0[%[[I]], 0] [%[[S]], 8] [1, 1]
// CHECK-NEXT:    %[[P:.*]] = tensor.extract_slice %arg1[%[[I]], 0, 0] [%[[S]], 8, 5] [1, 1, 1]
// CHECK:         gir.reduce %[[X]], %[[P]] into %{{.*}}, %{{.*}} dims [1] combiner {
// CHECK-NEXT:    ^bb0(%{{.*}}: f32, %{{.*}}: tensor<5xf32, #gir.at<reg>>, %{{.*}}: f32, %{{.*}}: tensor<5xf32, #gir.at<reg>>):
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.reduce"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.tile_using_for %op tile_sizes [4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @reduce(%x: tensor<?x8xf32, #gir.at<reg>>, %p: tensor<?x8x5xf32, #gir.at<reg>>, %m: tensor<?xf32, #gir.at<reg>>, %q: tensor<?x5xf32, #gir.at<reg>>) -> (tensor<?xf32, #gir.at<reg>>, tensor<?x5xf32, #gir.at<reg>>) {
    %0:2 = gir.reduce %x, %p into %m, %q dims [1] combiner {
    ^bb0(%e: f32, %f: tensor<5xf32, #gir.at<reg>>, %a: f32, %b: tensor<5xf32, #gir.at<reg>>):
      gir.yield %e, %f : f32, tensor<5xf32, #gir.at<reg>>
    } : tensor<?x8xf32, #gir.at<reg>>, tensor<?x8x5xf32, #gir.at<reg>> into tensor<?xf32, #gir.at<reg>>, tensor<?x5xf32, #gir.at<reg>>
    return %0#0, %0#1 : tensor<?xf32, #gir.at<reg>>, tensor<?x5xf32, #gir.at<reg>>
  }
}

// -----

// Pooling, fused: a tile of 4 places needs 6 of the padded row, and these are clipped to what there is.
// CHECK-LABEL: func.func @halo
// CHECK:       scf.for %[[I:.*]] = %c0 to %c16 step %c4
// CHECK:         %[[X:.*]] = tensor.extract_slice %arg0[%{{.*}}] [%{{.*}}] [1] : tensor<16xf32, #gir.at<reg>> to tensor<?xf32, #gir.at<reg>>
// CHECK-NEXT:    %[[P:.*]] = gir.pad %[[X]] low [%{{.*}}] high [%{{.*}}] value %arg1 : tensor<?xf32, #gir.at<reg>> -> tensor<6xf32, #gir.at<reg>>
// CHECK-NEXT:    %[[W:.*]] = gir.window %[[P]] dims [0] sizes [3] strides [1] dilations [1] : tensor<6xf32, #gir.at<reg>> -> tensor<4x3xf32, #gir.at<reg>>
// CHECK:         gir.reduce %[[W]] into %{{.*}} dims [1] kinds [#vector.kind<maximumf>] : tensor<4x3xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.reduce"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.fuse %op tile_sizes [4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @halo(%x: tensor<16xf32, #gir.at<reg>>, %v: f32, %m: tensor<16xf32, #gir.at<reg>>) -> tensor<16xf32, #gir.at<reg>> {
    %0 = gir.pad %x low [1] high [1] value %v : tensor<16xf32, #gir.at<reg>> -> tensor<18xf32, #gir.at<reg>>
    %1 = gir.window %0 dims [0] sizes [3] strides [1] dilations [1] : tensor<18xf32, #gir.at<reg>> -> tensor<16x3xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %m dims [1] kinds [#vector.kind<maximumf>] : tensor<16x3xf32, #gir.at<reg>> into tensor<16xf32, #gir.at<reg>>
    return %2 : tensor<16xf32, #gir.at<reg>>
  }
}

// -----

// A chain of views, fused: x[j, 2 i + 1] over rows i of what is summed up, shifted and repeated.
// CHECK-LABEL: func.func @views
// CHECK:       scf.for %[[I:.*]] = %c0 to %c8 step %c2
// CHECK:         %[[O:.*]] = affine.apply
// CHECK:         %[[X:.*]] = tensor.extract_slice %arg0[0, %[[O]]] [6, 3] [1, 1] : tensor<6x17xf32, #gir.at<reg>> to tensor<6x3xf32, #gir.at<reg>>
// CHECK-NEXT:    %[[S:.*]] = gir.slice %[[X]] [0, 0] [6, 2] [1, 2] : tensor<6x3xf32, #gir.at<reg>> -> tensor<6x2xf32, #gir.at<reg>>
// CHECK-NEXT:    %[[P:.*]] = gir.permute %[[S]] [1, 0]
// CHECK-NEXT:    %[[R:.*]] = gir.reshape %[[P]] : tensor<2x6xf32, #gir.at<reg>> -> tensor<2x2x3xf32, #gir.at<reg>>
// CHECK-NEXT:    %[[B:.*]] = gir.broadcast %[[R]] dims [3] pass 1 : tensor<2x2x3xf32, #gir.at<reg>> -> tensor<2x2x3x5xf32, #gir.at<reg>>
// CHECK:         gir.reduce %[[B]] into %{{.*}} dims [1, 2, 3]
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.reduce"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.fuse %op tile_sizes [2, 0, 0, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @views(%x: tensor<6x17xf32, #gir.at<reg>>, %m: tensor<8xf32, #gir.at<reg>>) -> tensor<8xf32, #gir.at<reg>> {
    %0 = gir.slice %x [0, 1] [6, 8] [1, 2] : tensor<6x17xf32, #gir.at<reg>> -> tensor<6x8xf32, #gir.at<reg>>
    %1 = gir.permute %0 [1, 0] : tensor<6x8xf32, #gir.at<reg>> -> tensor<8x6xf32, #gir.at<reg>>
    %2 = gir.reshape %1 : tensor<8x6xf32, #gir.at<reg>> -> tensor<8x2x3xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [3] pass 1 : tensor<8x2x3xf32, #gir.at<reg>> -> tensor<8x2x3x5xf32, #gir.at<reg>>
    %4 = gir.reduce %3 into %m dims [1, 2, 3] kinds [#vector.kind<add>] : tensor<8x2x3x5xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    return %4 : tensor<8xf32, #gir.at<reg>>
  }
}

// -----

// Of rows side by side each gives its part of the tile; indices start at the tile's place.
// CHECK-LABEL: func.func @concat_iota
// CHECK:       scf.for %[[I:.*]] = %c0 to %c8 step %c2
// CHECK-DAG:     %[[A:.*]] = tensor.extract_slice %arg0[%[[I]], 0] [2, 3] [1, 1]
// CHECK-DAG:     %[[B:.*]] = tensor.extract_slice %arg1[%[[I]], 0] [2, 4] [1, 1]
// CHECK:         gir.concat %[[A]], %[[B]] dim 1 : (tensor<2x3xindex, #gir.at<reg>>, tensor<2x4xindex, #gir.at<reg>>) -> tensor<2x7xindex, #gir.at<reg>>
// CHECK:         gir.iota dim 0 offset(%[[I]]) : tensor<2x7xindex, #gir.at<reg>>
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.reduce"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.fuse %op tile_sizes [2, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @concat_iota(%a: tensor<8x3xindex, #gir.at<reg>>, %b: tensor<8x4xindex, #gir.at<reg>>, %m: tensor<8xindex, #gir.at<reg>>) -> (tensor<8xindex, #gir.at<reg>>, tensor<8xindex, #gir.at<reg>>) {
    %0 = gir.concat %a, %b dim 1 : (tensor<8x3xindex, #gir.at<reg>>, tensor<8x4xindex, #gir.at<reg>>) -> tensor<8x7xindex, #gir.at<reg>>
    %1 = gir.iota dim 0 : tensor<8x7xindex, #gir.at<reg>>
    %2:2 = gir.reduce %0, %1 into %m, %m dims [1] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<8x7xindex, #gir.at<reg>>, tensor<8x7xindex, #gir.at<reg>> into tensor<8xindex, #gir.at<reg>>, tensor<8xindex, #gir.at<reg>>
    return %2#0, %2#1 : tensor<8xindex, #gir.at<reg>>, tensor<8xindex, #gir.at<reg>>
  }
}

// -----

// Rows of a scan are scans of rows; along its own dimension it is made whole. A gather reads its table anywhere.
// CHECK-LABEL: func.func @scan_gather
// CHECK:       scf.for %[[I:.*]] = %c0 to %c8 step %c2
// CHECK:         %[[J:.*]] = tensor.extract_slice %arg1[%[[I]], 0] [2, 7] [1, 1]
// CHECK-NEXT:    %[[G:.*]] = gir.gather %arg0[%[[J]]] : {{.*}} -> tensor<2x7xf32, #gir.at<reg>>
// CHECK:         %[[Y:.*]], %{{.*}} = gir.scan %[[G]] into %{{.*}} dim 1 reverse kinds [#vector.kind<add>] : tensor<2x7xf32, #gir.at<reg>> into tensor<2xf32, #gir.at<reg>>
// CHECK:         gir.reduce %[[Y]]
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.reduce"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.fuse %op tile_sizes [2, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @scan_gather(%t: tensor<9xf32, #gir.at<dram>>, %i: tensor<8x7xindex, #gir.at<reg>>, %m: tensor<8xf32, #gir.at<reg>>) -> tensor<8xf32, #gir.at<reg>> {
    %0 = gir.gather %t[%i] : tensor<9xf32, #gir.at<dram>>[tensor<8x7xindex, #gir.at<reg>>] -> tensor<8x7xf32, #gir.at<reg>>
    %1, %2 = gir.scan %0 into %m dim 1 reverse kinds [#vector.kind<add>] : tensor<8x7xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    %3 = gir.reduce %1 into %m dims [1] kinds [#vector.kind<maximumf>] : tensor<8x7xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    return %3 : tensor<8xf32, #gir.at<reg>>
  }
}

// -----

// A reshape whose tile isn't one box of its operand stays outside of the loop.
// CHECK-LABEL: func.func @out_of_step_stays
// CHECK:       gir.reshape %arg0 : tensor<4x6xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<reg>>
// CHECK:       scf.for
// CHECK-NOT:     gir.reshape
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gir.reduce"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.fuse %op tile_sizes [1, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @out_of_step_stays(%x: tensor<4x6xf32, #gir.at<reg>>, %m: tensor<3xf32, #gir.at<reg>>) -> tensor<3xf32, #gir.at<reg>> {
    %0 = gir.reshape %x : tensor<4x6xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %m dims [1] kinds [#vector.kind<add>] : tensor<3x8xf32, #gir.at<reg>> into tensor<3xf32, #gir.at<reg>>
    return %1 : tensor<3xf32, #gir.at<reg>>
  }
}
