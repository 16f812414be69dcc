"""Listing Finder: finds apartments by a question in plain words, from listings.json.

``answer(question)`` is the product. Run it with questions on standard input, one a line, and
it logs each request to the file given by ``--log`` as a line of JSON.
"""

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LISTINGS = json.loads((Path(__file__).parent / "listings.json").read_text(encoding="utf-8"))
CITIES = sorted({listing["city"] for listing in LISTINGS})


@dataclass(frozen=True)
class Wish:
    """What a question asks for; None where it does not say."""

    city: str | None
    bedrooms: int | None
    most: int | None
    pets: bool


def understand(question: str) -> Wish:
    """Read a question."""
    words = question.lower()
    bedrooms = re.search(r"(\d)[ -]?(?:bed|br)", words)
    most = re.search(r"(?:under|below|up to|at most) \$?(\d+)", words)
    return Wish(
        city=next((city for city in CITIES if city.lower() in words), None),
        bedrooms=0 if "studio" in words else int(bedrooms[1]) if bedrooms else None,
        most=int(most[1]) if most else None,
        pets=bool(re.search(r"\b(?:pets?|dogs?|cats?)\b", words)),
    )


def fits(listing: dict[str, object], wish: Wish) -> bool:
    """Whether a listing is what is asked for."""
    if wish.city and listing["city"] != wish.city:
        return False
    if wish.bedrooms and listing["bedrooms"] != wish.bedrooms:
        return False
    if wish.most is not None and int(str(listing["price"])) > wish.most:
        return False
    return bool(listing["pets"]) or not wish.pets


def answer(question: str) -> dict[str, object]:
    """The listings that fit, cheapest first, and a sentence about them."""
    wish = understand(question)
    found = [listing for listing in LISTINGS if fits(listing, wish)]
    found.sort(key=lambda listing: listing["price"])
    if not found:
        message = "I found no listing that fits. Try a higher price or another city."
    elif len(found) == 1:
        message = f"I found one: {found[0]['id']} in {found[0]['area']} for ${found[0]['price']}."
    else:
        message = f"I found {len(found)}, from ${found[0]['price']} a month."
    return {"listings": found, "message": message}


def main() -> None:
    """Answer the questions on standard input."""
    parser = argparse.ArgumentParser(description="Find apartments.")
    parser.add_argument("--log", type=Path, help="append each request to this file")
    log = parser.parse_args().log
    for line in sys.stdin:
        began = time.perf_counter()
        output = answer(line.strip())
        print(output["message"])
        if log:
            record = {
                "timestamp": datetime.now(UTC).isoformat(),
                "input": line.strip(),
                "output": output,
                "model": "rules-1",
                "latency_ms": round((time.perf_counter() - began) * 1000, 3),
            }
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
