// RUN: %pf-opt %s --convert-gir-to-emitc --split-input-file | FileCheck %s

// Ops on tiles of one shape share one loop, in which each element is a value: nothing is kept in an array. A tail isn't
// accessed. An argument that nothing writes to is const.
// CHECK-LABEL: emitc.func @tail(
// CHECK-SAME:    %[[X:.*]]: !emitc.opaque<"const float* ">, %{{.*}}: i64, %[[Y:.*]]: !emitc.ptr<f32>, %{{.*}}: i64, %[[N:.*]]: i64) -> i64
// CHECK-NOT:     emitc.array
// CHECK:         for %[[I:.*]] = %{{.*}} to %{{.*}}
// CHECK:           %[[THERE:.*]] = cmp lt, %[[I]], %[[N]]
// CHECK:           %[[PLACE:.*]] = subscript %[[X]]
// CHECK:           expression %[[PLACE]], %[[THERE]]
// CHECK:           call_opaque "fabsf"
// CHECK:           if %{{.*}} {
// CHECK:             subscript %[[Y]]
// CHECK:             assign
func.func @tail(%x: memref<?xf32>, %y: memref<?xf32>, %v: index) {
  gir.kernel "absf" (%a = %x : memref<?xf32>, %b = %y : memref<?xf32>, %n = %v : index) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] valid [%n] : memref<?xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<16xf32, #gir.at<reg>>
    gir.store %1, %b[%c0] valid [%n] : tensor<16xf32, #gir.at<reg>>, memref<?xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A tile that is read at other indices than it is made at is an array, with a comment on what it takes; the view itself
