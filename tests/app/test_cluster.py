"""The app with a Redis cluster: rows are stored on all nodes, and every process finds them."""

import json

import pytest

from tests.cache.cluster_process import ClusterProcess

ROWS = [[number / 1000, 0.9, 0.9] for number in range(100)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ClusterProcess(tmp_path_factory.mktemp("redis-cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def app(make_app, cluster):
    return make_app(
        without="redis", REDIS_URL=cluster.url, REDIS_CLUSTER="true", CACHE_MODE="always"
    )


def test_a_row_that_one_process_scored_is_a_hit_in_another_on_any_node_in_any_format(app, cluster):
    asked = json.dumps(ROWS).encode()
    first = app.post(asked)
    assert (first.status, first.headers["x-cache"]) == (200, "miss")
    assert app.get("/api/health/ready").json()["dependencies"]["cache"]["status"] == "ok"
    app.host.stop()
    assert all(cluster.ask(node, "DBSIZE") > 10 for node in range(3))
    app.start_host()
    again = app.post(asked)
    assert (again.headers["x-cache"], again.body) == ("hit", first.body)
    some = ROWS[70:20:-1]
    table = "".join(f"{','.join(map(str, row))}\n" for row in some).encode()
    others = app.post(table, "text/csv", Accept="application/json")
    assert others.headers["x-cache"] == "hit"
    assert others.json() == first.json()[70:20:-1]
