// Custom form, generic form and bytecode, each written and read again: nothing is lost on the way.
// RUN: %pf-opt %s | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --mlir-print-op-generic | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --emit-bytecode | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --verify-roundtrip -o /dev/null

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @at
// CHECK-SAME:  tensor<4x256xf32, #gir.at<dram>>
// CHECK-SAME:  tensor<4x256xf32, #gir.at<sram>>
// CHECK-SAME:  tensor<4x256xf32, #gir.at<reg, space = "nram">>
// CHECK-SAME:  memref<?x8xf32, strided<[?, 1]>, #gir.at<sram, space = "shared memory">>
func.func @at(%a: tensor<4x256xf32, #gir.at<dram>>, %b: tensor<4x256xf32, #gir.at<sram>>,
              %c: tensor<4x256xf32, #gir.at<reg, space = "nram">>,
              %d: memref<?x8xf32, strided<[?, 1]>, #gir.at<sram, space = "shared memory">>) {
  return
}

// CHECK-LABEL: @lanes
// CHECK-SAME:  attributes {lanes = #gir.lanes<[32], [4]>}
// A dynamic size is not held against the layout; either order of space and layout is read.
// CHECK:       tensor<?x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>
// CHECK:       tensor<1x256xf32, #gir.at<reg, space = "nram", layout = <[1, 32], [1, 4]>>>
func.func @lanes() attributes {lanes = #gir.lanes<[32], [4]>} {
  %0, %1 = builtin.unrealized_conversion_cast to
      tensor<?x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>,
      tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>, space = "nram">>
  return
}

// Names that are no keywords are strings; without sweep there is none.
// CHECK-LABEL: @nest
// CHECK-SAME:  a = #gir.nest<[r = 4096 : 64 : 64 : 1, c = ? : 1024 : 1024 : 64 upto 65536], sweep = [c]>
// CHECK-SAME:  b = #gir.nest<["the rows" = 0 : 1 : 1 : 1, c = ? : 8 : 4 : 2]>
// CHECK-SAME:  c = #gir.nest<[r = 5 : 3 : 2 : 1, c = 1 : 1 : 1 : 1], sweep = [c, r]>
func.func @nest() attributes {
  a = #gir.nest<[r = 4096 : 64 : 64 : 1, c = ? : 1024 : 1024 : 64 upto 65536], sweep = [c]>,
  b = #gir.nest<["the rows" = 0 : 1 : 1 : 1, "c" = ? : 8 : 4 : 2], sweep = []>,
  c = #gir.nest<[r = 5 : 3 : 2 : 1, c = 1 : 1 : 1 : 1], sweep = [c, r]>
} {
  return
}

// CHECK-LABEL: @token
// CHECK-SAME:  (%{{.*}}: !gir.token, %{{.*}}: tuple<!gir.token>)
func.func @token(%t: !gir.token, %u: tuple<!gir.token>) {
  return
}

