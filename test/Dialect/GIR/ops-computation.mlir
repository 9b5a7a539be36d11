// Computation as it is written: custom form, generic form and bytecode, each written and read again.
// RUN: %pf-opt %s | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --mlir-print-op-generic | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --emit-bytecode | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --verify-roundtrip -o /dev/null

!r = tensor<4x8xf32, #gir.at<reg>>
!m = tensor<4xf32, #gir.at<reg>>

// What isn't said of a combiner isn't written: it is ordered.
// CHECK-LABEL: @algebra
// CHECK:       gir.reduce %arg0 into %arg1 dims [1] combiner {
// CHECK-NEXT:  ^bb0
// CHECK:       gir.reduce %arg0 into %arg1 dims [1] valid[%arg2, %arg2] combiner <commutative> identity [1.000000e+00 : f32] {
// CHECK:       } {note} : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
func.func @algebra(%x: !r, %m: !m, %n: index) {
  %0 = gir.reduce %x into %m dims [1] combiner <ordered> {
  ^bb0(%element: f32, %accumulator: f32):
    gir.yield %element : f32
  } : !r into !m
  %1 = gir.reduce %x into %m dims [1] valid [%n, %n] combiner <commutative> identity [1.0 : f32] {
  ^bb0(%element: f32, %accumulator: f32):
    %p = arith.mulf %element, %accumulator : f32
    gir.yield %p : f32
  } {note} : !r into !m
  return
}

