// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @launch_c1_none(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected a function to launch, got none named @missing}}
  gir.launch @missing(%x) : (tensor<8xf32>) -> ()
  return
}

// -----

// expected-note @+1 {{it is defined here}}
func.func private @launched(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) -> () {
  }
  return
}
func.func @launch_c1_type(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected a function of type '(tensor<4xf32>) -> ()', got '(tensor<8xf32>) -> ()'}}
  gir.launch @launched(%x) : (tensor<4xf32>) -> ()
  return
}

// -----

// expected-note @+1 {{it is defined here}}
func.func private @launched(tensor<8xf32>)
func.func @launch_c2_declared(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected a function whose body is one gir.kernel and a return of its results}}
  gir.launch @launched(%x) : (tensor<8xf32>) -> ()
  return
}

// -----

// expected-note @+1 {{it is defined here}}
func.func private @launched(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return %x : tensor<8xf32>
}
func.func @launch_c2_returns_another(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{expected a function whose body is one gir.kernel and a return of its results}}
  %0 = gir.launch @launched(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func private @launched(%x: memref<8xf32>, %y: memref<8xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>) -> () {
  }
  return
}
func.func @launch_c3_self(%x: memref<8xf32>) {
  // expected-error @+1 {{expected pairs of two of 2 operands, got [1, 1]}}
  gir.launch @launched(%x, %x) shares [[1, 1]] : (memref<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

func.func private @launched(%x: memref<8xf32>, %y: memref<8xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>) -> () {
  }
  return
}
func.func @launch_c3_range(%x: memref<8xf32>) {
  // expected-error @+1 {{expected pairs of two of 2 operands, got [2, 0]}}
  gir.launch @launched(%x, %x) shares [[2, 0]] : (memref<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

func.func private @launched(%x: memref<8xf32>, %y: memref<8xf32>, %z: memref<8xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>) -> () {
  }
  return
}
func.func @launch_c3_twice(%x: memref<8xf32>, %y: memref<8xf32>) {
  // expected-error @+1 {{expected an output to share one buffer, got two for 2}}
  gir.launch @launched(%x, %y, %x) shares [[2, 0], [2, 1]] : (memref<8xf32>, memref<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

func.func private @launched(%x: memref<8xf32>, %y: memref<4xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>) -> () {
  }
  return
}
func.func @launch_c3_type(%x: memref<8xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expected memrefs of one type to share a buffer, got 'memref<4xf32>' and 'memref<8xf32>'}}
  gir.launch @launched(%x, %y) shares [[1, 0]] : (memref<8xf32>, memref<4xf32>) -> ()
  return
}

// -----

func.func private @launched(%x: memref<8xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>) -> () {
  }
  return
}
func.func @launch_c3_odd(%x: memref<8xf32>) {
  // expected-error @+1 {{expected pairs of operand positions, got [0]}}
  "gir.launch"(%x) <{callee = @launched, shares = array<i64: 0>}> : (memref<8xf32>) -> ()
  return
}

// -----

func.func @alternatives_c1() {
  // expected-error @+1 {{expected at least one region, got none}}
  "gir.alternatives"() : () -> ()
  return
}

// -----

func.func @alternatives_c2_number(%x: f32) {
  // expected-error @+1 {{expected each region to yield ('f32')}}
  %0 = "gir.alternatives"() ({
    "llvm.unreachable"() : () -> ()
  }) : () -> f32
  return
}

// -----

func.func @alternatives_c2_type(%x: f32, %y: f64) {
  // expected-error @+1 {{along control flow edge}}
  %0 = gir.alternatives -> (f32) {
    gir.yield %x : f32
  } or {
    // expected-note @+1 {{region branch point}}
    gir.yield %y : f64
  }
  return
}

// -----

func.func @alternatives_c3_outside(%x: tensor<8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected results without a place outside of kernels, got 'tensor<8xf32, #gir.at<dram>>'}}
  %0 = gir.alternatives -> (tensor<8xf32, #gir.at<dram>>) {
    gir.yield %x : tensor<8xf32, #gir.at<dram>>
  }
  return
}

// -----

func.func @alternatives_c3_inside(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) -> () {
    %0 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<sram>>
    // expected-error @+1 {{expected tensors at reg or dram in a kernel, got 'tensor<8xf32, #gir.at<sram>>'}}
    %1 = gir.alternatives -> (tensor<8xf32, #gir.at<sram>>) {
      gir.yield %0 : tensor<8xf32, #gir.at<sram>>
    }
    gir.return
  }
  return
}

// -----

func.func @alternatives_c4() {
  // expected-error @+1 {{expected regions without arguments, got 1}}
  "gir.alternatives"() ({
  ^bb0(%x: f32):
    "gir.yield"() : () -> ()
  }) : () -> ()
  return
}
