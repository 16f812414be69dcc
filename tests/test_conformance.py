"""What the protocol's own suite says: of everything that it asks for, and of the product alone."""

import re
import sys
from pathlib import Path

import pytest
from node import Node, installed
from served import listening, served

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def suite(request: pytest.FixtureRequest) -> Node:
    return installed(request, "@modelcontextprotocol/conformance@0.2.0-alpha.12")


def scored(told: str) -> dict[str, tuple[int, int]]:
    """Per scenario that a revision requires, or that it will, how many checks passed and failed."""
    found = re.findall(r"^[^\w\s] ([\w-]+): (\d+) passed, (\d+) failed", told, re.MULTILINE)
    extensions = re.findall(r"^  \S ([\w-]+) \(extension\)", told, re.MULTILINE)
    return {
        name: (int(passed), int(failed)) for name, passed, failed in found if name not in extensions
    }


@pytest.mark.parametrize(("revision", "scenarios", "checks"), [
    ("2025-11-25", 33, 84),
    ("2026-07-28", 40, 152),
])  # fmt: skip
def test_the_server_answers_all_that_a_revision_requires(
    suite: Node, revision: str, scenarios: int, checks: int, tmp_path: Path
) -> None:
    with listening([sys.executable, str(HERE / "conformance.py")]) as server:
        arguments = ("--url", server.url, "--requirements", revision, "-o", str(tmp_path))
        done = suite.run("conformance", "server", *arguments)
    found = scored(done.stdout)
    assert {name: counted for name, counted in found.items() if counted[1]} == {}, done.stdout
    assert done.returncode == 0, done.stdout
    assert (len(found), sum(passed for passed, _ in found.values())) == (scenarios, checks)


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_the_product_alone_fails_only_where_the_suite_asks_for_what_no_product_has(
    suite: Node, revision: str, tmp_path: Path
) -> None:
    """The committed list of what fails must be right: an entry that passes is a failure, too."""
    with served(tmp_path, "--rate", "1000000") as server:
        known = str(HERE / f"conformance_{revision}.yml")
        arguments = ("--url", server.url, "--requirements", revision, "-o", str(tmp_path))
        done = suite.run("conformance", "server", *arguments, "--expected-failures", known)
    assert done.returncode == 0, done.stdout[-4_000:]
