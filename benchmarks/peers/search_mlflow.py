"""Searches in MLflow's file, in process and without spans: FOLDER ASKED.json OUT.json."""
# pyright: basic, reportMissingImports=false

import sys
from collections.abc import Callable

import mlflow
from search_common import BEGIN_OF_WEEK, NEEDLE, timed, words

folder, asked, out = sys.argv[1:]
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
client = mlflow.MlflowClient()
middling, tail = words(asked)


def find(condition: str | None) -> Callable[[], int]:
    """A search; it tells how many it found."""
    return lambda: len(
        client.search_traces(
            locations=["0"], filter_string=condition, max_results=20,
            order_by=["timestamp_ms DESC"], include_spans=False,
        )
    )  # fmt: skip


timed(
    {
        "newest": find(None),
        "rare word": find(f"trace.text LIKE '%{NEEDLE}%'"),
        "tail word": find(f"trace.text LIKE '%{tail}%'"),
        "word + model + time": find(
            f"trace.text LIKE '%{middling}%' AND timestamp_ms >= {BEGIN_OF_WEEK * 1000} "
            "AND span.attributes.`gen_ai.request.model` LIKE '%gpt-4o-mini%'"
        ),
    },
    out,
)
