"""The peers, each in the fastest set-up that its documentation describes."""

from __future__ import annotations

import json

from bench.bodies import data_at, v2_at
from bench.environments import Environment
from bench.places import BENCH, free_port
from bench.servers.server import Server
from bench.servers.stage import Stage
from local.emulators.ports import HOST

FASTAPI = Environment("fastapi")
AZUREML = Environment("azureml")
BENTOML = Environment("bentoml")
#: Its newest release needs a Python below 3.13.
MLSERVER = Environment("mlserver", pythons=("3.12", "3.11"))

#: Rows at most, and seconds at most, that MLServer gathers. It always waits for the time to pass
#: or for the batch to be full, so a longer time would cost more than a batch gains.
MLSERVER_BATCH, MLSERVER_WAIT_S = 64, 0.001


def fastapi(stage: Stage, workers: int) -> Server:
    return _fastapi("fastapi", stage, workers, redis_url="")


def fastapi_cached(stage: Stage, workers: int) -> Server:
    return _fastapi("fastapi-cache", stage, workers, redis_url=stage.redis_url())


def _fastapi(name: str, stage: Stage, workers: int, *, redis_url: str) -> Server:
    port = free_port()
    return Server(
        name=name,
        workers=workers,
        command=(
            *(FASTAPI.program("uvicorn"), "app:app", "--port", str(port)),
            *("--workers", str(workers), "--loop", "uvloop", "--http", "httptools"),
            *("--no-access-log", "--log-level", "warning"),
        ),
        port=port,
        ready="/health",
        dialect=data_at("/score"),
        env={"MODEL_FILE": str(stage.model.file), "REDIS_URL": redis_url},
        cwd=BENCH / "peers" / "fastapi",
        uncached=not redis_url,
    )


def azureml(stage: Stage, workers: int) -> Server:
    return _azureml("azureml", "score.py", stage, workers, {})


def azureml_cached(stage: Stage, workers: int) -> Server:
    env = {"REDIS_URL": stage.redis_url()}
    return _azureml("azureml-cache", "score_cached.py", stage, workers, env)


def _azureml(name: str, script: str, stage: Stage, workers: int, env: dict[str, str]) -> Server:
    port = free_port()
    folder = BENCH / "peers" / "azureml"
    return Server(
        name=name,
        workers=workers,
        command=(
            *(str(AZUREML.python), str(folder / "serve.py")),
            *("--entry_script", str(folder / script), "--model_dir", str(stage.model.folder)),
            *("--port", str(port), "--worker_count", str(workers)),
        ),
        port=port,
        ready="/",
        dialect=data_at("/score"),
        env=env,
        cwd=stage.folder_of(name),
    )


def bentoml(stage: Stage, workers: int) -> Server:
    port = free_port()
    folder = BENCH / "peers" / "bentoml"
    return Server(
        name="bentoml",
        workers=workers,
        command=(
            *(BENTOML.program("bentoml"), "serve", "service:Scorer"),
            *("--working-dir", str(folder), "--host", HOST, "--port", str(port)),
        ),
        port=port,
        ready="/readyz",
        dialect=data_at("/predict"),
        env={
            "MODEL_FILE": str(stage.model.file),
            "WORKERS": str(workers),
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(stage.folder_of("bentoml")),
        },
        cwd=folder,
    )


def mlserver(stage: Stage, workers: int) -> Server:
    """One worker predicts in the server's own process, which is faster than a child process."""
    port, folder = free_port(), stage.folder_of(f"mlserver-{workers}")
    settings = {
        "debug": False,
        "host": HOST,
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0 if workers == 1 else workers,
    }
    model = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "max_batch_size": MLSERVER_BATCH,
        "max_batch_time": MLSERVER_WAIT_S,
        "parameters": {"uri": str(stage.model.file)},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    return Server(
        name="mlserver",
        workers=workers,
        command=(MLSERVER.program("mlserver"), "start", str(folder)),
        port=port,
        ready="/v2/models/model/ready",
        dialect=v2_at("/v2/models/model/infer"),
        cwd=folder,
    )
