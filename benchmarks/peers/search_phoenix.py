"""Searches in Phoenix by GraphQL, as its own pages do it: PORT ASKED.json OUT.json."""
# pyright: basic

import datetime as dt
import json
import sys
import urllib.request
from collections.abc import Callable

from search_common import BEGIN_OF_WEEK, NEEDLE, timed, words

port, asked, out = sys.argv[1:]
middling, tail = words(asked)
_PAGE = """query($id: ID!, $f: String, $tr: TimeRange) { node(id: $id) { ... on Project {
  spans(first: 20, sort: {col: startTime, dir: desc}, filterCondition: $f, timeRange: $tr) {
    edges { node { name spanKind startTime statusCode trace { traceId }
      input { truncatedValue } output { truncatedValue } } } } } } }"""


def graphql(query: str, variables: dict) -> dict:
    """The data of a reply."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as reply:  # noqa: S310 - as above
        told = json.load(reply)
    if told.get("errors"):
        raise SystemExit(told["errors"])
    return told["data"]


edges = graphql("{ projects { edges { node { id traceCount } } } }", {})["projects"]["edges"]
project = max((edge["node"] for edge in edges), key=lambda node: node["traceCount"])["id"]
week = {"start": dt.datetime.fromtimestamp(BEGIN_OF_WEEK, dt.UTC).isoformat()}


def find(condition: str, times: dict | None = None) -> Callable[[], int]:
    """A search; it tells how many spans it found."""
    asked = {"id": project, "f": condition, "tr": times}
    return lambda: len(graphql(_PAGE, asked)["node"]["spans"]["edges"])


def holds(word: str) -> str:
    """A condition."""
    return f"('{word}' in input.value or '{word}' in output.value)"


timed(
    {
        "newest": find("parent_id is None"),
        "rare word": find(f"parent_id is None and {holds(NEEDLE)}"),
        "tail word": find(holds(tail)),
        "word + model + time": find(
            f"attributes['gen_ai']['request']['model'] == 'gpt-4o-mini' and {holds(middling)}", week
        ),
    },
    out,
)
