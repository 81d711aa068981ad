"""Bradley-Terry against worked numbers: Agresti 2002 (baseball, citations), Wikipedia, choix, evalica."""

from __future__ import annotations

import choix
import evalica
import numpy as np
import pytest

from study.statistics.pairs import NoFiniteFit, PairCounts, clustered, count, fit, fit_many

TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
# Home wins-losses in 1987, rows home, columns away (Agresti 2002, Categorical Data Analysis, page 438).
BASEBALL = """
-   4-3 4-2 4-3 6-1 4-2 6-0
3-3 -   4-2 4-3 6-0 6-1 4-3
2-5 4-3 -   2-4 4-3 4-2 6-0
3-3 5-1 2-5 -   4-3 4-2 6-1
5-1 2-5 3-3 4-2 -   5-2 6-0
2-5 3-3 3-4 4-3 4-2 -   2-4
2-5 1-5 1-6 2-4 1-6 3-4 -
"""


@pytest.fixture(scope="module")
def baseball() -> PairCounts:
    cells = [row.split() for row in BASEBALL.strip().splitlines()]
    split = [[(0, 0) if cell == "-" else tuple(map(int, cell.split("-"))) for cell in row] for row in cells]
    both = np.array(split, dtype=float)
    return PairCounts(TEAMS, both[..., 0], both[..., 1])


def test_baseball_without_home_advantage(baseball: PairCounts) -> None:
    found = fit(baseball, ridge=0, side=False)
    values, errors = found.against("Baltimore")
    assert values == pytest.approx([1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0], abs=5e-5)
    assert errors == pytest.approx([0.3433, 0.3396, 0.3367, 0.3359, 0.3339, 0.3319, 0], abs=5e-5)
    assert found.log_likelihood == pytest.approx(-172.2482, abs=5e-5)
    assert found.side is None
    assert found.leaning == ()


def test_baseball_with_home_advantage_is_the_side_bias(baseball: PairCounts) -> None:
    found = fit(baseball, ridge=0, side=True)
    values, _ = found.against("Baltimore")
    assert values == pytest.approx([1.6196, 1.4754, 1.3271, 1.2813, 1.1438, 0.7047, 0], abs=5e-5)
    assert found.side == pytest.approx(0.3023, abs=5e-5)
    assert found.side_error == pytest.approx(0.1309, abs=5e-5)
    assert found.log_likelihood == pytest.approx(-169.5429, abs=5e-5)


def test_citations_of_statistical_journals() -> None:
    wins = np.array([[714, 730, 498, 221], [33, 425, 68, 17], [320, 813, 1072, 142], [284, 276, 325, 188]], dtype=float)
    np.fill_diagonal(wins, 0)
    journals = ("Biometrika", "CommStat", "JASA", "JRSS-B")
    values, errors = fit(PairCounts(journals, wins, np.zeros((4, 4))), ridge=0, side=False).against("Biometrika")
    assert values == pytest.approx([0, -2.94907, -0.47957, 0.26895], abs=5e-6)
    assert errors == pytest.approx([0, 0.10255, 0.06059, 0.07083], abs=5e-6)


def test_four_items_of_the_encyclopedia() -> None:
    counted = {"AB": 2, "BA": 3, "AD": 1, "DA": 4, "BC": 5, "CB": 3, "CD": 1, "DC": 3}
    judged = [(pair[0], pair[1], 1.0) for pair, times in counted.items() for _ in range(times)]
    found = fit(count(judged, "ABCD"), ridge=0, side=False)
    assert np.exp(found.values) == pytest.approx([0.6398, 1.0433, 0.6598, 2.2704], abs=5e-5)


def test_a_case_of_choix() -> None:
    judged = [("0", "1", 1.0), ("0", "1", 1.0), ("1", "2", 1.0), ("2", "0", 1.0)]
    found = fit(count(judged, "012"), ridge=0, side=False)
    assert found.values == pytest.approx([0.419617624, -0.419617624, 0], abs=5e-9)


def test_choix_and_evalica_say_the_same(baseball: PairCounts) -> None:
    ours = fit(baseball, ridge=0, side=False).values
    pairs = [(i, j) for i in range(7) for j in range(7) for _ in range(int(baseball.wins[i, j]))]
    assert ours == pytest.approx(choix.ilsr_pairwise(7, pairs), abs=1e-6)
    first, second = zip(*((TEAMS[i], TEAMS[j]) for i, j in pairs), strict=True)
    scores = evalica.bradley_terry(list(first), list(second), [evalica.Winner.X] * len(pairs), tolerance=1e-12).scores
    theirs = np.log([scores[team] for team in TEAMS])
    assert ours == pytest.approx(theirs - theirs.mean(), abs=1e-4)


def test_a_ridge_is_the_prior_of_choix(baseball: PairCounts) -> None:
    pairs = [(i, j) for i in range(7) for j in range(7) for _ in range(int(baseball.wins[i, j]))]
    theirs = choix.opt_pairwise(7, pairs, alpha=0.5)  # whose penalty is alpha, not half of it
    assert fit(baseball, ridge=1.0, side=False).values == pytest.approx(theirs, abs=1e-4)


# What evalica's documentation ranks (food.csv: 30 comparisons, two of them ties; Apache-2.0), as winner and loser.
FOOD = {
    ("Tacos", "Pizza"): 4, ("Tacos", "Sushi"): 1, ("Tacos", "Burger"): 1, ("Tacos", "Pasta"): 4,
    ("Sushi", "Tacos"): 1, ("Sushi", "Burger"): 4, ("Sushi", "Pasta"): 1, ("Burger", "Tacos"): 1,
    ("Burger", "Sushi"): 2, ("Burger", "Pizza"): 3, ("Pasta", "Tacos"): 1, ("Pasta", "Burger"): 2,
    ("Pizza", "Sushi"): 2, ("Pizza", "Pasta"): 1,
}  # fmt: skip
FOOD_TIES = (("Pizza", "Pasta"), ("Sushi", "Pasta"))
MEALS = ("Tacos", "Sushi", "Burger", "Pasta", "Pizza")


