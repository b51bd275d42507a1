"""A real Prometheus scrapes a real app, and evaluates every expression of dashboard and alerts."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tests.deploy.test_dashboards import EXPRESSIONS, ROOT
from tests.servers import HostProcess, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    program = shutil.which("prometheus")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("prometheus is not installed: apt-get install prometheus")
        pytest.skip("prometheus is not installed")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    env = {"TRIGGERS": "http", "HTTP_AUTH_LEVEL": "anonymous", "REDIS_URL": "redis://127.0.0.1:1"}
    with HostProcess(ROOT, env, ("--workers", "2"), folder / "host.log") as host:
        host.wait_ready()
        (folder / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(ROOT / "infra/prometheus/triscore-alerts.yml")],
                    "scrape_configs": [
                        {
                            "job_name": "triscore",
                            "metrics_path": "/api/metrics",
                            "static_configs": [{"targets": [host.url.removeprefix("http://")]}],
                        }
                    ],
                }
            )
        )
        command = [
            *(program, f"--config.file={folder}/prometheus.yml"),
            *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"),
        ]
        with (folder / "prometheus.log").open("w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: series(url, "triscore_workers == 2"), 60)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def series(url, expression):
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as response:
            return json.load(response)["data"]["result"]
    except urllib.error.HTTPError as error:
        if error.code != 503:  # it is starting
            raise
        return []
    except OSError:
        return []


def test_every_expression_is_evaluated_and_most_have_values(prometheus):
    eventually(lambda: series(prometheus, "rate(triscore_answers_total[1m])"), 30)
    values = {
        text: series(prometheus, text.replace("$__rate_interval", "1m").replace("$job", ".+"))
        for text in EXPRESSIONS
    }
    # Alerts that do not fire, and what needs requests, have none.
    assert sum(map(bool, values.values())) > len(values) / 3


def test_prometheus_reads_the_rules(prometheus):
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=10) as response:
        (group,) = json.load(response)["data"]["groups"]
    assert [rule["lastError"] for rule in group["rules"] if rule.get("lastError")] == []
    eventually(lambda: series(prometheus, 'ALERTS{alertname="TriscoreRedisAway"}'), 60)
