"""What is clever about speed. Nothing here says what is computed: layers/, loss.py, training/optim.py, data/glance.py
do. Each operation there may have a twin of the same name here, in the file of the same name, that `operation.py` takes
on a CPU; those for a GPU are in cuda/.

    operation                     how a twin is chosen, and `with plain():`, which takes none
    parallel workers              a batch in slices, a thread to each; pieces that fit a cache
    memory                        memory that serves again and again
    im2col                        windows as rows of a matrix: what a convolution is, plain or fast
    winograd winograd_conv        fewer multiplications for small kernels
    windows                       the pixels of a pooling, dealt out so that they run along memory
    conv linear local ...         the twins

Threads, memory and transformed weights are the state of this process, and kept in parallel.py, memory.py and
winograd_conv.py alone; a forked process finds them in order.
"""
