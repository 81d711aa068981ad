"""The simulation of many GPUs, held to theory where there is one, to hand-made runs, and to a measured one."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from pydantic import ValidationError

from benchmarks import scale_simulation as tables
from benchmarks.queueing import erlang_c, md1_wait, mmc_wait, mmc_wait_quantile
from benchmarks.scale_events import Simulation
from benchmarks.scale_measured import Measured, forecast, replay
from benchmarks.scale_plant import (
    Autoscale,
    Plant,
    Ran,
    arrivals,
    by_share,
    day_rate,
    exponential,
    fixed,
    spread,
)
from tests.support.sweeps import sweep

THREE = {"one": 3.0}
TWO_MODELS = {"a": 0.5, "b": 0.5}


def run(plant: Plant, rate: float, seconds: float, *, seed: int = 1, warm: float = 0.0) -> Ran:
    return Simulation(plant, arrivals(rate, seconds, plant.models, seed=seed), seed=seed, warm_seconds=warm).run()


def test_theory_is_what_the_textbooks_print() -> None:
    assert erlang_c(1, 0.7) == pytest.approx(0.7)  # one server: waits as often as it is busy
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(10, 8.0) == pytest.approx(0.4092, abs=1e-4)  # Erlang C table: 8 erlangs, 10 agents
    assert mmc_wait(1, 0.5, 1.0) == pytest.approx(1.0)  # rho / (mu - lambda)
    assert md1_wait(0.5, 1.0) == pytest.approx(mmc_wait(1, 0.5, 1.0) / 2)


@pytest.mark.parametrize(("servers", "load"), sweep([(4, 0.8), (1, 0.7), (16, 0.85)], 1, several=True))
def test_waits_are_erlangs(servers: int, load: float) -> None:
    rate = servers * load / 3
    ran = run(Plant(servers, exponential(THREE)), rate, 60_000 / rate, warm=1000)
    assert ran.mean_wait == pytest.approx(mmc_wait(servers, rate, 3.0), rel=0.08)
    assert ran.wait_quantile(0.95) == pytest.approx(mmc_wait_quantile(servers, rate, 3.0, 0.95), rel=0.08)
    waited = sum(wait > 1e-9 for wait in ran.waits) / len(ran.waits)
    assert waited == pytest.approx(erlang_c(servers, rate * 3), rel=0.05)


@pytest.mark.slow
def test_work_that_always_takes_as_long_is_waited_for_half_as_long() -> None:
    ran = run(Plant(1, fixed(THREE)), 0.8 / 3, 200_000, warm=1000)
    assert ran.mean_wait == pytest.approx(md1_wait(0.8 / 3, 3.0), rel=0.07)


def test_utilisation_and_littles_law() -> None:
    ran = run(Plant(5, spread(THREE, 0.5)), 1.3, 30_000, warm=500)
    assert ran.busy / ran.running == pytest.approx(1.3 * 3 / 5, rel=0.03)
    assert ran.waiting / ran.seconds == pytest.approx(ran.per_second * ran.mean_wait, rel=0.02)
    assert ran.running == pytest.approx(5 * ran.seconds)


@pytest.mark.slow
def test_without_a_line_as_many_are_refused_as_erlang_b_says() -> None:
    rate, servers = 1.0, 4
    refused = 1.0
    for server in range(1, servers + 1):
        refused = rate * 3 * refused / (server + rate * 3 * refused)
    ran = run(Plant(servers, exponential(THREE), line=0), rate, 40_000)
    assert ran.refused / ran.came == pytest.approx(refused, rel=0.05)
    assert max(ran.waits) == 0.0


@pytest.mark.slow
def test_who_dies_at_work_is_tried_once_more_and_nobody_is_forgotten() -> None:
    plant = Plant(6, fixed(THREE), hours_between_failures=30 / 3600, start_seconds=20)
    ran = run(plant, 0.8, 20_000)
    dies = 1 - math.exp(-3 / 30)
    assert ran.tried_again / ran.came == pytest.approx(dies, rel=0.1)
    assert ran.lost / ran.tried_again == pytest.approx(dies, rel=0.25)
    assert ran.came == len(ran.waits) + ran.refused + ran.lost
    whole = run(Plant(6, fixed(THREE)), 0.8, 20_000)
    assert whole.tried_again == whole.lost == 0
    assert whole.mean_wait < ran.mean_wait


@pytest.mark.slow
def test_a_replica_with_the_stack_is_preferred_and_waited_for() -> None:
    patient = Plant(8, fixed({"a": 3.0, "b": 3.0}), TWO_MODELS, load_seconds=15, patience_seconds=2)
    hasty = Plant(8, fixed({"a": 3.0, "b": 3.0}), TWO_MODELS, load_seconds=15, patience_seconds=0)
    first, second = run(patient, 1.2, 20_000), run(hasty, 1.2, 20_000)
    assert 0 < first.loads < second.loads / 2
    assert first.mean_wait < second.mean_wait
    assert first.came == len(first.waits)


def test_a_stack_that_nobody_holds_is_loaded_at_once() -> None:
    plant = Plant(1, fixed({"a": 3.0, "b": 3.0}), {"a": 1.0, "b": 0.0}, load_seconds=10)
    ran = Simulation(plant, [(0.0, "a"), (20.0, "b"), (40.0, "b")]).run()
    assert list(ran.waits) == [0.0, 0.0, 0.0]
    assert list(ran.taken) == [3.0, 13.0, 3.0]
    assert ran.loads == 1


def test_nobody_waits_for_ever_behind_those_who_ask_for_another_stack() -> None:
    plant = Plant(
        1, fixed({"a": 3.0, "b": 3.0}), {"a": 1.0, "b": 0.0}, load_seconds=10, patience_seconds=5, ahead_seconds=5
    )
    many = [(number * 2.9, "a") for number in range(100)]  # one of them always waits
    ran = Simulation(plant, sorted([*many, (1.0, "b")])).run()
    assert len(ran.waits) == 101
    assert ran.loads == 2
    assert ran.waits[3] == pytest.approx(8.0)  # b: two went ahead, the third was too young for it


def test_the_autoscaler_looks_waits_and_starts_before_it_helps() -> None:
    scale = Autoscale(least=1, look_seconds=10, mean_of=1, up_seconds=30, down_seconds=60)
    plant = Plant(4, fixed({"one": 10.0}), start_seconds=25, autoscale=scale)
    ran = Simulation(plant, [(0.0, "one")] * 12).run()
    # Asked for at 10 s, decided at 40 s, there at 65 s: until then one works alone.
    starts = sorted(ran.waits)
    assert starts[:7] == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert starts[7:10] == [65.0, 65.0, 65.0]
    assert ran.most == 4
    assert ran.running == pytest.approx(ran.seconds + 3 * (ran.seconds - 40)), "one that starts is paid for, too"


def test_the_autoscaler_takes_away_what_is_not_used() -> None:
    scale = Autoscale(least=1, up_seconds=0, down_seconds=60)
    comes = [*arrivals(1.0, 600, seed=1), *((600 + at, name) for at, name in arrivals(0.02, 3000, seed=2))]
    ran = Simulation(Plant(8, fixed(THREE), start_seconds=10, autoscale=scale), comes).run()
    assert ran.most >= 3
    assert ran.running < 2.2 * ran.seconds


def test_the_same_seed_gives_the_same_figures() -> None:
    plant = tables.fleet(tables.GPUS[1], 8)
    first, again = (tables.day(plant, tables.GPUS[1], 0.8, seconds=1800, seed=5) for _ in range(2))
    other = tables.day(plant, tables.GPUS[1], 0.8, seconds=1800, seed=6)
    assert first.waits == again.waits
    assert first.waits != other.waits
    assert first.cost_per_1000(1.0) == pytest.approx(1000 * first.running / 3600 / len(first.waits))


@pytest.mark.slow
def test_a_day_has_its_curve_and_its_arrivals_follow_it() -> None:
    assert day_rate(2.0, 20.5 * 3600) == pytest.approx(2.0)
    assert day_rate(2.0, 0) == day_rate(2.0, 24 * 3600)
    assert all(abs(day_rate(1, at + 60) - day_rate(1, at)) < 0.01 for at in range(0, 24 * 3600, 60))
    came = [at for at, _ in arrivals(lambda at: day_rate(2.0, at), 24 * 3600, most=2.0)]
    busy = sum(20 * 3600 <= at < 21 * 3600 for at in came)
    quiet = sum(4 * 3600 <= at < 5 * 3600 for at in came)
    assert busy == pytest.approx(2 * 3600 * 0.99, rel=0.05)
    assert quiet == pytest.approx(2 * 3600 * 0.14, rel=0.12)
    assert all(first <= second for first, second in pairwise(came))


def test_shares_are_given_out_as_they_are() -> None:
    assert sorted(by_share({"a": 0.7, "b": 0.2, "c": 0.1}, 10)) == ["a"] * 7 + ["b"] * 2 + ["c"]
    assert by_share({"a": 0.7, "b": 0.3}, 1) == ["a"]


def two_places() -> Measured:
    """By hand: two places, four visitors."""
    return Measured(
        replicas=2,
        arrivals=[0.0, 1.0, 2.0, 3.0],
        service_seconds=[5.0, 3.0, 4.0, 2.0],
        waits=[0.0, 0.0, 2.0, 2.0],  # free at 4 and at 5
        throughput=4 / 8,
    )


def test_a_run_by_hand_is_replayed_exactly() -> None:
    assert [one.percent for one in replay(two_places())] == pytest.approx([0, 0, 0])
    low, high = min(two_places().service_seconds), max(two_places().service_seconds)
    drawn = forecast(two_places(), seeds=range(20))
    assert drawn[0].low <= drawn[0].simulated <= drawn[0].high
    assert 4 / (3 + 3 * high) < drawn[2].simulated < 2 / low


def test_a_wrong_number_of_replicas_is_seen() -> None:
    off = replay(two_places().model_copy(update={"replicas": 1}))
    assert off[0].percent > 100
    assert off[2].percent < -20


def test_a_file_must_be_whole() -> None:
    with pytest.raises(ValidationError, match="one entry for each request"):
        Measured(replicas=2, arrivals=[0.0], service_seconds=[1.0, 2.0], waits=[0.0, 0.0], throughput=1.0)


def test_the_tables_name_every_kind_and_what_breaks_first() -> None:
    text = tables.rush(tables.GPUS[1], 4)
    assert text.count("\n") == 9
    rows = tables.breaks_first(tables.GPUS[1], 1000.0).splitlines()[2:]
    capacity = [float(line.split("|")[4].replace(",", "")) for line in rows]
    assert capacity == sorted(capacity)
    assert len(rows) == len(tables.PARTS)
    assert "register" in "".join(rows)
