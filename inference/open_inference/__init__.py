"""The Open Inference Protocol, version 2: what KServe, MLServer and Triton clients speak.

Requests and answers are documents of named tensors. The rows in the tensors go to the scorer as
those of any other format do, so all formats share the cached rows.
"""
