"""A classifier: linear weights over terms and context, small networks beside them where there is enough to learn from.

Both give the labels log-probabilities; their mean (the networks weigh double), less a share of the log of how often a label was seen (rare labels are else
never said), decides. Everything is drawn with a fixed seed: the same rows give the same model.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from monitor.learning.facts import Facts
from monitor.learning.history import Example, Label, filled, finer, label_like, way_between
from monitor.learning.words import spoken, weigher

Floats = npt.NDArray[np.float32]

KINDS = ("stems", "stretches")
SEEN = {"stems": 2, "stretches": 3}
"""Rows that a term must stand in: what one person wrote once is no term."""
SHARPNESS = 4.0
"""What turns margins of the linear part into log-odds. Measured on both appeals sets."""
EVEN, EVEN_TOGETHER = 0.3, 0.45
"""The share of a label's log-count taken off its score (logit adjustment, Menon et al. 2021, arXiv:2007.07314); the second where
three readers speak together, whose probabilities are less sharp."""
COST, CONTEXT = 0.5, 1.0
NETWORK_FROM, NETWORK_TERMS, UNITS = 5_000, (15_000, 30_000, 15_000), 120
"""Rows from which networks help, the terms that each of them sees (different ones err differently), and their hidden units."""
ROUNDS, BATCH, RATE = 5, 256, 3e-3
"""How often a network sees each row, how many rows at once, and Adam's step. Measured on the St Petersburg appeals: more rounds
learn the rows by heart."""
ENOUGH = 300
"""Rows from which the readers beside the linear part are worth their time."""
STACK_UP_TO, STACK_WEIGHT, STACK_SHARPNESS, FOLDS = 10_000, 0.7, 5.0, 4
"""Rows up to which the finer field is learnt first and its scores weighed with the terms."""
SOFT_COST, SOFT_ROUNDS, SOFT_SHARE = 20.0, 60, (3, 1, 1)
"""Below NETWORK_FROM rows two more readers stand beside the linear part: one that also sees the scores of the other label-like
fields, and a logistic regression. Their shares in the mean of log-probabilities; measured on the Kursk appeals."""
LITTLE, FLOOR, TABLE = 0.01, 1e-6, 20_000_000
"""Of the second way: rows that a label never seen with a value counts as, the least probability, and the largest table."""
TINY = 0.02
"""Weights below this change nothing and are dropped."""


class NothingToLearn(ValueError):
    """The rows teach nothing; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A weight per feature and label, and a bias per label."""

    weights: Floats
    bias: Floats

    def margins(self, x: Any) -> Floats:
        """How far each row lies on each label's side."""
        return np.asarray(x @ self.weights, dtype=np.float32) + self.bias


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer over the features `seen`."""

    seen: npt.NDArray[np.int32]
    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats

    def logs(self, x: Any) -> Floats:
        """Log-probabilities of the labels."""
        hidden = np.maximum(np.asarray(x[:, self.seen] @ self.first) + self.first_bias, 0)
        return log_softmax(hidden @ self.second + self.second_bias)


@dataclass(frozen=True, slots=True)
class Beside:
    """What reads beside the linear part where rows are few: `fields` score the label-like fields, `over` the terms with those
    scores, `soft` is a logistic regression over the terms."""

    fields: tuple[Linear, ...]
    over: Linear
    soft: Linear

    def logs(self, x: Any) -> list[Floats]:
        """Log-probabilities of the labels, of either reader."""
        seen = with_scores(x, [field.margins(x) for field in self.fields]) if self.fields else x
        return [log_softmax(SHARPNESS * self.over.margins(seen)), log_softmax(self.soft.margins(x))]


@dataclass(frozen=True)
class Way:
    """A second way to the label: another field of the rows read from the text, then what the history says of that field and
    what stands beside it (topic and district say who answers). `seen` holds (combination, value, label, rows)."""

    linear: Linear
    networks: tuple[Network, ...]
    combinations: tuple[tuple[str, ...], ...]
    seen: npt.NDArray[np.int32]
    labels: int

    @cached_property
    def _chances(self) -> Floats:
        """Probability of a label by combination and value; the last combination is that of what was never seen."""
        counts = np.zeros((len(self.combinations) + 1, self.linear.bias.size, self.labels), np.float32)
        counts[self.seen[:, 0], self.seen[:, 1], self.seen[:, 2]] = self.seen[:, 3]
        anywhere = counts.sum(axis=0) + LITTLE
        anywhere /= anywhere.sum(axis=1, keepdims=True)
        return cast(Floats, (counts + anywhere) / (counts.sum(axis=2, keepdims=True) + 1))

    @cached_property
    def _places(self) -> dict[tuple[str, ...], int]:
        return {values: i for i, values in enumerate(self.combinations)}

    def logs(self, x: Any, examples: Sequence[Example]) -> Floats:
        """Log-probabilities of the labels."""
        values = np.exp(together(log_softmax(SHARPNESS * self.linear.margins(x)), x, self.networks))
        at = np.asarray([self._places.get(e.context, len(self.combinations)) for e in examples])
        said = np.empty((len(examples), self.labels), np.float32)
        for place in set(at.tolist()):
            said[at == place] = values[at == place] @ self._chances[place]
        return log_softmax(np.log(said + FLOOR))


@dataclass(frozen=True)
class Model:
    """All that predicting needs, and what is told of how it came about in `facts`."""

    target: str
    context: tuple[str, ...]
    labels: tuple[Label, ...]
    counts: tuple[int, ...]
    terms: tuple[tuple[str, ...], tuple[str, ...]]
    rarity: tuple[Floats, Floats]
    beside: tuple[tuple[int, str], ...]
    linear: Linear
    networks: tuple[Network, ...] = ()
    stack: Linear | None = None
    side: Beside | None = None
    way: Way | None = None
    facts: Facts = field(default_factory=lambda: Facts(0, 0))

    @cached_property
    def _weighers(self) -> list[Any]:
        out = []
        for kind, terms, rarity in zip(KINDS, self.terms, self.rarity, strict=True):
            made = weigher(kind, vocabulary={term: i for i, term in enumerate(terms)})
            made.idf_ = rarity.astype(np.float32)
            out.append(made)
        return out

    @cached_property
    def _beside(self) -> dict[tuple[int, str], int]:
        return {pair: i for i, pair in enumerate(self.beside)}

    def features(self, examples: Sequence[Example]) -> Any:
        """A row of weighed terms and context per example."""
        words = [spoken(e.text) for e in examples]
        parts = [made.transform(words) * np.float32(0.5 ** 0.5) for made in self._weighers]
        if self.context:
            parts.append(context_columns(examples, self._beside))
        return sp.hstack(parts, format="csr", dtype=np.float32)

    def logs(self, examples: Sequence[Example]) -> Floats:
        """Log-probabilities of the labels, a row per example."""
        x = self.features(examples)
        logs = log_softmax(SHARPNESS * self.linear.margins(stacked(x, self.stack)))
        if self.side is not None:
            logs = log_softmax(sum(share * part for share, part in zip(SOFT_SHARE, [logs, *self.side.logs(x)], strict=True)) / sum(SOFT_SHARE))
        logs = together(logs, x, self.networks)
        return logs if self.way is None else log_softmax((logs + self.way.logs(x, examples)) / 2)

    def evened(self, logs: Floats) -> Floats:
        """The scores by which labels are ranked."""
        even = EVEN if self.side is None else EVEN_TOGETHER
        return log_softmax(logs - even * np.log(np.asarray(self.counts, dtype=np.float32)))


@dataclass(frozen=True, slots=True)
class Answer:
    """The label said of a text, that label and the two likeliest others, and the probability of the label."""

    id: Label
    label: Label
    top3: tuple[Label, ...]
    score: float


def together(logs: Floats, x: Any, networks: Sequence[Network]) -> Floats:
    """What the linear part and the networks say together; the networks weigh double."""
    return log_softmax((logs + 2 * sum(n.logs(x) for n in networks) / len(networks)) / 3) if networks else logs


def answers(model: Model, examples: Sequence[Example]) -> list[Answer]:
    """An answer per example. The label is the best after evening; the others follow by their probability."""
    if not examples:
        return []
    logs = model.logs(examples)
    best = np.argmax(model.evened(logs), axis=1)
    order = np.argsort(-logs, axis=1, kind="stable")[:, :3]
    out = []
    for e, first, row, scores in zip(examples, best, order, logs, strict=True):
        places = [first, *(place for place in row if place != first)][:3]
        out.append(Answer(e.id, model.labels[first], tuple(model.labels[i] for i in places), round(float(np.exp(scores[first])), 4)))
    return out


def fit(examples: Sequence[Example], target: str, context: Sequence[str] = ()) -> Model:
    """A model learnt from all examples that have a label, or whose label another field tells. Raises NothingToLearn."""
    hint = finer(examples, context)
    rows = filled(examples, hint) if hint else examples
    rows = [e for e in rows if e.label is not None]
    counts = Counter(e.label for e in rows if e.label is not None)
    labels = tuple(sorted(counts, key=lambda label: (isinstance(label, str), label)))
    if len(labels) < 2:
        raise NothingToLearn(f"{len(labels)} different labels in `{target}` of {len(examples)} rows; a model needs two")
    words = [spoken(e.text) for e in rows]
    parts, terms, rarity = [], [], []
    for kind in KINDS:
        made = weigher(kind, min_df=min(SEEN[kind], max(1, len(rows) // 20)))
        try:
            parts.append(made.fit_transform(words) * np.float32(0.5 ** 0.5))
        except ValueError as e:
            raise NothingToLearn(f"the texts of {len(rows)} rows have no words in common") from e
        terms.append(tuple(str(term) for term in made.get_feature_names_out()))
        rarity.append(np.asarray(made.idf_, dtype=np.float32))
    beside = tuple(sorted({(i, value) for e in rows for i, value in enumerate(e.context) if value}))
    if context:
        parts.append(context_columns(rows, {pair: i for i, pair in enumerate(beside)}))
    x = sp.hstack(parts, format="csr", dtype=np.float32)
    y = np.asarray([labels.index(cast(Label, e.label)) for e in rows])
    scored: dict[str, tuple[Linear, Floats]] = {}
    few = ENOUGH <= len(rows) < NETWORK_FROM
    for name in {hint: None} | dict.fromkeys(label_like(rows, context) if few else ()):
        if name is not None and len(rows) <= STACK_UP_TO and (one := learn_scores(x, [e.fields.get(name) for e in rows])) is not None:
            scored[name] = one
    stack, margins = scored.get(hint or "", (None, None))
    linear = learn_linear(x if margins is None else with_scores(x, [margins]), y, len(labels))
    side = learn_side(x, y, len(labels), list(scored.values())) if few else None
    networks = learn_networks(x, y) if len(rows) >= NETWORK_FROM else ()
    between = way_between(rows, context) if networks and context else None
    way = learn_way(x, y, rows, between, len(labels)) if between else None
    facts = Facts(len(examples), len(rows), told_by=hint, way=between if way else None)
    return Model(target, tuple(context), labels, tuple(counts[label] for label in labels), (terms[0], terms[1]),
                 (rarity[0], rarity[1]), beside, linear, networks, stack, side, way, facts)


def learn_linear(x: Any, y: npt.NDArray[Any], labels: int) -> Linear:
    """One-against-rest support vectors."""
    machine = LinearSVC(C=COST, random_state=0).fit(x, y)
    return _whole(machine.coef_.T, machine.intercept_, machine.classes_, x.shape[1], labels, -3.0)


def learn_networks(x: Any, y: npt.NDArray[Any]) -> tuple[Network, ...]:
    """Networks that see more or fewer of the terms, each drawn with a seed of its own."""
    return tuple(learn_network(x, y, terms, seed) for seed, terms in enumerate(NETWORK_TERMS))


def learn_network(x: Any, y: npt.NDArray[Any], terms: int, seed: int) -> Network:
    """A hidden layer that the labels share, over the `terms` most often seen."""
    often = np.asarray((x > 0).sum(axis=0)).ravel()
    seen = np.sort(np.argsort(-often, kind="stable")[:terms]).astype(np.int32)
    machine = MLPClassifier((UNITS,), batch_size=min(BATCH, max(8, len(y) // 20)), learning_rate_init=RATE, max_iter=ROUNDS,
                            n_iter_no_change=ROUNDS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)     # it is meant to stop early
        machine.fit(x[:, seen], y)
    first, second = machine.coefs_
    if second.shape[1] == 1:
        second = np.hstack([np.zeros_like(second), second])
        machine.intercepts_[1] = np.hstack([[0.0], machine.intercepts_[1]])
    return Network(seen, as_stored(first), as_stored(machine.intercepts_[0]), as_stored(second), as_stored(machine.intercepts_[1]))


def learn_scores(x: Any, values: Sequence[Label | None]) -> tuple[Linear, Floats] | None:
    """Another field of the rows learnt from the terms, and its margins in them; a row's own value never scores it.

    None where too little is known of the field.
    """
    kinds = sorted({v for v in values if v is not None}, key=lambda v: (isinstance(v, str), v))
    place = {v: i for i, v in enumerate(kinds)}
    rows = np.asarray([i for i, v in enumerate(values) if v is not None])
    y = np.asarray([place[v] for v in values if v is not None])
    fold = np.arange(len(rows)) % FOLDS
    if min(len(set(y[fold != f])) for f in range(FOLDS)) < 2:
        return None
    whole = learn_linear(x[rows], y, len(kinds))
    margins = whole.margins(x)
    for f in range(FOLDS):
        margins[rows[fold == f]] = learn_linear(x[rows[fold != f]], y[fold != f], len(kinds)).margins(x[rows[fold == f]])
    return whole, margins


def learn_way(x: Any, y: npt.NDArray[Any], rows: Sequence[Example], name: str, labels: int) -> Way | None:
    """The second way, through the field `name`; None where its table would be too large."""
    values = [e.fields.get(name) for e in rows]
    kinds = sorted({v for v in values if v is not None}, key=lambda v: (isinstance(v, str), v))
    combinations = tuple(sorted({e.context for e in rows}))
    if (len(combinations) + 1) * len(kinds) * labels > TABLE:
        return None
    place, at = {v: i for i, v in enumerate(kinds)}, {values: i for i, values in enumerate(combinations)}
    known = np.asarray([i for i, v in enumerate(values) if v is not None])
    of = np.asarray([place[v] for v in values if v is not None])
    seen = Counter((at[rows[i].context], int(value), int(y[i])) for i, value in zip(known, of, strict=True))
    return Way(learn_linear(x[known], of, len(kinds)), learn_networks(x[known], of), combinations,
               np.asarray([(*cell, count) for cell, count in sorted(seen.items())], np.int32), labels)


def learn_side(x: Any, y: npt.NDArray[Any], labels: int, scored: Sequence[tuple[Linear, Floats]]) -> Beside:
    """The two readers beside the linear part."""
    seen = with_scores(x, [margins for _, margins in scored]) if scored else x
    machine = LogisticRegression(C=SOFT_COST, max_iter=SOFT_ROUNDS, tol=1e-3)
    with warnings.catch_warnings(), threadpool_limits(1):      # threads only wait for each other at this size
        warnings.simplefilter("ignore", ConvergenceWarning)     # it is meant to stop early
        machine.fit(x, y)
    scale = 0.5 if len(machine.classes_) == 2 else 1.0          # two labels share one row of weights
    soft = _whole(machine.coef_.T * scale, machine.intercept_ * scale, machine.classes_, x.shape[1], labels, -12.0)
    return Beside(tuple(one for one, _ in scored), learn_linear(seen, y, labels), soft)


def _whole(weights: Any, bias: Any, classes: Any, terms: int, labels: int, absent: float) -> Linear:
    """Weights for all labels: those that a machine never saw get the bias `absent`."""
    if weights.shape[1] == 1:
        weights, bias = np.hstack([-weights, weights]), np.hstack([-bias, bias])
    full, lean = np.zeros((terms, labels), np.float32), np.full(labels, absent, np.float32)
    full[:, classes] = np.where(np.abs(weights) < TINY, 0, weights)
    lean[classes] = bias
    return Linear(as_stored(full), as_stored(lean))


def stacked(x: Any, stack: Linear | None) -> Any:
    """The features, with the scores of the finer field where it was learnt."""
    return x if stack is None else with_scores(x, [stack.margins(x)])


def with_scores(x: Any, margins: Sequence[Floats]) -> Any:
    """Features beside scores, those of each field of length STACK_WEIGHT."""
    parts = []
    for one in margins:
        scores = np.exp(log_softmax(STACK_SHARPNESS * one))
        parts.append(sp.csr_matrix(scores * STACK_WEIGHT / np.linalg.norm(scores, axis=1, keepdims=True)))
    return sp.hstack([x, *parts], format="csr", dtype=np.float32)


def context_columns(examples: Sequence[Example], place: dict[tuple[int, str], int]) -> Any:
    """A column per value that stands beside a text."""
    at = [(row, place[i, value]) for row, e in enumerate(examples) for i, value in enumerate(e.context) if (i, value) in place]
    ones = np.full(len(at), CONTEXT, np.float32)
    return sp.csr_matrix((ones, ([r for r, _ in at], [c for _, c in at])), shape=(len(examples), len(place)))


def log_softmax(scores: Any) -> Floats:
    """Scores as log-probabilities, row by row."""
    scores = scores - scores.max(axis=1, keepdims=True)
    return cast(Floats, (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32))


def as_stored(values: Any) -> Floats:
    """Values as a file keeps them (half precision), so that a model is the same before and after."""
    return cast(Floats, np.asarray(values, dtype=np.float16).astype(np.float32))
