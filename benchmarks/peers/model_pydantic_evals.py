"""Questions to a model in pydantic-evals: URL NUMBER CONCURRENCY."""
# pyright: basic, reportMissingImports=false

import sys

import httpx
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Contains

url, number, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = httpx.AsyncClient(timeout=60)


async def task(question: str) -> str:
    """Ask the model."""
    body = {"model": "stub", "messages": [{"role": "user", "content": question}]}
    reply = await client.post(f"{url}/chat/completions", json=body)
    return str(reply.json()["choices"][0]["message"]["content"])


cases = [Case(name=f"case-{place}", inputs=f"question {place}") for place in range(number)]
dataset = Dataset(name="questions", cases=cases, evaluators=[Contains("PASS")])
report = dataset.evaluate_sync(task, progress=False, max_concurrency=at_once)
if report.failures or not all(all(a.value for a in c.assertions.values()) for c in report.cases):
    raise SystemExit("not every answer passed")
