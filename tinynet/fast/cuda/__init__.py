"""What runs fast on a GPU: kernels in CUDA C++, a file for each concept, under the names of the plain functions.

    kernels.py          how a kernel is compiled and started: read this first
    blas.py             matrix products, by a library; recorded_blas.py, those of a CUDA graph (devices/graph.py)
    im2col.py           windows as rows of a matrix
    winograd.py         fewer multiplications for small kernels; winograd_kernels.py
    sums.py             sums of many numbers, of which batch normalisation and the optimisers need some
    lrn.py, conv.py...  the kernels of layers/lrn.py, layers/conv.py, ...

Sums are added in the same order each time, so that two runs give the same bits.
"""