// CHECK-LABEL: @scope
// CHECK-SAME:  [#gir.scope<device>, #gir.scope<cluster>, #gir.scope<group>, #gir.scope<unit>]
func.func @scope() attributes {scopes = [#gir.scope<device>, #gir.scope<cluster>, #gir.scope<group>, #gir.scope<unit>]} {
  return
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @kernel
// CHECK:       %[[Y:.*]] = gir.kernel "absolute" (%[[A:.*]] = %arg0 : tensor<?x8xf32>, %{{.*}} = %arg1 : index)
// CHECK-SAME:    sizes(%arg1) -> (tensor<?x8xf32>) {
// CHECK:         gir.move %[[A]] : tensor<?x8xf32, #gir.at<dram>>
// CHECK:         gir.return %{{.*}} : tensor<?x8xf32, #gir.at<dram>>
// CHECK:       return %[[Y]]
func.func @kernel(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  %y = gir.kernel "absolute" (%a = %x : tensor<?x8xf32>, %m = %n : index) sizes(%n) -> (tensor<?x8xf32>) {
    %0 = gir.move %a : tensor<?x8xf32, #gir.at<dram>> -> tensor<?x8xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<?x8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<?x8xf32, #gir.at<reg>> -> tensor<?x8xf32, #gir.at<dram>>
    gir.return %2 : tensor<?x8xf32, #gir.at<dram>>
  }
  return %y : tensor<?x8xf32>
}

// Several results, each with its own dynamic sizes, in order.
// CHECK-LABEL: @kernel_results
// CHECK:       %{{.*}}:2 = gir.kernel "pair" ({{.*}}) sizes(%arg1, %arg2) -> (tensor<?xf32>, tensor<4x?xf32>)
// CHECK:         gir.return %{{.*}}, %{{.*}} : tensor<?xf32, #gir.at<dram>>, tensor<4x?xf32, #gir.at<dram>>
func.func @kernel_results(%x: tensor<?xf32>, %n: index, %m: index, %y: tensor<4x?xf32>) -> (tensor<?xf32>, tensor<4x?xf32>) {
  %0:2 = gir.kernel "pair" (%a = %x : tensor<?xf32>, %b = %y : tensor<4x?xf32>) sizes(%n, %m) -> (tensor<?xf32>, tensor<4x?xf32>) {
    gir.return %a, %b : tensor<?xf32, #gir.at<dram>>, tensor<4x?xf32, #gir.at<dram>>
  }
  return %0#0, %0#1 : tensor<?xf32>, tensor<4x?xf32>
}

// A memref keeps its layout; what has a memory space, an encoding or no shape comes in as it is.
// CHECK-LABEL: @kernel_inputs
// CHECK:       gir.kernel "inputs" (%[[A:.*]] = %arg0 : memref<4xf32, strided<[2], offset: ?>>, %[[B:.*]] = %arg1 : memref<4xf32, 3>,
// CHECK-SAME:    %[[C:.*]] = %arg2 : tensor<4xf32, "coo">, %[[D:.*]] = %arg3 : f32) -> ()
// CHECK:         call @use(%[[A]], %[[B]], %[[C]], %[[D]]) :
// CHECK-SAME:      (memref<4xf32, strided<[2], offset: ?>, #gir.at<dram>>, memref<4xf32, 3>, tensor<4xf32, "coo">, f32)
func.func @kernel_inputs(%a: memref<4xf32, strided<[2], offset: ?>>, %b: memref<4xf32, 3>, %c: tensor<4xf32, "coo">, %d: f32) {
  gir.kernel "inputs" (%e = %a : memref<4xf32, strided<[2], offset: ?>>, %f = %b : memref<4xf32, 3>,
                       %g = %c : tensor<4xf32, "coo">, %h = %d : f32) -> () {
    func.call @use(%e, %f, %g, %h) : (memref<4xf32, strided<[2], offset: ?>, #gir.at<dram>>, memref<4xf32, 3>, tensor<4xf32, "coo">, f32) -> ()
    gir.return
  }
  return
}
func.func private @use(memref<4xf32, strided<[2], offset: ?>, #gir.at<dram>>, memref<4xf32, 3>, tensor<4xf32, "coo">, f32)

// An empty body ends by itself; attributes are kept; without a name a kernel is called "kernel".
// CHECK-LABEL: @kernel_empty
// CHECK:       gir.kernel "say \22hi\22" () -> () attributes {note = 1 : i32} {
// CHECK-NEXT:    gir.return
// CHECK-NEXT:  }
// CHECK-NEXT:  gir.kernel "kernel" () -> () {
func.func @kernel_empty() {
  gir.kernel "say \"hi\"" () -> () attributes {note = 1 : i32} {
  }
  "gir.kernel"() <{operandSegmentSizes = array<i32: 0, 0>}> ({
    "gir.return"() : () -> ()
  }) : () -> ()
  return
}

// CHECK-LABEL: @parallel
// CHECK:       gir.parallel <group> (%[[I:.*]], %[[J:.*]]) in (%[[N:.*]], %{{.*}}) {
// CHECK:         gir.parallel <unit> (%{{.*}}) in (%[[N]]) attributes {note = "kept"} {
// CHECK:           gir.store %{{.*}}, %{{.*}}[%[[I]]]
func.func @parallel(%y: memref<8xf32>, %n: index, %m: index, %v: f32) {
  gir.kernel "fill" (%b = %y : memref<8xf32>, %k = %n : index, %l = %m : index, %c = %v : f32) -> () {
    gir.parallel <group> (%i, %j) in (%k, %l) {
      gir.parallel <unit> (%u) in (%k) attributes {note = "kept"} {
        %t = tensor.splat %c : tensor<1xf32, #gir.at<reg>>
        gir.store %t, %b[%i] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
      }
    }
  }
  return
}

// No counts: one instance.
// CHECK-LABEL: @parallel_once
// CHECK:       gir.parallel <device> () in () {
// CHECK-NEXT:  }
func.func @parallel_once() {
  gir.kernel "once" () -> () {
    gir.parallel <device> () in () {
      gir.yield
    }
  }
  return
}

// A placed kernel, with attributes beside its nest: the maximum of a row is kept for a second pass over it.
// CHECK-LABEL: @kernel_nest
// CHECK:       gir.kernel "center" (%[[A:.*]] = %arg0 : tensor<?x512xf32>, %{{.*}} = %arg1 : f32) sizes(%arg2)
// CHECK-SAME:    nest <[r = ? : 8 : 4 : 1, c = 512 : 512 : 512 : 64], sweep = [c]> -> (tensor<?x512xf32>) attributes {note} {
// CHECK:         gir.move %[[A]] over ["r", "c"] : tensor<?x512xf32, #gir.at<dram>> -> tensor<?x512xf32, #gir.at<sram>>
// CHECK:         gir.move %{{.*}} pass 1 : tensor<?x512xf32, #gir.at<sram>>
// CHECK:         gir.move %{{.*}} pass 1 over ["r", "c"] :
func.func @kernel_nest(%x: tensor<?x512xf32>, %v: f32, %n: index) -> tensor<?x512xf32> {
  %y = gir.kernel "center" (%a = %x : tensor<?x512xf32>, %w = %v : f32) sizes(%n)
      nest <[r = ? : 8 : 4 : 1, c = 512 : 512 : 512 : 64], sweep = [c]> -> (tensor<?x512xf32>) attributes {note} {
    %one = arith.constant 1 : index
    %rows = tensor.dim %a, %one : tensor<?x512xf32, #gir.at<dram>>
    %i = tensor.splat %w[%rows] : tensor<?xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<?x512xf32, #gir.at<dram>> -> tensor<?x512xf32, #gir.at<sram>>
    %1 = gir.move %0 : tensor<?x512xf32, #gir.at<sram>> -> tensor<?x512xf32, #gir.at<reg>>
    %m = gir.reduce %1 into %i dims [1] kinds [#vector.kind<maximumf>] : tensor<?x512xf32, #gir.at<reg>> into tensor<?xf32, #gir.at<reg>>
    %2 = gir.move %0 pass 1 : tensor<?x512xf32, #gir.at<sram>> -> tensor<?x512xf32, #gir.at<reg>>
    %b = gir.broadcast %m dims [1] pass 1 : tensor<?xf32, #gir.at<reg>> -> tensor<?x512xf32, #gir.at<reg>>
    %3 = arith.subf %2, %b : tensor<?x512xf32, #gir.at<reg>>
    %4 = gir.move %3 pass 1 over ["r", "c"] : tensor<?x512xf32, #gir.at<reg>> -> tensor<?x512xf32, #gir.at<dram>>
    gir.return %4 : tensor<?x512xf32, #gir.at<dram>>
  }
  return %y : tensor<?x512xf32>
}

// Values of a row's end meet others of a row, stay to the end of the kernel, and may be stored as they are.
// CHECK-LABEL: @kernel_nest_of_row_values
func.func @kernel_nest_of_row_values(%x: tensor<4x8xf32>, %v: f32) -> tensor<4xf32> {
  %y = gir.kernel "sum" (%a = %x : tensor<4x8xf32>, %w = %v : f32)
      nest <[r = 4 : 4 : 2 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> (tensor<4xf32>) {
    %i = tensor.splat %w : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %s = gir.reduce %0 into %i dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %1 = arith.mulf %s, %i : tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 over ["r"] : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  return %y : tensor<4xf32>
}

// CHECK-LABEL: @extern
// CHECK:       %{{.*}} = gir.extern "blas.scopy" (%[[A:.*]] = %arg0 : tensor<?xf32>) sizes(%arg1) -> (tensor<?xf32>) attributes {note} {
// CHECK:         gir.return %[[A]]
// CHECK:       gir.extern "nothing" () -> () attributes {nest = 1 : i32} {
func.func @extern(%x: tensor<?xf32>, %n: index) {
  %0 = gir.extern "blas.scopy" (%a = %x : tensor<?xf32>) sizes(%n) -> (tensor<?xf32>) attributes {note} {
    gir.return %a : tensor<?xf32, #gir.at<dram>>
  }
  gir.extern "nothing" () -> () attributes {nest = 1 : i32} {
  }
  return
}

// CHECK-LABEL: func private @launched
func.func private @launched(%x: memref<8xf32>, %y: memref<8xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>) -> () {
  }
  return
}
func.func private @launched_tensor(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: @launch
// CHECK:       gir.launch @launched(%arg0, %arg1) : (memref<8xf32>, memref<8xf32>) -> ()
// CHECK:       gir.launch @launched(%arg0, %arg0) shares {{\[\[}}1, 0]] {note} : (memref<8xf32>, memref<8xf32>) -> ()
// CHECK:       %{{.*}} = gir.launch @launched_tensor(%arg2) : (tensor<8xf32>) -> tensor<8xf32>
func.func @launch(%x: memref<8xf32>, %y: memref<8xf32>, %t: tensor<8xf32>) {
  gir.launch @launched(%x, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  gir.launch @launched(%x, %x) shares [[1, 0]] {note} : (memref<8xf32>, memref<8xf32>) -> ()
  %0 = gir.launch @launched_tensor(%t) : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// CHECK-LABEL: @alternatives
// CHECK:       %{{.*}}:2 = gir.alternatives -> (f32, index) {
// CHECK-NEXT:    gir.yield %arg0, %arg1 : f32, index
// CHECK-NEXT:  } or {
// CHECK:         gir.yield %{{.*}}, %arg1 : f32, index
// CHECK-NEXT:  }
// CHECK:       gir.alternatives -> () attributes {note} {
// CHECK:         gir.alternatives -> (tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<dram>>) {
func.func @alternatives(%x: f32, %n: index, %t: tensor<8xf32>) {
  %0:2 = gir.alternatives -> (f32, index) {
    gir.yield %x, %n : f32, index
  } or {
    %1 = arith.negf %x : f32
    %2 = arith.negf %1 : f32
    gir.yield %2, %n : f32, index
  }
  gir.alternatives -> () attributes {note} {
    gir.yield
  }
  gir.kernel "k" (%a = %t : tensor<8xf32>) -> () {
    %1:2 = gir.alternatives -> (tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<dram>>) {
      %2 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
      gir.yield %2, %a : tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<dram>>
    }
  }
  return
}

// CHECK-LABEL: @sync
// CHECK:         gir.sync <group>
// CHECK-NEXT:    gir.sync <cluster> {note}
func.func @sync(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <cluster> (%c) in (%k) {
      gir.parallel <group> (%g) in (%k) {
        gir.parallel <unit> (%u) in (%k) {
          scf.for %i = %c to %k step %k {
            gir.sync <group>
            gir.sync <cluster> {note}
          }
        }
      }
    }
  }
  return
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @permute
// CHECK:       gir.permute %{{.*}} [2, 0, 1] : tensor<4x?x8xf32, #gir.at<dram>> -> tensor<8x4x?xf32, #gir.at<dram>>
// CHECK:       gir.permute %{{.*}} [] : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
func.func @permute(%x: tensor<4x?x8xf32, #gir.at<dram>>, %s: tensor<f32, #gir.at<reg>>) {
  %0 = gir.permute %x [2, 0, 1] : tensor<4x?x8xf32, #gir.at<dram>> -> tensor<8x4x?xf32, #gir.at<dram>>
  %1 = gir.permute %s [] : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @broadcast
// CHECK:       gir.broadcast %{{.*}} dims [0, 2] sizes(%arg2) : tensor<?xf32, #gir.at<reg>> -> tensor<4x?x?xf32, #gir.at<reg>>
// CHECK:       gir.broadcast %{{.*}} dims [0] : tensor<f32, #gir.at<reg>> -> tensor<4xf32, #gir.at<reg>>
// CHECK:       gir.broadcast %{{.*}} dims [] : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
func.func @broadcast(%v: tensor<?xf32, #gir.at<reg>>, %s: tensor<f32, #gir.at<reg>>, %n: index) {
  %0 = gir.broadcast %v dims [0, 2] sizes(%n) : tensor<?xf32, #gir.at<reg>> -> tensor<4x?x?xf32, #gir.at<reg>>
  %1 = gir.broadcast %s dims [0] : tensor<f32, #gir.at<reg>> -> tensor<4xf32, #gir.at<reg>>
  %2 = gir.broadcast %s dims [] : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @slice
// CHECK:       gir.slice %arg0 [%arg2, 0] [1, 4] [1, 2] drop [0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
// CHECK:       gir.slice %arg0 [%arg2, %arg3] [%arg3, 3] [1, %arg2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<?x3xf32, #gir.at<dram>>
// CHECK:       gir.slice %arg1 [] [] [] : tensor<f32, #gir.at<dram>> -> tensor<f32, #gir.at<dram>>
// Backwards, and an empty box where it likes to be.
// CHECK:       gir.slice %arg0 [3, 0] [4, 8] [-1, 1] : tensor
// CHECK:       gir.slice %arg0 [9, 0] [0, 8] [1, 1] : tensor
func.func @slice(%x: tensor<4x8xf32, #gir.at<dram>>, %s: tensor<f32, #gir.at<dram>>, %o: index, %n: index) {
  %0 = gir.slice %x [%o, 0] [1, 4] [1, 2] drop [0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
  %1 = gir.slice %x [%o, %n] [%n, 3] [1, %o] : tensor<4x8xf32, #gir.at<dram>> -> tensor<?x3xf32, #gir.at<dram>>
  %2 = gir.slice %s [] [] [] : tensor<f32, #gir.at<dram>> -> tensor<f32, #gir.at<dram>>
  %3 = gir.slice %x [3, 0] [4, 8] [-1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<dram>>
  %4 = gir.slice %x [9, 0] [0, 8] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<0x8xf32, #gir.at<dram>>
  return
}

// CHECK-LABEL: @concat
// CHECK:       gir.concat %arg0, %arg1 dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<3x8xf32, #gir.at<dram>>) -> tensor<5x8xf32, #gir.at<dram>>
// CHECK:       gir.concat %arg0, %arg2 dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<?x?xf32, #gir.at<dram>>) -> tensor<?x8xf32, #gir.at<dram>>
// CHECK:       gir.concat %arg0 dim 1 : (tensor<2x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
func.func @concat(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<3x8xf32, #gir.at<dram>>, %c: tensor<?x?xf32, #gir.at<dram>>) {
  %0 = gir.concat %a, %b dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<3x8xf32, #gir.at<dram>>) -> tensor<5x8xf32, #gir.at<dram>>
  %1 = gir.concat %a, %c dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<?x?xf32, #gir.at<dram>>) -> tensor<?x8xf32, #gir.at<dram>>
  %2 = gir.concat %a dim 1 : (tensor<2x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
  return
}

// CHECK-LABEL: @insert
// CHECK:       gir.insert %arg0 into %arg1 [%arg2, 0] [1, 2] [1, 1] drop [0] : tensor<2xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
// CHECK:       gir.insert %arg1 into %arg1 [0, 0] [4, 8] [1, 1] : tensor<4x8xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
func.func @insert(%s: tensor<2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>, %o: index) {
  %0 = gir.insert %s into %d [%o, 0] [1, 2] [1, 1] drop [0] : tensor<2xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  %1 = gir.insert %d into %d [0, 0] [4, 8] [1, 1] : tensor<4x8xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  return
}

// CHECK-LABEL: @pad
// CHECK:       gir.pad %arg0 low [1, 0] high [2, 0] value %arg2 : tensor<2x8xf32, #gir.at<reg>> -> tensor<5x8xf32, #gir.at<reg>>
// CHECK:       gir.pad %arg0 low [%arg3, 0] high [0, %arg4] value %arg2 : tensor<2x8xf32, #gir.at<reg>> -> tensor<?x?xf32, #gir.at<reg>>
// CHECK:       gir.pad %arg1 low [] high [] value %arg2 : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
func.func @pad(%x: tensor<2x8xf32, #gir.at<reg>>, %s: tensor<f32, #gir.at<reg>>, %v: f32, %l: index, %h: index) {
  %0 = gir.pad %x low [1, 0] high [2, 0] value %v : tensor<2x8xf32, #gir.at<reg>> -> tensor<5x8xf32, #gir.at<reg>>
  %1 = gir.pad %x low [%l, 0] high [0, %h] value %v : tensor<2x8xf32, #gir.at<reg>> -> tensor<?x?xf32, #gir.at<reg>>
  %2 = gir.pad %s low [] high [] value %v : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
  return
}

//===----------------------------------------------------------------------===//
// Computation
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @reduce
// CHECK:       gir.reduce %arg0 into %arg1 dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
// CHECK:       gir.reduce %arg0 into %arg1 dims [1] valid[%arg2, %arg2] kinds [#vector.kind<maximumf>] : tensor
// CHECK:       %{{.*}}:2 = gir.reduce %arg0, %arg0 into %arg1, %arg1 dims [1] kinds [#vector.kind<add>, #vector.kind<mul>] :
// CHECK-SAME:    tensor<4x8xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
// CHECK:       gir.reduce %arg0 into %arg0 dims [] kinds [#vector.kind<add>] {note} : tensor
func.func @reduce(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>, %v: index) {
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  %1 = gir.reduce %x into %m dims [1] valid [%v, %v] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  %2:2 = gir.reduce %x, %x into %m, %m dims [1] kinds [#vector.kind<add>, #vector.kind<mul>] : tensor<4x8xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
  %3 = gir.reduce %x into %x dims [] kinds [#vector.kind<add>] {note} : tensor<4x8xf32, #gir.at<reg>> into tensor<4x8xf32, #gir.at<reg>>
  return
}

// A combiner has its own types of accumulators, and more or fewer of them than inputs.
// CHECK-LABEL: @reduce_combiner
// CHECK:       %{{.*}}:2 = gir.reduce %arg0 into %arg1, %arg2 dims [0] combiner {
// CHECK-NEXT:  ^bb0(%[[X:.*]]: f16, %[[SUM:.*]]: f32, %[[COUNT:.*]]: i32):
// CHECK:         gir.yield %{{.*}}, %[[COUNT]] : f32, i32
// CHECK:       } : tensor<?xf16, #gir.at<reg>> into tensor<f32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>
func.func @reduce_combiner(%x: tensor<?xf16, #gir.at<reg>>, %s: tensor<f32, #gir.at<reg>>, %c: tensor<i32, #gir.at<reg>>) {
  %0:2 = gir.reduce %x into %s, %c dims [0] combiner {
  ^bb0(%element: f16, %sum: f32, %count: i32):
    %1 = arith.extf %element : f16 to f32
    %2 = arith.addf %sum, %1 : f32
    gir.yield %2, %count : f32, i32
  } : tensor<?xf16, #gir.at<reg>> into tensor<f32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @iota
// CHECK:       gir.iota dim 1 : tensor<4x8xindex, #gir.at<reg>>
// CHECK:       gir.iota dim 0 offset(%arg0) sizes(%arg1, %arg0) : tensor<?x?xindex, #gir.at<reg>>
func.func @iota(%o: index, %n: index) {
  %0 = gir.iota dim 1 : tensor<4x8xindex, #gir.at<reg>>
  %1 = gir.iota dim 0 offset(%o) sizes(%n, %o) : tensor<?x?xindex, #gir.at<reg>>
  return
}

// CHECK-LABEL: @assert
// CHECK:       gir.assert %arg0, "expected a positive \22variance\22" : tensor<4x8xi1, #gir.at<reg>>
// CHECK:       gir.assert %arg0, "" valid[%arg1, %arg1] : tensor<4x8xi1, #gir.at<reg>>
func.func @assert(%c: tensor<4x8xi1, #gir.at<reg>>, %v: index) {
  gir.assert %c, "expected a positive \"variance\"" : tensor<4x8xi1, #gir.at<reg>>
  gir.assert %c, "" valid [%v, %v] : tensor<4x8xi1, #gir.at<reg>>
  return
}
