"""Keeps the linear algebra of models on the thread that calls it.

By default NumPy's library starts a thread a core, and these spin while they wait for each other. A
call here is short, and other threads read and write bodies at the same time: on two busy cores a
blob of CSV took four times the processor time, and HTTP's p99 beside it was six times as long.
"""

from __future__ import annotations

import os
import sys


def use_one_thread() -> None:
    """For the whole process, once the model's packages are imported.

    A number other than the default, which an operator has set (OPENBLAS_NUM_THREADS or the like),
    is kept.
    """
    # scikit-learn brings it. Models that run without scikit-learn have pools of their own.
    if (threadpoolctl := sys.modules.get("threadpoolctl")) is None:
        return
    pools = threadpoolctl.ThreadpoolController().select(user_api="blas")
    if all(pool["num_threads"] == os.process_cpu_count() for pool in pools.info()):
        pools.limit(limits=1)