// One step of attention: maxima and sums of rows rescale what was summed up of the values, 64 at once.
// CHECK-LABEL: @payload
// CHECK:       %{{.*}}:3 = gir.reduce %{{.*}}, %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} dims [1] combiner <associative> identity [0xFF800000 : f32, 0.000000e+00 : f32, 0.000000e+00 : f32] {
// CHECK-NEXT:  ^bb0(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: tensor<64xf32, #gir.at<reg>>, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: tensor<64xf32, #gir.at<reg>>):
// CHECK:         gir.yield %{{.*}}, %{{.*}}, %{{.*}} : f32, f32, tensor<64xf32, #gir.at<reg>>
func.func @payload(%m: !r, %l: !r, %o: tensor<4x8x64xf32, #gir.at<reg>>, %mi: !m, %li: !m, %oi: tensor<4x64xf32, #gir.at<reg>>) {
  %r:3 = gir.reduce %m, %l, %o into %mi, %li, %oi dims [1] combiner <associative> identity [0xFF800000 : f32, 0.0 : f32, 0.0 : f32] {
  ^bb0(%m0: f32, %l0: f32, %o0: tensor<64xf32, #gir.at<reg>>, %m1: f32, %l1: f32, %o1: tensor<64xf32, #gir.at<reg>>):
    %mm = arith.maximumf %m0, %m1 : f32
    %d0 = arith.subf %m0, %mm : f32
    %d1 = arith.subf %m1, %mm : f32
    %a0 = math.exp %d0 : f32
    %a1 = math.exp %d1 : f32
    %b0 = arith.mulf %l0, %a0 : f32
    %b1 = arith.mulf %l1, %a1 : f32
    %ll = arith.addf %b0, %b1 : f32
    %t0 = tensor.splat %a0 : tensor<64xf32, #gir.at<reg>>
    %t1 = tensor.splat %a1 : tensor<64xf32, #gir.at<reg>>
    %u0 = arith.mulf %o0, %t0 : tensor<64xf32, #gir.at<reg>>
    %u1 = arith.mulf %o1, %t1 : tensor<64xf32, #gir.at<reg>>
    %oo = arith.addf %u0, %u1 : tensor<64xf32, #gir.at<reg>>
    gir.yield %mm, %ll, %oo : f32, f32, tensor<64xf32, #gir.at<reg>>
  } : !r, !r, tensor<4x8x64xf32, #gir.at<reg>> into !m, !m, tensor<4x64xf32, #gir.at<reg>>
  return
}

// Kinds fold payload element by element.
// CHECK-LABEL: @payload_kinds
// CHECK:       gir.reduce %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}} dims [1] kinds [#vector.kind<add>, #vector.kind<maximumf>]
func.func @payload_kinds(%x: !r, %y: tensor<4x8x2xbf16, #gir.at<reg>>, %m: !m, %n: tensor<4x2xbf16, #gir.at<reg>>) {
  %0:2 = gir.reduce %x, %y into %m, %n dims [1] kinds [#vector.kind<add>, #vector.kind<maximumf>] : !r, tensor<4x8x2xbf16, #gir.at<reg>> into !m, tensor<4x2xbf16, #gir.at<reg>>
  return
}

// All that was combined comes first, then what it ends with; wider accumulators give wider results.
// CHECK-LABEL: @scan
// CHECK:       %{{.*}}, %{{.*}} = gir.scan %arg0 into %arg1 dim 1 kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
// CHECK:       gir.scan %arg0 into %arg1 dim 1 exclusive reverse valid[%arg2, %arg2] kinds [#vector.kind<maximumf>] {note} :
// CHECK:       %{{.*}}:2, %{{.*}}:2 = gir.scan %arg3, %arg0 into %arg1, %arg1 dim 1 reverse combiner {
// CHECK:       return %{{.*}}#0, %{{.*}}#1, %{{.*}}#0, %{{.*}}#1 : tensor<4x8xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
func.func @scan(%x: !r, %m: !m, %n: index, %h: tensor<4x8xf16, #gir.at<reg>>) -> (!r, !r, !m, !m) {
  %0, %1 = gir.scan %x into %m dim 1 kinds [#vector.kind<add>] : !r into !m
  %2, %3 = gir.scan %x into %m dim 1 exclusive reverse valid [%n, %n] kinds [#vector.kind<maximumf>] {note} : !r into !m
  %4:2, %5:2 = gir.scan %h, %x into %m, %m dim 1 reverse combiner {
  ^bb0(%a: f16, %b: f32, %s: f32, %t: f32):
    %w = arith.extf %a : f16 to f32
    %u = arith.addf %w, %s : f32
    gir.yield %u, %b : f32, f32
  } : tensor<4x8xf16, #gir.at<reg>>, !r into !m, !m
  return %4#0, %4#1, %5#0, %5#1 : !r, !r, !m, !m
}

// CHECK-LABEL: @all_reduce
// CHECK:       gir.all_reduce <group> %{{.*}}, %{{.*}} kinds [#vector.kind<add>, #vector.kind<maximumf>] : tensor<1xf32, #gir.at<reg>>, tensor<1xf32, #gir.at<reg>>
// CHECK:       gir.all_reduce <cluster> %{{.*}} combiner <associative> identity [0.000000e+00 : f32] {
func.func @all_reduce(%y: memref<8xf32>) {
  gir.kernel "total" (%b = %y : memref<8xf32>) -> () {
    %n = arith.constant 8 : index
    gir.parallel <unit> (%u) in (%n) {
      %t = gir.load %b[%u] : memref<8xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<reg>>
      %0:2 = gir.all_reduce <group> %t, %t kinds [#vector.kind<add>, #vector.kind<maximumf>] : tensor<1xf32, #gir.at<reg>>, tensor<1xf32, #gir.at<reg>>
      %1 = gir.all_reduce <cluster> %t combiner <associative> identity [0.0 : f32] {
      ^bb0(%element: f32, %accumulator: f32):
        %s = arith.addf %element, %accumulator : f32
        gir.yield %s : f32
      } : tensor<1xf32, #gir.at<reg>>
    }
  }
  return
}

#lhs = affine_map<(b, m, n, k) -> (b, m, k)>
#rhs = affine_map<(b, m, n, k) -> (k, n)>
#acc = affine_map<(b, m, n, k) -> (b, n, m)>

// Operands may be in different spaces, sizes dynamic, elements narrower than the sum.
// CHECK-LABEL: @contract
// CHECK:       gir.contract %arg0, %arg1 into %arg2 maps [#{{.*}}, #{{.*}}, #{{.*}}] : tensor<2x?x16xf8E4M3FN, #gir.at<reg>>, tensor<16x8xbf16, #gir.at<reg, space = "wram">> into tensor<2x8x?xf32, #gir.at<reg>>
// CHECK:       gir.contract %arg3, %arg3 into %arg4 maps [#{{.*}}, #{{.*}}, #{{.*}}] unsigned valid[%arg5] {note} : tensor<8xi8, #gir.at<reg>>, tensor<8xi8, #gir.at<reg>> into tensor<i32, #gir.at<reg>>
func.func @contract(%a: tensor<2x?x16xf8E4M3FN, #gir.at<reg>>, %b: tensor<16x8xbf16, #gir.at<reg, space = "wram">>,
                    %c: tensor<2x8x?xf32, #gir.at<reg>>, %x: tensor<8xi8, #gir.at<reg>>, %s: tensor<i32, #gir.at<reg>>, %n: index) {
  %0 = gir.contract %a, %b into %c maps [#lhs, #rhs, #acc] : tensor<2x?x16xf8E4M3FN, #gir.at<reg>>, tensor<16x8xbf16, #gir.at<reg, space = "wram">> into tensor<2x8x?xf32, #gir.at<reg>>
  %1 = gir.contract %x, %x into %s maps [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>] unsigned valid [%n] {note} : tensor<8xi8, #gir.at<reg>>, tensor<8xi8, #gir.at<reg>> into tensor<i32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @iota
// CHECK:       gir.iota dim 1 offset(%arg0) sizes(%arg0) : tensor<4x?xindex, #gir.at<reg>>
// CHECK:       gir.iota dim 0 pass 1 : tensor<4xindex, #gir.at<reg>>
func.func @iota(%n: index) {
  %0 = gir.iota dim 1 pass 0 offset(%n) sizes(%n) : tensor<4x?xindex, #gir.at<reg>>
  %1 = gir.iota dim 0 pass 1 : tensor<4xindex, #gir.at<reg>>
  return
}
