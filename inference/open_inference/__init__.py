"""The Open Inference Protocol, version 2: what KServe, MLServer and Triton clients speak.

A document of named tensors in, one of the same kind out. Rows come out of the tensors and go to
the scorer as those of any other format do, so that all share one cache.
"""
