// RUN: %pf-opt %s --convert-gir-to-vector --canonicalize --split-input-file | FileCheck %s

// A tile is a vector of its lanes; a tail is masked, and its lanes are never accessed. The function takes pointers, open
// sizes and numbers, and gives the number of a failed assertion.
// CHECK-LABEL: func.func @pf_main(
// CHECK-SAME:    %[[A:.*]]: !llvm.ptr, %{{.*}}: index, %[[B:.*]]: !llvm.ptr, %{{.*}}: index, %[[V:.*]]: index) -> i64
// CHECK:       %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xf32>
// CHECK:       %[[Y:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xf32>
// CHECK:       %[[MASK:.*]] = vector.create_mask %[[V]]
// CHECK:       %[[TILE:.*]] = vector.maskedload %[[X]][%c0], %[[MASK]]
// CHECK:       %[[ABS:.*]] = math.absf %[[TILE]] : vector<16xf32>
// CHECK:       vector.maskedstore %[[Y]][%c0], %{{.*}}, %[[ABS]]
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

// Lanes past an edge hold anything: a divisor that would trap is replaced by 1.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[ZERO:.*]] = arith.cmpi eq, %[[D:.*]], %{{.*}} : vector<16xi32>
// CHECK:       %[[SAFE:.*]] = arith.select %{{.*}}, %{{.*}}, %[[D]]
// CHECK:       arith.divsi %{{.*}}, %[[SAFE]] : vector<16xi32>
func.func @division(%x: memref<16xi32>, %y: memref<16xi32>) {
  gir.kernel "divsi" (%a = %x : memref<16xi32>, %b = %y : memref<16xi32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<16xi32, #gir.at<dram>> -> tensor<16xi32, #gir.at<reg>>
    %1 = gir.load %b[%c0] : memref<16xi32, #gir.at<dram>> -> tensor<16xi32, #gir.at<reg>>
    %2 = arith.divsi %0, %1 : tensor<16xi32, #gir.at<reg>>
    gir.store %2, %b[%c0] : tensor<16xi32, #gir.at<reg>>, memref<16xi32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// f64's log1p is the C library's, lane by lane; f32's stays a vector for the polynomial.
// CHECK-LABEL: func.func @pf_main(
// CHECK-COUNT-2: call @log1p(%{{.*}}) : (f64) -> f64
// CHECK:       math.log1p %{{.*}} : vector<2xf32>
// CHECK:       func.func private @log1p(f64) -> f64
func.func @library(%x: memref<2xf64>, %y: memref<2xf32>) {
  gir.kernel "log1p" (%a = %x : memref<2xf64>, %b = %y : memref<2xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<2xf64, #gir.at<dram>> -> tensor<2xf64, #gir.at<reg>>
    %1 = math.log1p %0 : tensor<2xf64, #gir.at<reg>>
    gir.store %1, %a[%c0] : tensor<2xf64, #gir.at<reg>>, memref<2xf64, #gir.at<dram>>
    %2 = gir.load %b[%c0] : memref<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %3 = math.log1p %2 : tensor<2xf32, #gir.at<reg>>
    gir.store %3, %b[%c0] : tensor<2xf32, #gir.at<reg>>, memref<2xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A tile with several long dimensions is one vector per row; a row beyond the valid extents has no lanes.
// CHECK-LABEL: func.func @pf_main(
// CHECK-SAME:    %{{.*}}: !llvm.ptr, %[[ROWS:.*]]: index)
// CHECK:       vector.load %{{.*}}[%c0, %c0] : memref<4x8xf32>, vector<8xf32>
// CHECK:       %[[THERE:.*]] = arith.cmpi sgt, %[[ROWS]], %c1
// CHECK:       %[[LANES:.*]] = arith.select %[[THERE]], %c8, %c0
// CHECK:       %[[MASK:.*]] = vector.create_mask %[[LANES]]
// CHECK:       vector.maskedload %{{.*}}[%c1, %c0], %[[MASK]]
// CHECK-COUNT-2: arith.addf %{{.*}} : vector<8xf32>
func.func @rows(%x: memref<4x8xf32>, %v: index) {
  gir.kernel "rows" (%a = %x : memref<4x8xf32>, %n = %v : index) -> () {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %0 = gir.load %a[%c0, %c0] : memref<4x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    gir.store %0, %a[%c2, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<4x8xf32, #gir.at<dram>>
    %1 = gir.load %a[%c0, %c0] valid [%n, %c8] : memref<4x8xf32, #gir.at<dram>> -> tensor<2x8xf32, #gir.at<reg>>
    %2 = arith.addf %1, %1 : tensor<2x8xf32, #gir.at<reg>>
    gir.store %2, %a[%c0, %c0] : tensor<2x8xf32, #gir.at<reg>>, memref<4x8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Views that only rename rows cost nothing; a transposition is shuffles.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[A:.*]] = vector.load
// CHECK:       %[[B:.*]] = vector.load
// CHECK-NOT:   vector.shuffle
// CHECK:       vector.store %[[B]], %{{.*}}[%c0, %c0]
// CHECK:       vector.store %[[A]], %{{.*}}[%c1, %c0]
// CHECK:       vector.shuffle %[[A]], %[[B]] [0, 2] : vector<2xf32>, vector<2xf32>
// CHECK:       vector.shuffle %[[A]], %[[B]] [1, 3] : vector<2xf32>, vector<2xf32>
func.func @views(%x: memref<2x2xf32>, %y: memref<2x2xf32>) {
  gir.kernel "views" (%a = %x : memref<2x2xf32>, %b = %y : memref<2x2xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0, %c0] : memref<2x2xf32, #gir.at<dram>> -> tensor<2x2xf32, #gir.at<reg>>
    %1 = gir.slice %0 [1, 0] [1, 2] [1, 1] : tensor<2x2xf32, #gir.at<reg>> -> tensor<1x2xf32, #gir.at<reg>>
    %2 = gir.slice %0 [0, 0] [1, 2] [1, 1] : tensor<2x2xf32, #gir.at<reg>> -> tensor<1x2xf32, #gir.at<reg>>
    %3 = gir.concat %1, %2 dim 0 : (tensor<1x2xf32, #gir.at<reg>>, tensor<1x2xf32, #gir.at<reg>>) -> tensor<2x2xf32, #gir.at<reg>>
    gir.store %3, %b[%c0, %c0] : tensor<2x2xf32, #gir.at<reg>>, memref<2x2xf32, #gir.at<dram>>
    %4 = gir.permute %0 [1, 0] : tensor<2x2xf32, #gir.at<reg>> -> tensor<2x2xf32, #gir.at<reg>>
    gir.store %4, %b[%c0, %c0] : tensor<2x2xf32, #gir.at<reg>>, memref<2x2xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Units that don't meet run one after the other.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       scf.parallel
// CHECK:         scf.for
// CHECK-NOT:     scf.for
// CHECK:           memref.store
func.func @apart(%x: memref<8x4xf32>) {
  gir.kernel "apart" (%a = %x : memref<8x4xf32>) -> () {
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %0 = arith.constant dense<1.0> : tensor<1x1xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c8) {
      gir.parallel <unit> (%u) in (%c4) {
        gir.store %0, %a[%g, %u] : tensor<1x1xf32, #gir.at<reg>>, memref<8x4xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// Units that meet are emitted side by side: all stores before the barrier, then all loads; the buffer ends with its
// group.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       scf.parallel
// CHECK:         %[[BUFFER:.*]] = memref.alloc() {alignment = 64 : i64} : memref<2xf32>
// CHECK-COUNT-2: memref.store %{{.*}}, %[[BUFFER]]
// CHECK-COUNT-2: memref.load %[[BUFFER]]
// CHECK:         memref.dealloc %[[BUFFER]]
func.func @meet(%x: memref<8x2xf32>) {
  gir.kernel "meet" (%a = %x : memref<8x2xf32>) -> () {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    gir.parallel <group> (%g) in (%c8) {
      %b = gir.alloc : memref<2xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c2) {
        %0 = gir.load %a[%g, %u] : memref<8x2xf32, #gir.at<dram>> -> tensor<1x1xf32, #gir.at<reg>>
        %1 = gir.reshape %0 : tensor<1x1xf32, #gir.at<reg>> -> tensor<1xf32, #gir.at<reg>>
        gir.store %1, %b[%u] : tensor<1xf32, #gir.at<reg>>, memref<2xf32, #gir.at<sram>>
        gir.sync <group>
        %other = arith.subi %c1, %u : index
        %2 = gir.load %b[%other] : memref<2xf32, #gir.at<sram>> -> tensor<1xf32, #gir.at<reg>>
        %3 = gir.reshape %2 : tensor<1xf32, #gir.at<reg>> -> tensor<1x1xf32, #gir.at<reg>>
        gir.store %3, %a[%g, %u] : tensor<1x1xf32, #gir.at<reg>>, memref<8x2xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// What several threads add to one place is added atomically; where the machine can't, one thread does it all.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       scf.parallel
// CHECK:         memref.atomic_rmw addf
// CHECK:       scf.for
// CHECK:         memref.load %{{.*}} : memref<4xf16>
// CHECK:         memref.store %{{.*}} : memref<4xf16>
func.func @histogram(%x: memref<4xf32>, %y: memref<4xf16>) {
  gir.kernel "histogram" (%a = %x : memref<4xf32>, %b = %y : memref<4xf16>) -> () {
    %c8 = arith.constant 8 : index
    %0 = arith.constant dense<1.0> : tensor<1xf32, #gir.at<reg>>
    %1 = arith.constant dense<1.0> : tensor<1xf16, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c8) {
      %i = tensor.splat %g : tensor<1xindex, #gir.at<reg>>
      gir.scatter %0 into %a[%i] kind <add> : tensor<1xf32, #gir.at<reg>> into memref<4xf32, #gir.at<dram>>[tensor<1xindex, #gir.at<reg>>]
    }
    gir.parallel <group> (%g) in (%c8) {
      %i = tensor.splat %g : tensor<1xindex, #gir.at<reg>>
      gir.scatter %1 into %b[%i] kind <add> : tensor<1xf16, #gir.at<reg>> into memref<4xf16, #gir.at<dram>>[tensor<1xindex, #gir.at<reg>>]
    }
    gir.return
  }
  return
}

// -----

// On a cache a staged window is no copy; a copy is done where it starts.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[BUFFER:.*]] = memref.alloc()
// CHECK:       %[[WINDOW:.*]] = memref.subview %{{.*}}[1, 0] [1, 8] [1, 1]
// CHECK:       scf.for
// CHECK:         %[[ELEMENT:.*]] = memref.load
// CHECK:         memref.store %[[ELEMENT]], %[[BUFFER]]
// CHECK:       vector.load %[[WINDOW]]
func.func @near(%x: memref<4x8xf32>, %y: memref<1x8xf32>) {
  gir.kernel "near" (%a = %x : memref<4x8xf32>, %b = %y : memref<1x8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %w = gir.stage %a[%c1, %c0] [1, 8] : memref<4x8xf32, #gir.at<dram>> -> memref<1x8xf32, #gir.at<sram>>
    %s = gir.alloc : memref<1x8xf32, #gir.at<sram>>
    %t = gir.copy %a[%c0, %c0], %s[%c0, %c0] [1, 8] : memref<4x8xf32, #gir.at<dram>> -> memref<1x8xf32, #gir.at<sram>>
    gir.wait %t
    %0 = gir.load %w[%c0, %c0] : memref<1x8xf32, #gir.at<sram>> -> tensor<1x8xf32, #gir.at<reg>>
    %1 = gir.load %s[%c0, %c0] : memref<1x8xf32, #gir.at<sram>> -> tensor<1x8xf32, #gir.at<reg>>
    %2 = arith.addf %0, %1 : tensor<1x8xf32, #gir.at<reg>>
    gir.store %2, %b[%c0, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<1x8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A loop's buffer is one that the thread has throughout: it isn't allocated for each row.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       scf.parallel
// CHECK:         %[[ROW:.*]] = memref.alloc() {alignment = 64 : i64} : memref<1x8xf32>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloc
// CHECK:           vector.store %{{.*}}, %[[ROW]]
// CHECK:         memref.dealloc %[[ROW]]
func.func @row_buffers(%x: memref<8x8xf32>) {
  gir.kernel "row_buffers" (%a = %x : memref<8x8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    gir.parallel <group> (%g) in (%c2) {
      scf.for %r = %g to %c8 step %c2 {
        %b = gir.alloc : memref<1x8xf32, #gir.at<sram>>
        %0 = gir.load %a[%r, %c0] : memref<8x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
        gir.store %0, %b[%c0, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<1x8xf32, #gir.at<sram>>
        scf.for %i = %c0 to %c8 step %c1 {
          %1 = gir.load %b[%c0, %i] : memref<1x8xf32, #gir.at<sram>> -> tensor<1x1xf32, #gir.at<reg>>
          gir.store %1, %a[%r, %i] : tensor<1x1xf32, #gir.at<reg>>, memref<8x8xf32, #gir.at<dram>>
        }
      }
    }
    gir.return
  }
  return
}

// -----

// An 8-bit float is computed in f32 and rounded after each op; what is only moved stays as it is.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[X:.*]] = vector.load %{{.*}} : memref<8xf8E5M2>, vector<8xf8E5M2>
// CHECK:       vector.store %[[X]]
// CHECK:       arith.bitcast %[[X]] : vector<8xf8E5M2> to vector<8xi8>
// CHECK:       arith.addf %{{.*}} : vector<8xf32>
// CHECK:       arith.bitcast %{{.*}} : vector<8xi8> to vector<8xf8E5M2>
func.func @f8(%x: memref<8xf8E5M2>, %y: memref<8xf8E5M2>) {
  gir.kernel "f8" (%a = %x : memref<8xf8E5M2>, %b = %y : memref<8xf8E5M2>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<8xf8E5M2, #gir.at<dram>> -> tensor<8xf8E5M2, #gir.at<reg>>
    gir.store %0, %b[%c0] : tensor<8xf8E5M2, #gir.at<reg>>, memref<8xf8E5M2, #gir.at<dram>>
    %1 = arith.addf %0, %0 : tensor<8xf8E5M2, #gir.at<reg>>
    gir.store %1, %a[%c0] : tensor<8xf8E5M2, #gir.at<reg>>, memref<8xf8E5M2, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A store past the caches is one where the row is aligned.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       memref.extract_aligned_pointer_as_index
// CHECK:       scf.if
// CHECK:         vector.store %{{.*}} {alignment = 64 : i64, nontemporal = true}
// CHECK:       else
// CHECK:         vector.store
func.func @nontemporal(%x: memref<16xf32>) {
  gir.kernel "nontemporal" (%a = %x : memref<16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = arith.constant dense<1.0> : tensor<16xf32, #gir.at<reg>>
    gir.store %0, %a[%c0] nontemporal : tensor<16xf32, #gir.at<reg>>, memref<16xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A launched kernel is a call, which takes the place for a failed assertion along.
// CHECK-LABEL: func.func private @callee(
// CHECK-SAME:    %{{.*}}: memref<8xf32>, %{{.*}}: memref<1xi64>)
// CHECK-LABEL: func.func @pf_main(
// CHECK-SAME:    %{{.*}}: !llvm.ptr) -> i64
// CHECK:       %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<8xf32>
// CHECK:       %[[STATUS:.*]] = memref.alloca() : memref<1xi64>
// CHECK:       call @callee(%[[X]], %[[STATUS]])
func.func private @callee(%x: memref<8xf32>) {
  gir.kernel "fill" (%a = %x : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = arith.constant dense<1.0> : tensor<8xf32, #gir.at<reg>>
    gir.store %0, %a[%c0] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.return
  }
  return
}
func.func @launch(%x: memref<8xf32>) {
  gir.launch @callee(%x) : (memref<8xf32>) -> ()
  return
}

// -----

// A choice between bf16 goes by their bits, since LLVM can't choose between vectors of them of any length.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[ONE:.*]] = arith.bitcast %{{.*}} : vector<65xbf16> to vector<65xi16>
// CHECK:       %[[OTHER:.*]] = arith.bitcast %{{.*}} : vector<65xbf16> to vector<65xi16>
// CHECK:       %[[BITS:.*]] = arith.select %{{.*}}, %[[ONE]], %[[OTHER]] : vector<65xi1>, vector<65xi16>
// CHECK:       arith.bitcast %[[BITS]] : vector<65xi16> to vector<65xbf16>
func.func @choice(%x: memref<65xbf16>, %y: memref<65xbf16>) {
  gir.kernel "choice" (%a = %x : memref<65xbf16>, %b = %y : memref<65xbf16>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<65xbf16, #gir.at<dram>> -> tensor<65xbf16, #gir.at<reg>>
    %1 = gir.load %b[%c0] : memref<65xbf16, #gir.at<dram>> -> tensor<65xbf16, #gir.at<reg>>
    %2 = arith.cmpf olt, %0, %1 : tensor<65xbf16, #gir.at<reg>>
    %3 = arith.select %2, %0, %1 : tensor<65xi1, #gir.at<reg>>, tensor<65xbf16, #gir.at<reg>>
    gir.store %3, %b[%c0] : tensor<65xbf16, #gir.at<reg>>, memref<65xbf16, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A result of known size is written where the caller wants it; nothing is allocated for it.
// CHECK-LABEL: func.func @pf_main(
// CHECK-SAME:    %[[OUT:.*]]: !llvm.ptr) -> i64
// CHECK-NOT:   memref.alloc()
// CHECK:       llvm.insertvalue %[[OUT]]
// CHECK:       %[[RESULT:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<4xf32>
// CHECK:       vector.store %{{.*}}, %[[RESULT]][%c0]
func.func @known() -> memref<4xf32> {
  %0 = memref.alloc() {alignment = 64 : i64} : memref<4xf32>
  gir.kernel "known" (%a = %0 : memref<4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %1 = arith.constant dense<1.0> : tensor<4xf32, #gir.at<reg>>
    gir.store %1, %a[%c0] : tensor<4xf32, #gir.at<reg>>, memref<4xf32, #gir.at<dram>>
    gir.return
  }
  return %0 : memref<4xf32>
}

// -----

// A result of open size is written to the caller's memory if its sizes are told right, or to memory made for it if there
// is none; where it is stands in the end where the caller looks for it.
// CHECK-LABEL: func.func @pf_main(
// CHECK-SAME:    %[[X:.*]]: !llvm.ptr, %[[N:.*]]: index, %[[OUT:.*]]: !llvm.ptr, %[[SIZES:.*]]: !llvm.ptr) -> i64
// CHECK:       %[[GIVEN:.*]] = llvm.load %[[OUT]] : !llvm.ptr -> !llvm.ptr
// CHECK:       %[[ABSENT:.*]] = llvm.icmp "eq" %[[GIVEN]]
// CHECK:       %[[TOLD:.*]] = memref.load
// CHECK:       %[[SAME:.*]] = arith.cmpi eq, %[[TOLD]], %[[SIZE:.*]] : index
// CHECK:       memref.store %[[SIZE]]
// CHECK:       %[[FITS:.*]] = arith.ori %[[ABSENT]], %[[SAME]]
// CHECK:       cf.cond_br %[[FITS]]
// CHECK:       %[[PLACE:.*]] = scf.if %[[ABSENT]] -> (!llvm.ptr)
// CHECK:         memref.alloc(%[[SIZE]])
// CHECK:       else
// CHECK:         scf.yield %[[GIVEN]]
// CHECK:       return %c-2_i64
// CHECK:       vector.store
// CHECK:       llvm.store %[[PLACE]], %[[OUT]]
func.func @open(%x: memref<?xf32>) -> memref<?xf32> {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %0 = memref.alloc(%n) {alignment = 64 : i64} : memref<?xf32>
  gir.kernel "open" (%a = %0 : memref<?xf32>) -> () {
    %i = arith.constant 0 : index
    %1 = arith.constant dense<1.0> : tensor<4xf32, #gir.at<reg>>
    gir.store %1, %a[%i] : tensor<4xf32, #gir.at<reg>>, memref<?xf32, #gir.at<dram>>
    gir.return
  }
  return %0 : memref<?xf32>
}
// -----

// Rows of 67 floats begin at no line: what a thread gathers of them begins with a page, so that no store is across two.
// CHECK-LABEL: func.func @pf_main
// CHECK: memref.alloc() {alignment = 4096 : i64} : memref<{{.*}}xf32>
// CHECK: call @gir_write_lines_f32
func.func @gathered_rows(%x: memref<8x67xf32>, %y: memref<8x67xf32>) {
  gir.kernel "copy" (%a = %x : memref<8x67xf32>, %b = %y : memref<8x67xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    scf.for %i = %c0 to %c8 step %c1 {
      %0 = gir.load %a[%i, %c0] : memref<8x67xf32, #gir.at<dram>> -> tensor<1x67xf32, #gir.at<reg>>
      gir.store %0, %b[%i, %c0] nontemporal {gir.gathered} : tensor<1x67xf32, #gir.at<reg>>, memref<8x67xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
