"""More visitors than the line holds, all in the same moment, against the real app over loopback."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks import memory
from benchmarks.crowd import Visit, Visitor, all_at_once, expected, whose
from pipelines.engines.filters.engine import FilterEngine
from pipelines.presets.loading import Presets
from tests.support.site import SHORT_LINE, TOY_SIZE, Site, wait_until

pytestmark = pytest.mark.slow

PORTRAITS = 40


@pytest.fixture(scope="module", params=[SHORT_LINE + 2, 9])
def visits(request: pytest.FixtureRequest, busy_site: Site) -> list[Visit]:
    """Visitors with distinct photos, one more than fit at least; whoever is refused presses Create again."""
    return asyncio.run(all_at_once(busy_site.url, request.param, tries=60))


def test_everybody_is_served_in_the_end_and_told_something_until_then(visits: list[Visit]) -> None:
    assert all(visit.served is not None for visit in visits)
    assert sum(not visit.told and not visit.refusals for visit in visits) <= 1, "only the first had not to wait"


def test_whoever_waits_reads_a_place_that_only_gets_better_and_then_an_estimate(visits: list[Visit]) -> None:
    places = [words for visit in visits for words in visit.told]
    assert places
    assert all(1 <= words.position <= SHORT_LINE for words in places)
    assert any(words.seconds is not None for words in places), "once a portrait is done, the time is known"
    for visit in visits:
        if not visit.refusals:  # in line once
            assert all(later.position <= earlier.position for earlier, later in pairwise(visit.told))


def test_a_full_line_is_said_in_a_sentence_and_trying_again_works(visits: list[Visit]) -> None:
    refused = [visit for visit in visits if visit.refusals]
    assert refused, "so many at once do not fit"
    for visit in refused:
        assert all(
            words.startswith(f"The line is full, {SHORT_LINE} visitors are waiting; ") for words in visit.refusals
        )
        assert visit.served is not None, "nothing was lost: the photo was still there"


def test_nobody_gets_anybody_elses_picture(
    visits: list[Visit], presets: Presets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FilterEngine, "size", TOY_SIZE)
    pictures = expected(presets, len(visits), tmp_path)
    for visit in visits:
        assert visit.portrait is not None
        assert whose(visit.portrait, pictures) == visit.number
        assert visit.keys_seen == {visit.key}
    assert len({visit.key for visit in visits}) == len(visits)


def test_a_page_that_is_closed_leaves_the_line(busy_site: Site) -> None:
    async def work() -> tuple[Visit, Visit]:
        async with httpx.AsyncClient(timeout=None) as one, httpx.AsyncClient(timeout=None) as two:
            first, second = Visitor(busy_site.url, 0, one), Visitor(busy_site.url, 1, two)
            for visitor in (first, second):
                await visitor.enter()
            holding = asyncio.create_task(first.create(variations=4))
            await asyncio.sleep(0.2)
            waiting = asyncio.create_task(second.create(variations=4))
            while not second.visit.told and not waiting.done():
                await asyncio.sleep(0.05)
            waiting.cancel()
            await second.leave()
            await holding
            async with httpx.AsyncClient(timeout=None) as client:
                third = Visitor(busy_site.url, 2, client)
                await third.enter()
                await third.create()
                await third.leave()
            await first.leave()
            return first.visit, third.visit

    first, third = asyncio.run(work())
    assert first.served is not None
    assert third.served is not None
    kept = busy_site.root / "tmp"
    wait_until(lambda: not list(kept.rglob("*.png")), "what the closed pages had is deleted")


def test_memory_stays_flat_over_many_portraits(busy_site: Site) -> None:
    """What `python -m benchmarks.memory` measures over 500, in small."""
    seen = memory.curve(busy_site.url, psutil.Process(busy_site.process.pid), PORTRAITS, 8)
    assert seen[-1][0] == PORTRAITS
    settled = seen[1:]
    assert settled[-1][1] - settled[0][1] < 60, f"MB after so many portraits: {seen}"
