// BERT layer: exported by examples/export.py with torch 2.13.0, torch-mlir 20261001.
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d1)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> ()>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map6 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map7 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map8 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map9 = affine_map<(d0, d1, d2) -> (d2)>
module {
  func.func @bert_layer(%arg0: tensor<1x128x768xf32>, %arg1: tensor<1x128xi64>, %arg2: tensor<768x768xf32>, %arg3: tensor<768xf32>, %arg4: tensor<768x768xf32>, %arg5: tensor<768xf32>, %arg6: tensor<768x768xf32>, %arg7: tensor<768xf32>, %arg8: tensor<768x768xf32>, %arg9: tensor<768xf32>, %arg10: tensor<768xf32>, %arg11: tensor<768xf32>, %arg12: tensor<3072x768xf32>, %arg13: tensor<3072xf32>, %arg14: tensor<768x3072xf32>, %arg15: tensor<768xf32>, %arg16: tensor<768xf32>, %arg17: tensor<768xf32>) -> tensor<1x128x768xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %c0_i64 = arith.constant 0 : i64
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 0.000000e+00 : f64
    %cst_2 = arith.constant 1.000000e+00 : f32
    %cst_3 = arith.constant 5.000000e-01 : f32
    %cst_4 = arith.constant dense<1.000000e+00> : tensor<f32>
    %cst_5 = arith.constant 9.9999999999999998E-13 : f64
    %cst_6 = arith.constant -3.40282347E+38 : f32
    %cst_7 = arith.constant 8.000000e+00 : f32
    %cst_8 = arith.constant 7.680000e+02 : f64
    %cst_9 = arith.constant 7.680000e+02 : f32
    %cst_10 = arith.constant 1.41421354 : f32
    %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<1x128x768xf32> into tensor<128x768xf32>
    %0 = tensor.empty() : tensor<768x768xf32>
    %transposed = linalg.transpose ins(%arg2 : tensor<768x768xf32>) outs(%0 : tensor<768x768xf32>) permutation = [1, 0] 
    %1 = tensor.empty() : tensor<128x768xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<128x768xf32>) -> tensor<128x768xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<128x768xf32>, tensor<768x768xf32>) outs(%2 : tensor<128x768xf32>) -> tensor<128x768xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%3, %arg3 : tensor<128x768xf32>, tensor<768xf32>) outs(%1 : tensor<128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<128x768xf32>
    %expanded = tensor.expand_shape %4 [[0, 1], [2, 3]] output_shape [1, 128, 12, 64] : tensor<128x768xf32> into tensor<1x128x12x64xf32>
    %5 = tensor.empty() : tensor<1x12x128x64xf32>
    %transposed_11 = linalg.transpose ins(%expanded : tensor<1x128x12x64xf32>) outs(%5 : tensor<1x12x128x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_12 = linalg.transpose ins(%arg4 : tensor<768x768xf32>) outs(%0 : tensor<768x768xf32>) permutation = [1, 0] 
    %6 = linalg.matmul ins(%collapsed, %transposed_12 : tensor<128x768xf32>, tensor<768x768xf32>) outs(%2 : tensor<128x768xf32>) -> tensor<128x768xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%6, %arg5 : tensor<128x768xf32>, tensor<768xf32>) outs(%1 : tensor<128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<128x768xf32>
    %expanded_13 = tensor.expand_shape %7 [[0, 1], [2, 3]] output_shape [1, 128, 12, 64] : tensor<128x768xf32> into tensor<1x128x12x64xf32>
    %transposed_14 = linalg.transpose ins(%arg6 : tensor<768x768xf32>) outs(%0 : tensor<768x768xf32>) permutation = [1, 0] 
    %8 = linalg.matmul ins(%collapsed, %transposed_14 : tensor<128x768xf32>, tensor<768x768xf32>) outs(%2 : tensor<128x768xf32>) -> tensor<128x768xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%8, %arg7 : tensor<128x768xf32>, tensor<768xf32>) outs(%1 : tensor<128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<128x768xf32>
    %expanded_15 = tensor.expand_shape %9 [[0, 1], [2, 3]] output_shape [1, 128, 12, 64] : tensor<128x768xf32> into tensor<1x128x12x64xf32>
    %transposed_16 = linalg.transpose ins(%expanded_15 : tensor<1x128x12x64xf32>) outs(%5 : tensor<1x12x128x64xf32>) permutation = [0, 2, 1, 3] 
    %10 = tensor.empty() : tensor<1x12x64x128xf32>
    %transposed_17 = linalg.transpose ins(%expanded_13 : tensor<1x128x12x64xf32>) outs(%10 : tensor<1x12x64x128xf32>) permutation = [0, 2, 3, 1] 
    %collapsed_18 = tensor.collapse_shape %transposed_11 [[0, 1], [2], [3]] : tensor<1x12x128x64xf32> into tensor<12x128x64xf32>
    %collapsed_19 = tensor.collapse_shape %transposed_17 [[0, 1], [2], [3]] : tensor<1x12x64x128xf32> into tensor<12x64x128xf32>
    %11 = tensor.empty() : tensor<12x128x128xf32>
    %12 = linalg.fill ins(%cst : f32) outs(%11 : tensor<12x128x128xf32>) -> tensor<12x128x128xf32>
    %13 = linalg.batch_matmul ins(%collapsed_18, %collapsed_19 : tensor<12x128x64xf32>, tensor<12x64x128xf32>) outs(%12 : tensor<12x128x128xf32>) -> tensor<12x128x128xf32>
    %expanded_20 = tensor.expand_shape %13 [[0, 1], [2], [3]] output_shape [1, 12, 128, 128] : tensor<12x128x128xf32> into tensor<1x12x128x128xf32>
    %expanded_21 = tensor.expand_shape %arg1 [[0], [1, 2, 3]] output_shape [1, 1, 1, 128] : tensor<1x128xi64> into tensor<1x1x1x128xi64>
    %14 = tensor.empty() : tensor<1x1x1x128xf32>
    %15 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21 : tensor<1x1x1x128xi64>) outs(%14 : tensor<1x1x1x128xf32>) {
    ^bb0(%in: i64, %out: f32):
      %88 = arith.sitofp %in : i64 to f32
      linalg.yield %88 : f32
    } -> tensor<1x1x1x128xf32>
    %16 = linalg.generic {indexing_maps = [#map3, #map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_4, %15 : tensor<f32>, tensor<1x1x1x128xf32>) outs(%14 : tensor<1x1x1x128xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.subf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x1x1x128xf32>
    %17 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16 : tensor<1x1x1x128xf32>) outs(%14 : tensor<1x1x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.mulf %in, %cst_6 : f32
      linalg.yield %88 : f32
    } -> tensor<1x1x1x128xf32>
    %18 = tensor.empty() : tensor<1x12x128x128xf32>
    %19 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_20 : tensor<1x12x128x128xf32>) outs(%18 : tensor<1x12x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.divf %in, %cst_7 : f32
      linalg.yield %88 : f32
    } -> tensor<1x12x128x128xf32>
    %20 = linalg.generic {indexing_maps = [#map2, #map4, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%19, %17 : tensor<1x12x128x128xf32>, tensor<1x1x1x128xf32>) outs(%18 : tensor<1x12x128x128xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x12x128x128xf32>
    %21 = tensor.empty() : tensor<1x12x128xi64>
    %22 = linalg.fill ins(%c0_i64 : i64) outs(%21 : tensor<1x12x128xi64>) -> tensor<1x12x128xi64>
    %23 = tensor.empty() : tensor<1x12x128xf32>
    %24 = linalg.fill ins(%cst_0 : f32) outs(%23 : tensor<1x12x128xf32>) -> tensor<1x12x128xf32>
    %25:2 = linalg.generic {indexing_maps = [#map2, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%20 : tensor<1x12x128x128xf32>) outs(%24, %22 : tensor<1x12x128xf32>, tensor<1x12x128xi64>) {
    ^bb0(%in: f32, %out: f32, %out_36: i64):
      %88 = linalg.index 3 : index
      %89 = arith.index_cast %88 : index to i64
      %90 = arith.maximumf %in, %out : f32
      %91 = arith.cmpf ogt, %in, %out : f32
      %92 = arith.select %91, %89, %out_36 : i64
      linalg.yield %90, %92 : f32, i64
    } -> (tensor<1x12x128xf32>, tensor<1x12x128xi64>)
    %expanded_22 = tensor.expand_shape %25#0 [[0], [1], [2, 3]] output_shape [1, 12, 128, 1] : tensor<1x12x128xf32> into tensor<1x12x128x1xf32>
    %26 = linalg.generic {indexing_maps = [#map2, #map6, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%20, %expanded_22 : tensor<1x12x128x128xf32>, tensor<1x12x128x1xf32>) outs(%18 : tensor<1x12x128x128xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.subf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x12x128x128xf32>
    %27 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%26 : tensor<1x12x128x128xf32>) outs(%18 : tensor<1x12x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = math.exp %in : f32
      linalg.yield %88 : f32
    } -> tensor<1x12x128x128xf32>
    %28 = tensor.empty() : tensor<1x12x128x1xf32>
    %29 = linalg.fill ins(%cst : f32) outs(%28 : tensor<1x12x128x1xf32>) -> tensor<1x12x128x1xf32>
    %30 = linalg.generic {indexing_maps = [#map2, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%27 : tensor<1x12x128x128xf32>) outs(%29 : tensor<1x12x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.addf %in, %out : f32
      linalg.yield %88 : f32
    } -> tensor<1x12x128x1xf32>
    %31 = linalg.generic {indexing_maps = [#map2, #map6, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%27, %30 : tensor<1x12x128x128xf32>, tensor<1x12x128x1xf32>) outs(%18 : tensor<1x12x128x128xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.divf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x12x128x128xf32>
    %collapsed_23 = tensor.collapse_shape %31 [[0, 1], [2], [3]] : tensor<1x12x128x128xf32> into tensor<12x128x128xf32>
    %collapsed_24 = tensor.collapse_shape %transposed_16 [[0, 1], [2], [3]] : tensor<1x12x128x64xf32> into tensor<12x128x64xf32>
    %32 = tensor.empty() : tensor<12x128x64xf32>
    %33 = linalg.fill ins(%cst : f32) outs(%32 : tensor<12x128x64xf32>) -> tensor<12x128x64xf32>
    %34 = linalg.batch_matmul ins(%collapsed_23, %collapsed_24 : tensor<12x128x128xf32>, tensor<12x128x64xf32>) outs(%33 : tensor<12x128x64xf32>) -> tensor<12x128x64xf32>
    %expanded_25 = tensor.expand_shape %34 [[0, 1], [2], [3]] output_shape [1, 12, 128, 64] : tensor<12x128x64xf32> into tensor<1x12x128x64xf32>
    %35 = tensor.empty() : tensor<1x128x12x64xf32>
    %transposed_26 = linalg.transpose ins(%expanded_25 : tensor<1x12x128x64xf32>) outs(%35 : tensor<1x128x12x64xf32>) permutation = [0, 2, 1, 3] 
    %collapsed_27 = tensor.collapse_shape %transposed_26 [[0, 1], [2, 3]] : tensor<1x128x12x64xf32> into tensor<128x768xf32>
    %transposed_28 = linalg.transpose ins(%arg8 : tensor<768x768xf32>) outs(%0 : tensor<768x768xf32>) permutation = [1, 0] 
    %36 = linalg.matmul ins(%collapsed_27, %transposed_28 : tensor<128x768xf32>, tensor<768x768xf32>) outs(%2 : tensor<128x768xf32>) -> tensor<128x768xf32>
    %37 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%36, %arg9 : tensor<128x768xf32>, tensor<768xf32>) outs(%1 : tensor<128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<128x768xf32>
    %expanded_29 = tensor.expand_shape %37 [[0, 1], [2]] output_shape [1, 128, 768] : tensor<128x768xf32> into tensor<1x128x768xf32>
    %38 = tensor.empty() : tensor<1x128x768xf32>
    %39 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_29, %arg0 : tensor<1x128x768xf32>, tensor<1x128x768xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %40 = tensor.empty() : tensor<1x128x768xf64>
    %41 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%39 : tensor<1x128x768xf32>) outs(%40 : tensor<1x128x768xf64>) {
    ^bb0(%in: f32, %out: f64):
      %88 = arith.extf %in : f32 to f64
      linalg.yield %88 : f64
    } -> tensor<1x128x768xf64>
    %42 = tensor.empty() : tensor<1x128x1xf64>
    %43 = linalg.fill ins(%cst_1 : f64) outs(%42 : tensor<1x128x1xf64>) -> tensor<1x128x1xf64>
    %44 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%41 : tensor<1x128x768xf64>) outs(%43 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.addf %in, %out : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %45 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%44 : tensor<1x128x1xf64>) outs(%42 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.divf %in, %cst_8 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %46 = linalg.generic {indexing_maps = [#map7, #map8, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%41, %45 : tensor<1x128x768xf64>, tensor<1x128x1xf64>) outs(%40 : tensor<1x128x768xf64>) {
    ^bb0(%in: f64, %in_36: f64, %out: f64):
      %88 = arith.subf %in, %in_36 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x768xf64>
    %47 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%46, %46 : tensor<1x128x768xf64>, tensor<1x128x768xf64>) outs(%40 : tensor<1x128x768xf64>) {
    ^bb0(%in: f64, %in_36: f64, %out: f64):
      %88 = arith.mulf %in, %in_36 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x768xf64>
    %48 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%47 : tensor<1x128x768xf64>) outs(%43 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.addf %in, %out : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %49 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%48 : tensor<1x128x1xf64>) outs(%42 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.divf %in, %cst_8 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %50 = tensor.empty() : tensor<1x128x1xf32>
    %51 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%49 : tensor<1x128x1xf64>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f64, %out: f32):
      %88 = arith.truncf %in : f64 to f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %52 = linalg.fill ins(%cst : f32) outs(%50 : tensor<1x128x1xf32>) -> tensor<1x128x1xf32>
    %53 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%39 : tensor<1x128x768xf32>) outs(%52 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.addf %in, %out : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %54 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%53 : tensor<1x128x1xf32>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.divf %in, %cst_9 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %55 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%51 : tensor<1x128x1xf32>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.truncf %cst_5 : f64 to f32
      %89 = arith.addf %in, %88 : f32
      linalg.yield %89 : f32
    } -> tensor<1x128x1xf32>
    %56 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%55 : tensor<1x128x1xf32>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = math.rsqrt %in : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %57 = linalg.generic {indexing_maps = [#map7, #map8, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%39, %54 : tensor<1x128x768xf32>, tensor<1x128x1xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.subf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %58 = linalg.generic {indexing_maps = [#map7, #map8, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%57, %56 : tensor<1x128x768xf32>, tensor<1x128x1xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.mulf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %59 = linalg.generic {indexing_maps = [#map7, #map9, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%58, %arg10 : tensor<1x128x768xf32>, tensor<768xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.mulf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %60 = linalg.generic {indexing_maps = [#map7, #map9, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%59, %arg11 : tensor<1x128x768xf32>, tensor<768xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %collapsed_30 = tensor.collapse_shape %60 [[0, 1], [2]] : tensor<1x128x768xf32> into tensor<128x768xf32>
    %61 = tensor.empty() : tensor<768x3072xf32>
    %transposed_31 = linalg.transpose ins(%arg12 : tensor<3072x768xf32>) outs(%61 : tensor<768x3072xf32>) permutation = [1, 0] 
    %62 = tensor.empty() : tensor<128x3072xf32>
    %63 = linalg.fill ins(%cst : f32) outs(%62 : tensor<128x3072xf32>) -> tensor<128x3072xf32>
    %64 = linalg.matmul ins(%collapsed_30, %transposed_31 : tensor<128x768xf32>, tensor<768x3072xf32>) outs(%63 : tensor<128x3072xf32>) -> tensor<128x3072xf32>
    %65 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%64, %arg13 : tensor<128x3072xf32>, tensor<3072xf32>) outs(%62 : tensor<128x3072xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<128x3072xf32>
    %expanded_32 = tensor.expand_shape %65 [[0, 1], [2]] output_shape [1, 128, 3072] : tensor<128x3072xf32> into tensor<1x128x3072xf32>
    %66 = tensor.empty() : tensor<1x128x3072xf32>
    %67 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_32 : tensor<1x128x3072xf32>) outs(%66 : tensor<1x128x3072xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.divf %in, %cst_10 : f32
      %89 = math.erf %88 : f32
      %90 = arith.addf %89, %cst_2 : f32
      %91 = arith.mulf %90, %cst_3 : f32
      %92 = arith.mulf %in, %91 : f32
      linalg.yield %92 : f32
    } -> tensor<1x128x3072xf32>
    %collapsed_33 = tensor.collapse_shape %67 [[0, 1], [2]] : tensor<1x128x3072xf32> into tensor<128x3072xf32>
    %68 = tensor.empty() : tensor<3072x768xf32>
    %transposed_34 = linalg.transpose ins(%arg14 : tensor<768x3072xf32>) outs(%68 : tensor<3072x768xf32>) permutation = [1, 0] 
    %69 = linalg.matmul ins(%collapsed_33, %transposed_34 : tensor<128x3072xf32>, tensor<3072x768xf32>) outs(%2 : tensor<128x768xf32>) -> tensor<128x768xf32>
    %70 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%69, %arg15 : tensor<128x768xf32>, tensor<768xf32>) outs(%1 : tensor<128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<128x768xf32>
    %expanded_35 = tensor.expand_shape %70 [[0, 1], [2]] output_shape [1, 128, 768] : tensor<128x768xf32> into tensor<1x128x768xf32>
    %71 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_35, %60 : tensor<1x128x768xf32>, tensor<1x128x768xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %72 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%71 : tensor<1x128x768xf32>) outs(%40 : tensor<1x128x768xf64>) {
    ^bb0(%in: f32, %out: f64):
      %88 = arith.extf %in : f32 to f64
      linalg.yield %88 : f64
    } -> tensor<1x128x768xf64>
    %73 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%72 : tensor<1x128x768xf64>) outs(%43 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.addf %in, %out : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %74 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73 : tensor<1x128x1xf64>) outs(%42 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.divf %in, %cst_8 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %75 = linalg.generic {indexing_maps = [#map7, #map8, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%72, %74 : tensor<1x128x768xf64>, tensor<1x128x1xf64>) outs(%40 : tensor<1x128x768xf64>) {
    ^bb0(%in: f64, %in_36: f64, %out: f64):
      %88 = arith.subf %in, %in_36 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x768xf64>
    %76 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%75, %75 : tensor<1x128x768xf64>, tensor<1x128x768xf64>) outs(%40 : tensor<1x128x768xf64>) {
    ^bb0(%in: f64, %in_36: f64, %out: f64):
      %88 = arith.mulf %in, %in_36 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x768xf64>
    %77 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%76 : tensor<1x128x768xf64>) outs(%43 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.addf %in, %out : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %78 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%77 : tensor<1x128x1xf64>) outs(%42 : tensor<1x128x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %88 = arith.divf %in, %cst_8 : f64
      linalg.yield %88 : f64
    } -> tensor<1x128x1xf64>
    %79 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%78 : tensor<1x128x1xf64>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f64, %out: f32):
      %88 = arith.truncf %in : f64 to f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %80 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "reduction"]} ins(%71 : tensor<1x128x768xf32>) outs(%52 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.addf %in, %out : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %81 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%80 : tensor<1x128x1xf32>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.divf %in, %cst_9 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %82 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%79 : tensor<1x128x1xf32>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = arith.truncf %cst_5 : f64 to f32
      %89 = arith.addf %in, %88 : f32
      linalg.yield %89 : f32
    } -> tensor<1x128x1xf32>
    %83 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%82 : tensor<1x128x1xf32>) outs(%50 : tensor<1x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %88 = math.rsqrt %in : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x1xf32>
    %84 = linalg.generic {indexing_maps = [#map7, #map8, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%71, %81 : tensor<1x128x768xf32>, tensor<1x128x1xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.subf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %85 = linalg.generic {indexing_maps = [#map7, #map8, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%84, %83 : tensor<1x128x768xf32>, tensor<1x128x1xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.mulf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %86 = linalg.generic {indexing_maps = [#map7, #map9, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%85, %arg16 : tensor<1x128x768xf32>, tensor<768xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.mulf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    %87 = linalg.generic {indexing_maps = [#map7, #map9, #map7], iterator_types = ["parallel", "parallel", "parallel"]} ins(%86, %arg17 : tensor<1x128x768xf32>, tensor<768xf32>) outs(%38 : tensor<1x128x768xf32>) {
    ^bb0(%in: f32, %in_36: f32, %out: f32):
      %88 = arith.addf %in, %in_36 : f32
      linalg.yield %88 : f32
    } -> tensor<1x128x768xf32>
    return %87 : tensor<1x128x768xf32>
  }
}
