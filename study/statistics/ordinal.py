"""Cumulative logit for answers on a scale, without and with one random intercept for each person.

    logit P(answer <= j) = threshold[j] - x'effects - u[person],   u ~ N(0, spread^2)

Without the intercept statsmodels fits it; with it the integral over u is by Laplace's method or by adaptive
Gauss-Hermite quadrature (Liu & Pierce 1994; Christensen's R package ordinal has the same model as clmm).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.tools.numdiff import approx_hess3

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]
NODES = 10
_TINY = 1e-12
_SMALLEST = -6.0  # logarithm of the smallest spread that is told from none
_MODE_STEPS = 50
_WHOLLY = 15.0  # logits beyond which an effect is on its way to infinity
_PARTED = "a column parts the answers wholly, so that its effect has no finite estimate"


class NoFit(ValueError):
    """The model has no answer for these data, or none was found; the message says which."""


@dataclass(frozen=True)
class Ordinal:
    """A fit.

    Attributes:
        thresholds, threshold_errors: One fewer than there are levels in use.
        effects: In the order of the columns; logits, above 0 for higher answers.
        covariance: p x p, of the effects.
        spread: Standard deviation of the people's intercepts; None in the model without.
        log_likelihood: At the fit.
        method: "maximum likelihood", "Laplace" or "Gauss-Hermite, n nodes".
    """

    thresholds: Floats
    threshold_errors: Floats
    effects: Floats
    covariance: Floats
    spread: float | None
    log_likelihood: float
    method: str

    @property
    def effect_errors(self) -> Floats:
        """Standard errors of the effects."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def variance(self) -> float | None:
        """Of the people's intercepts."""
        return None if self.spread is None else self.spread**2


def fit(answers: Whole, columns: Floats) -> Ordinal:
    """Without an intercept for each person.

    Args:
        answers: n whole numbers; levels that nobody used are left out.
        columns: n x p, without a constant.

    Raises:
        NoFit: One answer only, or columns that say the same, or that part the answers wholly.
    """
    levels, count = _levels(answers, columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = OrderedModel(levels, columns, distr="logit")
            found = model.fit(method="bfgs", disp=False, maxiter=500, gtol=1e-8)
            raw, spread = np.asarray(found.params), np.asarray(found.cov_params())
        except (np.linalg.LinAlgError, ValueError) as error:
            raise NoFit("the model could not be fitted") from error
    effects = columns.shape[1]
    if not np.isfinite(spread).all() or np.abs(raw[:effects]).max(initial=0) > _WHOLLY:
        raise NoFit(_PARTED)
    # statsmodels keeps the first threshold and the logarithms of the steps to the next
    turn = np.eye(len(raw))
    for step in range(1, count - 1):
        turn[effects + step :, effects + step] = np.exp(raw[effects + step])
        turn[effects + step, effects] = 1.0
    turn[effects:, effects] = 1.0
    covariance = turn @ spread @ turn.T
    return Ordinal(
        thresholds=np.asarray(model.transform_threshold_params(raw))[1:-1],
        threshold_errors=np.sqrt(np.diagonal(covariance)[effects:]),
        effects=raw[:effects],
        covariance=covariance[:effects, :effects],
        spread=None,
        log_likelihood=float(found.llf),
        method="maximum likelihood",
    )


def fit_mixed(answers: Whole, columns: Floats, people: Whole, *, nodes: int = NODES) -> Ordinal:
    """With a random intercept for each person.

    Args:
        answers: n whole numbers.
        columns: n x p, without a constant.
        people: n numbers of people, from 0.
        nodes: Of the quadrature; 1 is Laplace's method.

    Raises:
        NoFit: As `fit`, or the search did not end.
    """
    levels, count = _levels(answers, columns)
    data = _Data(levels, columns, people, nodes)
    below = logit(np.cumsum(np.bincount(levels))[:-1] / len(levels))  # thresholds where nothing has an effect
    first = np.concatenate([below[:1], np.log(np.diff(below)), np.zeros(columns.shape[1]), [np.log(0.5)]])

    def loss(raw: Floats) -> float:
        thresholds = np.cumsum(np.concatenate([raw[:1], np.exp(raw[1 : count - 1])]))
        return -data.log_likelihood(thresholds, raw[count - 1 : -1], float(np.exp(raw[-1])))

    bounds = [(None, None)] * (len(first) - 1) + [(_SMALLEST, 3.0)]
    found = minimize(loss, first, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500, "ftol": 1e-13})
    if not found.success and found.status != 2:  # 2: no further step helps, at the precision of differences
        raise NoFit("the search for the best fit did not end")
    if np.abs(found.x[count - 1 : -1]).max(initial=0) > _WHOLLY:
        raise NoFit(_PARTED)
    thresholds = np.cumsum(np.concatenate([found.x[:1], np.exp(found.x[1 : count - 1])]))
    natural = np.concatenate([thresholds, found.x[count - 1 : -1], found.x[-1:]])
    covariance = _covariance(data, natural, count, fixed_spread=bool(found.x[-1] <= _SMALLEST + 0.01))
    effects = slice(count - 1, natural.size - 1)
    return Ordinal(
        thresholds=thresholds,
        threshold_errors=np.sqrt(np.clip(np.diagonal(covariance)[: count - 1], 0, None)),
        effects=natural[effects],
        covariance=covariance[effects, effects],
        spread=float(np.exp(found.x[-1])),
        log_likelihood=-float(found.fun),
        method="Laplace" if nodes == 1 else f"Gauss-Hermite, {nodes} nodes",
    )


