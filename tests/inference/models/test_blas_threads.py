import json
import subprocess
import sys

from tests import small_model

POOLS = """
import asyncio, json, os, sys
from pathlib import Path
from cache import keys
from cache.memory_cache import MemoryCache
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings

async def main():
    env = {"AZUREML_MODEL_DIR": sys.argv[1], "ALLOW_UNPINNED_MODEL": "true", **os.environ}
    settings = InferenceSettings.from_env(env, root=Path())
    scorer = Scorer(settings, MemoryCache(), keys)
    await scorer.script()
    import threadpoolctl
    pools = threadpoolctl.threadpool_info()
    print(json.dumps([each["num_threads"] for each in pools if each["user_api"] == "blas"]))
    await scorer.close()

asyncio.run(main())
"""


def test_a_model_calls_blas_on_one_thread(tmp_path):
    folder = small_model.save(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", POOLS, str(folder)],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(json.loads(done.stdout)) == {1}
