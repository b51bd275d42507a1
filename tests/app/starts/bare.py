"""The least that a process needs before it can predict: `bare.py MODEL_FILE` loads the model, and
prints the seconds that the processor worked for it.
"""

from tests.app.starts import own_packages  # noqa: F401, I001

import os
import sys
import time

import joblib
import sklearn  # noqa: F401

model = joblib.load(sys.argv[1])
print(time.process_time(), flush=True)
sys.stdin.read()
os._exit(0)