def test_ties_count_half_as_in_evalicas_food() -> None:
    judged = [(one, other, 1.0) for (one, other), times in FOOD.items() for _ in range(times)]
    judged += [(one, other, 0.5) for one, other in FOOD_TIES]
    found = fit(count(judged, MEALS), ridge=0, side=False)
    assert np.exp(found.values) == pytest.approx([2.509025, 1.101156, 0.854906, 0.740381, 0.571837], abs=6e-7)


def test_newmans_model_of_ties_has_the_same_order_further_apart() -> None:
    """Without ties his model is ours. With them it takes a tie for news of its own; half a win for each pulls in."""
    pairs = [pair for pair, times in FOOD.items() for _ in range(times)]

    def newman(ties: tuple[tuple[str, str], ...]) -> np.ndarray:
        first, second = zip(*pairs, *ties, strict=True)
        winners = [evalica.Winner.X] * len(pairs) + [evalica.Winner.Draw] * len(ties)
        scores = evalica.newman(list(first), list(second), winners, tolerance=1e-12, limit=10_000).scores
        logs = np.log([scores[meal] for meal in MEALS])
        return np.asarray(logs - logs.mean())

    def ours(ties: tuple[tuple[str, str], ...]) -> np.ndarray:
        judged = [(*pair, 1.0) for pair in pairs] + [(*pair, 0.5) for pair in ties]
        return fit(count(judged, MEALS), ridge=0, side=False).values

    assert ours(()) == pytest.approx(newman(()), abs=1e-4)
    with_ties, theirs = ours(FOOD_TIES), newman(FOOD_TIES)
    assert list(np.argsort(with_ties)) == list(np.argsort(theirs))
    assert np.ptp(with_ties) < np.ptp(theirs)


def test_an_item_that_never_lost_leans_on_the_ridge() -> None:
    judged = [("a", "b", 1.0), ("b", "a", 0.0), ("b", "c", 1.0), ("c", "b", 1.0)]
    counts = count(judged, "abc")
    with pytest.raises(NoFiniteFit):
        fit(counts, ridge=0, side=False)
    found = fit(counts, ridge=0.1)
    assert found.leaning == ("a",)
    assert found.values[0] > found.values[1]
    assert np.isfinite(found.errors).all()


def test_where_each_beats_the_next_all_lean() -> None:
    counts = count([("a", "b", 1.0), ("b", "c", 1.0)], "abc")
    assert fit(counts).leaning == ("a", "b", "c")


def test_one_side_that_always_wins_has_no_maximum() -> None:
    counts = count([("a", "b", 1.0), ("b", "a", 1.0)], "ab")
    with pytest.raises(NoFiniteFit):
        fit(counts, ridge=0)
    found = fit(counts, ridge=0.1)
    assert found.side is not None
    assert found.side > 0


@pytest.mark.parametrize("judged", [[("a", "a", 1.0)], [("a", "b", 2.0)]])
def test_nonsense_is_refused(judged: list[tuple[str, str, float]]) -> None:
    with pytest.raises(ValueError, match=r"itself|judgement"):
        count(judged, "ab")


def test_answers_of_people_who_say_the_same_ten_times_do_not_count_ten_times() -> None:
    generator = np.random.default_rng(6)
    alone, repeated = [], []
    for _ in range(60):
        said = [("a", "b", float(generator.random() < 0.6)), ("c", "b", float(generator.random() < 0.5))]
        said += [("a", "c", float(generator.random() < 0.7))]
        alone.append(count(said, "abc"))
        repeated.append(count(said * 10, "abc"))

    def total(people: list[PairCounts]) -> PairCounts:
        left, right = sum(one.left for one in people), sum(one.right for one in people)
        return PairCounts(("a", "b", "c"), np.asarray(left), np.asarray(right))

    honest = clustered(fit(total(alone), ridge=0), alone)
    naive = fit(total(repeated), ridge=0)
    mended = clustered(naive, repeated)
    assert mended.errors == pytest.approx(honest.errors, rel=1e-6)
    assert (naive.errors < 0.5 * mended.errors).all()
    assert honest.errors == pytest.approx(fit(total(alone), ridge=0).errors, rel=0.35)


def test_many_fits_at_once_are_those_one_by_one(baseball: PairCounts) -> None:
    generator = np.random.default_rng(7)
    left = generator.poisson(baseball.left, size=(20, 7, 7)).astype(float)
    right = generator.poisson(baseball.right, size=(20, 7, 7)).astype(float)
    together = fit_many(left, right, ridge=0.05)
    for one, other, found in zip(left, right, together, strict=True):
        alone = fit(PairCounts(TEAMS, one, other), ridge=0.05)
        assert found == pytest.approx([*alone.values, alone.side], abs=1e-7)


def test_of_many_fits_only_those_without_a_finite_answer_are_missing() -> None:
    won, lost = (
        count([("a", "b", 1.0)] * 3, "ab"),
        count([("a", "b", 1.0), ("b", "a", 1.0), ("a", "b", 0.0), ("b", "a", 0.0)], "ab"),
    )
    found = fit_many(np.array([won.left, lost.left]), np.array([won.right, lost.right]), ridge=0)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