// is no code at all.
// CHECK-LABEL: emitc.func @turned(
// CHECK:         verbatim "// tile 4x8 of f32 in registers: 128 bytes"
// CHECK:         %[[TILE:.*]] = "emitc.variable"() {{.*}} -> !emitc.array<4x8xf32>
// CHECK:         for %[[I:.*]] =
// CHECK:           for %[[J:.*]] =
// CHECK:             subscript %[[TILE]][%[[I]], %[[J]]]
// CHECK:         for %[[K:.*]] =
// CHECK:           for %[[L:.*]] =
// CHECK:             subscript %[[TILE]][%[[L]], %[[K]]]
func.func @turned(%x: memref<4x8xf32>, %y: memref<8x4xf32>) {
  gir.kernel "turn" (%a = %x : memref<4x8xf32>, %b = %y : memref<8x4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0, %c0] : memref<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.permute %0 [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
    gir.store %1, %b[%c0, %c0] : tensor<8x4xf32, #gir.at<reg>>, memref<8x4xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// What may be read after it was written is read after it: a load of another window doesn't join the loop of a store.
// CHECK-LABEL: emitc.func @shifted(
// CHECK:         for
// CHECK:           assign
// CHECK:         }
// CHECK:         for
// CHECK:           assign
// CHECK:         }
func.func @shifted(%x: memref<16xi32>) {
  gir.kernel "shift" (%a = %x : memref<16xi32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %0 = gir.load %a[%c0] : memref<16xi32, #gir.at<dram>> -> tensor<8xi32, #gir.at<reg>>
    gir.store %0, %a[%c4] : tensor<8xi32, #gir.at<reg>>, memref<16xi32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Groups are loops that OpenMP deals out; each thread has its part of the scratch memory, in which buffers lie at the
// offsets of the plan. Where there is no memory the program says so.
// CHECK-LABEL: emitc.func @groups(
// CHECK:         call_opaque "pf_threads"
// CHECK:         call_opaque "pf_allocate"
// CHECK:         verbatim "PF_OMP(omp parallel for schedule(static))"
// CHECK:         for
// CHECK:           %[[OWN:.*]] = add %{{.*}}, %{{.*}} : (!emitc.ptr<ui8>, i64)
// CHECK:           literal "64"
// CHECK-NEXT:      %[[AT:.*]] = add %[[OWN]]
// CHECK-NEXT:      verbatim "// tile 8 of f32 at sram: 32 bytes"
// CHECK:           cast %[[AT]] : !emitc.ptr<ui8> to !emitc.ptr<f32>
// CHECK:         call_opaque "pf_release"
func.func @groups(%x: memref<512xf32>) {
  gir.kernel "groups" (%a = %x : memref<512xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c64 = arith.constant 64 : index
    gir.parallel <group> (%g) in (%c64) attributes {gir.scratch = {cache = 96 : i64}} {
      %at = arith.muli %g, %c8 : index
      %b = gir.alloc {gir.offset = 64 : i64} : memref<8xf32, #gir.at<sram>>
      %0 = gir.load %a[%at] : memref<512xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
      gir.store %0, %b[%c0] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<sram>>
      %1 = gir.load %b[%c0] : memref<8xf32, #gir.at<sram>> -> tensor<8xf32, #gir.at<reg>>
      gir.store %1, %a[%at] : tensor<8xf32, #gir.at<reg>>, memref<512xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// A sum along lanes has a partial result per lane for as long as its loop runs, and is folded behind it.
// CHECK-LABEL: emitc.func @rows(
// CHECK:         %[[PART:.*]] = "emitc.variable"() {{.*}} -> !emitc.array<16xf32>
// CHECK:         for
// CHECK:           for %[[LANE:.*]] =
// CHECK:             subscript %[[PART]][%[[LANE]]]
// CHECK:             add
// CHECK:             assign
// CHECK:         for %[[LOW:.*]] =
// CHECK:           add %[[LOW]]
func.func @rows(%x: memref<1024xf32>, %y: memref<1xf32>) {
  gir.kernel "rows" (%a = %x : memref<1024xf32>, %b = %y : memref<1xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c1024 = arith.constant 1024 : index
    %z = arith.constant dense<0.0> : tensor<f32, #gir.at<reg>>
    %s = scf.for %i = %c0 to %c1024 step %c16 iter_args(%acc = %z) -> (tensor<f32, #gir.at<reg>>) {
      %0 = gir.load %a[%i] : memref<1024xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
      %1 = gir.reduce %0 into %acc dims [0] kinds [#vector.kind<add>] : tensor<16xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
      scf.yield %1 : tensor<f32, #gir.at<reg>>
    }
    %t = gir.reshape %s : tensor<f32, #gir.at<reg>> -> tensor<1xf32, #gir.at<reg>>
    gir.store %t, %b[%c0] : tensor<1xf32, #gir.at<reg>>, memref<1xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Integers wrap around in an unsigned type, as signed ones must not in C; narrow floats are computed in f32.
// CHECK-LABEL: emitc.func @types(
// CHECK-SAME:    !emitc.ptr<i8>, %{{.*}}: !emitc.ptr<ui16>) -> i64
// CHECK:         %[[LEFT:.*]] = cast %{{.*}} : i8 to ui32
// CHECK:         add %[[LEFT]], %{{.*}} : (ui32, ui32) -> ui32
// CHECK:         call_opaque "pf_bf16_to_f32"
// CHECK:         mul %{{.*}} : (f32, f32) -> f32
// CHECK:         call_opaque "pf_f32_to_bf16"
func.func @types(%x: memref<4xi8>, %y: memref<4xbf16>) {
  gir.kernel "types" (%a = %x : memref<4xi8>, %b = %y : memref<4xbf16>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<4xi8, #gir.at<dram>> -> tensor<4xi8, #gir.at<reg>>
    %1 = arith.addi %0, %0 : tensor<4xi8, #gir.at<reg>>
    gir.store %1, %a[%c0] : tensor<4xi8, #gir.at<reg>>, memref<4xi8, #gir.at<dram>>
    %2 = gir.load %b[%c0] : memref<4xbf16, #gir.at<dram>> -> tensor<4xbf16, #gir.at<reg>>
    %3 = arith.mulf %2, %2 : tensor<4xbf16, #gir.at<reg>>
    gir.store %3, %b[%c0] : tensor<4xbf16, #gir.at<reg>>, memref<4xbf16, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A launched kernel is a static function; a result of known size is the caller's memory.
// CHECK-LABEL: emitc.func @twice(
// CHECK-SAME:    !emitc.opaque<"const float* restrict">, %{{.*}}: !emitc.opaque<"float* restrict">) attributes {specifiers = ["static"]}
// CHECK-LABEL: emitc.func @main_(
// CHECK-SAME:    %[[X:.*]]: !emitc.opaque<"const float* ">, %[[Y:.*]]: !emitc.ptr<f32>) -> i64
// CHECK:         call_opaque "twice"(%[[X]], %[[Y]])
func.func private @twice(%x: memref<8xf32>, %y: memref<8xf32>) {
  gir.kernel "twice" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %1 = arith.addf %0, %0 : tensor<8xf32, #gir.at<reg>>
    gir.store %1, %b[%c0] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.return
  }
  return
}
func.func @main(%x: memref<8xf32>) -> memref<8xf32> {
  %y = memref.alloc() : memref<8xf32>
  gir.launch @twice(%x, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  return %y : memref<8xf32>
}

// -----

// What has no kernel stays as it is: nothing but a return.
// CHECK-LABEL: emitc.func @nothing() -> i64
// CHECK-NEXT:    %[[ZERO:.*]] = literal "0"
// CHECK-NEXT:    return %[[ZERO]]
func.func @nothing() {
  return
}