def _levels(answers: Whole, columns: Floats) -> tuple[Whole, int]:
    """Answers as places of the levels in use, and how many those are."""
    if columns.ndim != 2 or len(columns) != len(answers):
        raise ValueError("answers and columns are of one length")
    used, places = np.unique(answers, return_inverse=True)
    if len(used) < 2:
        raise NoFit("all answers are equal")
    if (
        columns.shape[1]
        and np.linalg.matrix_rank(np.column_stack([np.ones(len(columns)), columns])) <= columns.shape[1]
    ):
        raise NoFit("a column is constant or says what others say")
    return places, len(used)


def _covariance(data: _Data, natural: Floats, count: int, *, fixed_spread: bool) -> Floats:
    """From the curvature at the fit: of thresholds, effects and, unless it is at its bound, the spread's logarithm."""
    free = natural.size - 1 if fixed_spread else natural.size

    def value(free_part: Floats) -> float:
        whole = np.concatenate([free_part, natural[free:]])
        return data.log_likelihood(whole[: count - 1], whole[count - 1 : -1], float(np.exp(whole[-1])))

    try:
        return np.linalg.inv(-np.asarray(approx_hess3(natural[:free], value)))
    except np.linalg.LinAlgError as error:
        raise NoFit("the curvature at the fit cannot be turned into errors") from error


class _Data:
    """Answers by person, and the likelihood with the intercepts integrated out."""

    def __init__(self, levels: Whole, columns: Floats, people: Whole, nodes: int) -> None:
        order = np.argsort(people, kind="stable")
        self._levels, self._columns = levels[order], columns[order]
        _, self._person = np.unique(people[order], return_inverse=True)
        self._people = int(self._person.max()) + 1
        self._nodes, self._weights = np.polynomial.hermite.hermgauss(nodes)
        self._modes = np.zeros(self._people)  # where the last search ended

    def log_likelihood(self, thresholds: Floats, effects: Floats, spread: float) -> float:
        """Of all answers."""
        if (np.diff(thresholds) <= 0).any():
            return -1e10
        ends = np.concatenate([[-np.inf], thresholds, [np.inf]])
        eta = self._columns @ effects
        upper, lower = ends[self._levels + 1] - eta, ends[self._levels] - eta
        modes, curve = self._find_modes(upper, lower, spread)
        width = 1 / np.sqrt(curve)
        total = np.zeros(self._people)
        highest = self._joint(upper, lower, spread, modes)
        for node, weight in zip(self._nodes, self._weights, strict=True):
            there = modes + np.sqrt(2.0) * width * node
            total += weight * np.exp(node**2 + self._joint(upper, lower, spread, there) - highest)
        return float((highest + np.log(total) + np.log(width) - 0.5 * np.log(np.pi)).sum())

    def _joint(self, upper: Floats, lower: Floats, spread: float, u: Floats) -> Floats:
        """Log of answers' chance times that of u (standard normal, without its constant), by person."""
        shift = spread * u[self._person]
        chance = expit(upper - shift) - expit(lower - shift)
        return self._by_person(np.log(np.clip(chance, _TINY, None))) - 0.5 * u**2

    def _find_modes(self, upper: Floats, lower: Floats, spread: float) -> tuple[Floats, Floats]:
        """The likeliest u of each person, by Newton's method, and the curvature there (above 0: it is concave)."""
        u = self._modes.copy()
        for _ in range(_MODE_STEPS):
            shift = spread * u[self._person]
            high, low = expit(upper - shift), expit(lower - shift)
            slope = -self._by_person(spread * (1 - high - low)) - u
            curve = self._by_person(spread**2 * (high * (1 - high) + low * (1 - low))) + 1
            step = np.clip(slope / curve, -2, 2)
            u = u + step
            if np.abs(step).max() < 1e-10:
                break
        self._modes = u
        shift = spread * u[self._person]
        high, low = expit(upper - shift), expit(lower - shift)
        return u, self._by_person(spread**2 * (high * (1 - high) + low * (1 - low))) + 1

    def _by_person(self, values: Floats) -> Floats:
        return np.bincount(self._person, weights=values, minlength=self._people).astype(float)
