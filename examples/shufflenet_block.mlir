// ShuffleNet block: exported by examples/export.py with torch 2.13.0, torch-mlir 20261001.
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d1, 0, 0)>
module {
  func.func @shufflenet_block(%arg0: tensor<1x58x28x28xf32>, %arg1: tensor<1x58x28x28xf32>) -> tensor<1x116x28x28xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 1.000000e+00 : f32
    %cst_1 = arith.constant dense_resource<torch_tensor_58_torch.float32_3> : tensor<58xf32>
    %cst_2 = arith.constant dense_resource<torch_tensor_58_torch.float32_2> : tensor<58xf32>
    %cst_3 = arith.constant 1.000000e-05 : f64
    %cst_4 = arith.constant dense_resource<torch_tensor_58_torch.float32_1> : tensor<58xf32>
    %cst_5 = arith.constant dense_resource<torch_tensor_58_torch.float32> : tensor<58xf32>
    %0 = tensor.empty() : tensor<58xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%cst_4 : tensor<58xf32>) outs(%0 : tensor<58xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = arith.truncf %cst_3 : f64 to f32
      %12 = arith.addf %in, %11 : f32
      linalg.yield %12 : f32
    } -> tensor<58xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%1 : tensor<58xf32>) outs(%0 : tensor<58xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = math.sqrt %in : f32
      linalg.yield %11 : f32
    } -> tensor<58xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%2 : tensor<58xf32>) outs(%0 : tensor<58xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = arith.cmpf one, %in, %cst : f32
      cf.assert %11, "unimplemented: tensor with zero element"
      %12 = arith.divf %cst_0, %in : f32
      linalg.yield %12 : f32
    } -> tensor<58xf32>
    %expanded = tensor.expand_shape %cst_5 [[0, 1, 2]] output_shape [58, 1, 1] : tensor<58xf32> into tensor<58x1x1xf32>
    %expanded_6 = tensor.expand_shape %3 [[0, 1, 2]] output_shape [58, 1, 1] : tensor<58xf32> into tensor<58x1x1xf32>
    %4 = tensor.empty() : tensor<1x58x28x28xf32>
    %5 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %expanded : tensor<1x58x28x28xf32>, tensor<58x1x1xf32>) outs(%4 : tensor<1x58x28x28xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %11 = arith.subf %in, %in_10 : f32
      linalg.yield %11 : f32
    } -> tensor<1x58x28x28xf32>
    %6 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5, %expanded_6 : tensor<1x58x28x28xf32>, tensor<58x1x1xf32>) outs(%4 : tensor<1x58x28x28xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %11 = arith.mulf %in, %in_10 : f32
      linalg.yield %11 : f32
    } -> tensor<1x58x28x28xf32>
    %expanded_7 = tensor.expand_shape %cst_2 [[0, 1, 2]] output_shape [58, 1, 1] : tensor<58xf32> into tensor<58x1x1xf32>
    %7 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %expanded_7 : tensor<1x58x28x28xf32>, tensor<58x1x1xf32>) outs(%4 : tensor<1x58x28x28xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %11 = arith.mulf %in, %in_10 : f32
      linalg.yield %11 : f32
    } -> tensor<1x58x28x28xf32>
    %expanded_8 = tensor.expand_shape %cst_1 [[0, 1, 2]] output_shape [58, 1, 1] : tensor<58xf32> into tensor<58x1x1xf32>
    %8 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %expanded_8 : tensor<1x58x28x28xf32>, tensor<58x1x1xf32>) outs(%4 : tensor<1x58x28x28xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %11 = arith.addf %in, %in_10 : f32
      linalg.yield %11 : f32
    } -> tensor<1x58x28x28xf32>
    %9 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8 : tensor<1x58x28x28xf32>) outs(%4 : tensor<1x58x28x28xf32>) {
    ^bb0(%in: f32, %out: f32):
      %11 = arith.cmpf ugt, %in, %cst : f32
      %12 = arith.select %11, %in, %cst : f32
      linalg.yield %12 : f32
    } -> tensor<1x58x28x28xf32>
    %concat = tensor.concat dim(1) %arg0, %9 : (tensor<1x58x28x28xf32>, tensor<1x58x28x28xf32>) -> tensor<1x116x28x28xf32>
    %expanded_9 = tensor.expand_shape %concat [[0], [1, 2], [3], [4]] output_shape [1, 2, 58, 28, 28] : tensor<1x116x28x28xf32> into tensor<1x2x58x28x28xf32>
    %10 = tensor.empty() : tensor<1x58x2x28x28xf32>
    %transposed = linalg.transpose ins(%expanded_9 : tensor<1x2x58x28x28xf32>) outs(%10 : tensor<1x58x2x28x28xf32>) permutation = [0, 2, 1, 3, 4] 
    %collapsed = tensor.collapse_shape %transposed [[0], [1, 2], [3], [4]] : tensor<1x58x2x28x28xf32> into tensor<1x116x28x28xf32>
    return %collapsed : tensor<1x116x28x28xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_58_torch.float32_3: "0x04000000000000BF84E59EBE232CF7BDCB3D8D3DEE69843E6A84E53E1A61B9BE3E8D30BECB3D8D3CB1DC533ED408CB3EB1DCD3BE6A8465BECB3D0DBD84E51E3E3E8DB03E4758EEBECB3D8DBE3E8DB0BDB1DCD33DA811963E232CF73E61B9A7BECB3D0DBEB1DC533D232C773E8DB0DC3EF734C2BEF73442BE00000000F734423EF734C23E8DB0DCBE232C77BEB1DC53BDCB3D0D3E61B9A73E232CF7BEA81196BEB1DCD3BD3E8DB03DCB3D8D3E4758EE3E3E8DB0BE84E51EBECB3D0D3D6A84653EB1DCD33ED408CBBEB1DC53BECB3D8DBC3E8D303E1A61B93E6A84E5BEEE6984BECB3D8DBD232CF73D84E59E3E",
      torch_tensor_58_torch.float32_2: "0x040000000000003F84E51E3F09CB3D3F8DB05C3F12967B3FCB3D8D3F8DB09C3F4F23AC3F1296BB3FA811163F2CF7343FB1DC533F35C2723FDDD3883F9F46983F61B9A73F232CB73FCB3D0D3F4F232C3FD4084B3F58EE693FEE69843FB1DC933F734FA33F35C2B23FEE69043F734F233FF734423F7C1A613F0000803FC2728F3F84E59E3F4758AE3F09CBBD3F967B1A3F1A61393F9F46583F232C773FD4088B3F967B9A3F58EEA93F1A61B93FB9A7113F3E8D303FC2724F3F47586E3FE69E863FA811963F6A84A53F2CF7B43FDDD3083F61B9273FE69E463F6A84653FF734823FB9A7913F7C1AA13F3E8DB03F",
      torch_tensor_58_torch.float32_1: "0x040000000000803E734F433F734FA33F2CF7E43FCB3D0D3F9F46883F58EEC93F4758AE3E967B5A3F84E5AE3F3E8DF03FEE69243FB1DC933F6A84D53F8DB0DC3EB9A7713F967BBA3F4F23FC3F12963B3FC2729F3F7C1AE13F6A84053FEE69843FA811C63F84E59E3E35C2523FD408AB3F8DB0EC3F8DB01C3F0000903FB9A7D13FCB3DCD3E58EE693FE69EB63F9F46F83FB1DC333F12969B3FCB3DDD3F1296FB3E3E8D803FF734C23FC2728F3ED4084B3F232CA73FDDD3E83F2CF7143F4F238C3F09CBCD3F09CBBD3EF734623F35C2B23FEE69F43F4F232C3F61B9973F1A61D93F4F23EC3E1A61793F4758BE3F",
      torch_tensor_58_torch.float32: "0x04000000000080BFCB3D0DBFB1DCD3BD3E8DB03ED4084B3FF73442BF84E59EBECB3D0D3EA811163F232C77BFEE6904BFCB3D8DBDF734C23EB1DC533F1A6139BFCB3D8DBE3E8D303E84E51E3F47586EBF232CF7BECB3D0DBDB1DCD33E8DB05C3F3E8D30BF232C77BEB1DC533E61B9273F6A8465BF6A84E5BE000000006A84E53E6A84653F61B927BFB1DC53BE232C773E3E8D303F8DB05CBFB1DCD3BECB3D0D3D232CF73E47586E3F84E51EBF3E8D30BECB3D8D3E1A61393FB1DC53BFF734C2BECB3D8D3DEE69043F232C773FA81116BFCB3D0DBE84E59E3EF734423FD4084BBF3E8DB0BEB1DCD33DCB3D0D3F"
    }
  }
#-}
