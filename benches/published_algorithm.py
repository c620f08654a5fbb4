"""The published algorithm against `pt.transfer_bound`: values and processor time, in one run.

Algorithm 1 of Mehra, Zhang and Hamm (arXiv 2307.00823) minimises the bound with soft penalties:
Adam moves the logits of the class prior and of the label map, an affine map and a second matrix
that a penalty keeps near its inverse; every step solves one transport problem between two
minibatches, in which a large penalty stands for labels that differ. Before that, the source head
is trained with a penalty on the gradient of its loss, and after it the Lipschitz constant is the
largest gradient that was seen on rows. This is written from that description, in NumPy and POT;
the steps, rates and weights (`HeadSettings`, `TransformSettings`) are those of the authors'
experiments on networks of this size.

    POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 RAYON_NUM_THREADS=1 \
        .venv/bin/python benches/published_algorithm.py [--all] [--seed 0]

It takes two pairs of `data/` by default; `--all` takes every pair of
`shared/reference/published_algorithm.json`, which holds what another implementation reached on
these rows. The command fails where a value is further from that than `TOLERANCE`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import ot
import polars as pl
import polars_transferability as pt
from measure import require_one_thread, spread, timed

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
RUNS = 5
# Two runs draw other minibatches and start from another random head and label map.
TOLERANCE = 0.1

Matrix = np.ndarray
Parameters = dict[str, Matrix]
# Model, source and target, and what another implementation reached for them.
Pair = tuple[str, str, str]
Reference = dict[str, float]

# Pairs whose rows are in `data/`.
DEFAULT: list[Pair] = [("lenet-mnist", "mnist", task) for task in ("fashion-mnist", "kmnist")]


@dataclass(frozen=True)
class Rows:
    """Standardised embeddings (`n` x `d`) and the index of each row's class."""

    x: Matrix
    label: Matrix
    classes: int

    def one_hot(self) -> Matrix:
        return np.eye(self.classes)[self.label]

    def take(self, rows: Matrix) -> Rows:
        return Rows(self.x[rows], self.label[rows], self.classes)

    def shares(self) -> Matrix:
        return np.bincount(self.label, minlength=self.classes) / len(self.label)

    def batch(self, size: int, prior: Matrix, random: np.random.Generator) -> Rows:
        """Rows without replacement, as many of each class as the prior says."""
        drawn = []
        for index, share in enumerate(prior):
            of_class = random.permutation(np.flatnonzero(self.label == index))
            drawn.append(of_class[: int(size * share)])
        return self.take(np.concatenate(drawn))


@dataclass(frozen=True)
class TaskRows:
    train: Rows
    test: Rows


@dataclass
class Adam:
    """Kingma and Ba (arXiv 1412.6980), one rate for each parameter."""

    rates: dict[str, float]
    decay: float = 0.9
    step: int = 0
    means: Parameters = field(default_factory=dict)
    squares: Parameters = field(default_factory=dict)

    def update(self, parameters: Parameters, gradients: Parameters) -> None:
        self.step += 1
        for name, gradient in gradients.items():
            mean = self.means.setdefault(name, np.zeros_like(gradient))
            square = self.squares.setdefault(name, np.zeros_like(gradient))
            mean += (1 - self.decay) * (gradient - mean)
            square += (1 - 0.999) * (gradient**2 - square)
            size = np.sqrt(square / (1 - 0.999**self.step)) + 1e-7
            parameters[name] -= self.rates[name] * mean / (1 - self.decay**self.step) / size


def softmax(logits: Matrix) -> Matrix:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def through_softmax(probabilities: Matrix, gradient: Matrix) -> Matrix:
    """The gradient for logits, of that for their softmax, over the last axis."""
    mean = (probabilities * gradient).sum(axis=-1, keepdims=True)
    return probabilities * (gradient - mean)


# The head


@dataclass(frozen=True)
class HeadSettings:
    # The authors' 501 epochs are 60,000 steps on their rows. On 2,000 rows, 501 are too few steps
    # for the gradients to come down to what is allowed, and these are enough.
    epochs: int = 1001
    batch: int = 500
    rate: float = 1e-4
    # A larger gradient of two losses, for the row's class and for a random one, is penalised.
    largest_gradient: float = 0.2
    penalty: float = 1e10


def head_objective(
    head: Parameters, rows: Rows, random_label: Matrix, settings: HeadSettings
) -> tuple[float, Parameters]:
    """Mean loss and the penalty on its gradient, with the gradient of both for the head."""
    count = len(rows.x)
    probabilities = softmax(rows.x @ head["weight"] + head["bias"])
    label = rows.one_hot()
    losses = -np.log(probabilities[np.arange(count), rows.label])
    of_logits = (probabilities - label) / count
    # A class's loss has the gradient `weight @ (probabilities - class)`; this sums two.
    rise = 2 * probabilities - label - np.eye(rows.classes)[random_label]
    slopes = rise @ head["weight"].T
    size = np.linalg.norm(slopes, axis=1)
    beyond = np.maximum(size - settings.largest_gradient, 0)
    share = 2 * settings.penalty / count * beyond / np.maximum(size, 1e-300)
    of_slopes = share[:, None] * slopes
    of_logits += through_softmax(probabilities, 2 * of_slopes @ head["weight"])
    value = losses.mean() + settings.penalty * (beyond**2).mean()
    return value, {
        "weight": rows.x.T @ of_logits + of_slopes.T @ rise,
        "bias": of_logits.sum(axis=0),
    }


def fit_head(source: Rows, settings: HeadSettings, random: np.random.Generator) -> Parameters:
    width = source.x.shape[1]
    limit = width**-0.5
    head = {
        "weight": random.uniform(-limit, limit, (width, source.classes)),
        "bias": np.zeros(source.classes),
    }
    adam = Adam(dict.fromkeys(head, settings.rate), decay=0.5)
    for _ in range(settings.epochs):
        order = random.permutation(len(source.x))
        for start in range(0, len(order) - settings.batch + 1, settings.batch):
            rows = source.take(order[start : start + settings.batch])
            random_label = random.integers(0, source.classes, len(rows.x))
            adam.update(head, head_objective(head, rows, random_label, settings)[1])
    return head


def class_losses(head: Parameters, rows: Rows) -> Matrix:
    """Mean loss of each class."""
    probabilities = softmax(rows.x @ head["weight"] + head["bias"])
    losses = -np.log(probabilities[np.arange(len(rows.x)), rows.label])
    sums = np.bincount(rows.label, losses, minlength=rows.classes)
    return sums / np.bincount(rows.label, minlength=rows.classes)


# The transforms


@dataclass(frozen=True)
class TransformSettings:
    steps: int = 1001
    batch: int = 500
    rate: float = 1e-2
    prior_rate: float = 1e-4
    # Of the transport cost, of priors that differ, and of a second matrix that is not the inverse.
    transport: float = 2.0
    prior: float = 1.0
    inverse: float = 1.0
    # What a unit of difference between labels costs beside the distance of features.
    label: float = 1e8


def start(source: Rows, target: Rows, random: np.random.Generator) -> Parameters:
    width = source.x.shape[1]
    return {
        "map": np.eye(width),
        "inverse": np.eye(width),
        "shift": np.zeros(width),
        # Logits of the label map: a row for each source class, over the target's classes.
        "labels": random.random((source.classes, target.classes)),
        "prior": np.full(source.classes, 1 / source.classes),
    }


@dataclass(frozen=True)
class Batch:
    """What one step looks at: rows of both tasks and how they are coupled."""

    source: Rows
    target: Rows
    plan: Matrix
    # Of the source's classes, on rows in which all are as frequent.
    losses: Matrix


def coupling(found: Parameters, source: Rows, target: Rows, settings: TransformSettings) -> Matrix:
    """The optimal plan between minibatches, of distances and the penalty on labels."""
    moved = source.x @ found["map"].T + found["shift"]
    labels = softmax(found["labels"])[source.label]
    cost = ot.dist(moved, target.x, metric="euclidean")
    cost += settings.label * ot.dist(labels, target.one_hot(), metric="euclidean")
    return ot.emd(ot.unif(len(moved)), ot.unif(len(target.x)), cost, numItermax=1_000_000)


def transform_objective(
    found: Parameters, batch: Batch, target_prior: Matrix, settings: TransformSettings
) -> tuple[float, Parameters]:
    """The bound's soft form for a fixed plan, with squared distances, and its gradient."""
    labels, prior = softmax(found["labels"]), softmax(found["prior"])
    gradients, value = {}, 0.0

    moved = batch.source.x @ found["map"].T + found["shift"]
    mass = batch.plan.sum(axis=1)
    pulled = batch.plan @ batch.target.x
    squares = (mass * (moved**2).sum(axis=1)).sum() - 2 * (moved * pulled).sum()
    squares += (batch.plan.sum(axis=0) * (batch.target.x**2).sum(axis=1)).sum()
    value += settings.transport * squares
    of_moved = 2 * settings.transport * (mass[:, None] * moved - pulled)
    gradients["map"] = of_moved.T @ batch.source.x
    gradients["shift"] = of_moved.sum(axis=0)

    # Mass between classes: a label's squared distance is that of its row of the map to a vertex.
    joint = batch.source.one_hot().T @ batch.plan @ batch.target.one_hot()
    of_class = joint.sum(axis=1)
    differ = (of_class * (labels**2).sum(axis=1)).sum() - 2 * (joint * labels).sum() + joint.sum()
    weight = settings.transport * settings.label
    value += weight * differ
    of_labels = 2 * weight * (of_class[:, None] * labels - joint)

    entropies = -(labels * np.log(labels)).sum(axis=1)
    missing = target_prior - prior @ labels
    value += prior @ (entropies + batch.losses) + settings.prior * (missing**2).sum()
    of_labels -= prior[:, None] * (np.log(labels) + 1)
    of_labels -= 2 * settings.prior * prior[:, None] * missing
    of_prior = entropies + batch.losses - 2 * settings.prior * labels @ missing
    gradients["labels"] = through_softmax(labels, of_labels)
    gradients["prior"] = through_softmax(prior, of_prior)

    unit = np.eye(len(found["map"]))
    left, right = found["map"] @ found["inverse"] - unit, found["inverse"] @ found["map"] - unit
    value += settings.inverse * ((left**2).sum() + (right**2).sum())
    twice = 2 * settings.inverse
    gradients["map"] += twice * (left @ found["inverse"].T + found["inverse"].T @ right)
    gradients["inverse"] = twice * (found["map"].T @ left + right @ found["map"].T)
    return value, gradients


def fit_transforms(
    head: Parameters,
    source: Rows,
    target: Rows,
    settings: TransformSettings,
    random: np.random.Generator,
) -> Iterator[tuple[float, Parameters]]:
    """The value before each step and the transforms after it, which later steps change in place."""
    found = start(source, target, random)
    uniform, target_prior = np.full(source.classes, 1 / source.classes), target.shares()
    adam = Adam({**dict.fromkeys(found, settings.rate), "prior": settings.prior_rate})
    for _ in range(settings.steps):
        even = source.batch(settings.batch, uniform, random)
        of_source = source.batch(settings.batch, softmax(found["prior"]), random)
        of_target = target.batch(settings.batch, target_prior, random)
        plan = coupling(found, of_source, of_target, settings)
        batch = Batch(of_source, of_target, plan, class_losses(head, even))
        value, gradients = transform_objective(found, batch, target_prior, settings)
        adam.update(found, gradients)
        yield value, found


# What it reaches on rows that it has not seen


@dataclass(frozen=True)
class Published:
    """The published bound on the test rows, with what the same transforms can prove."""

    source_loss: float
    label_mismatch: float
    wasserstein: float
    # The largest gradient of the loss seen, before the head's map, and the least constant that
    # holds everywhere for the head as it is used.
    seen_constant: float
    proven_constant: float
    # Of the transformed head.
    target_loss: float
    target_accuracy: float
    # Without source rows for a class of the target, the transformed source has another prior.
    every_class_has_source_rows: bool

    @property
    def value(self) -> float:
        return self.source_loss + self.label_mismatch + self.seen_constant * self.wasserstein

    @property
    def proven(self) -> float:
        return self.source_loss + self.label_mismatch + self.proven_constant * self.wasserstein


def distance(x: Matrix, y: Matrix) -> float:
    return float(ot.emd2([], [], ot.dist(x, y, metric="euclidean")))


def evaluate(head: Parameters, found: Parameters, source: Rows, target: Rows) -> Published:
    labels, prior = softmax(found["labels"]), softmax(found["prior"])
    moved = source.x @ found["map"].T + found["shift"]
    stands_for = labels.argmax(axis=1)[source.label]
    shares = target.shares()
    distances = {
        index: distance(moved[of], target.x[target.label == index])
        for index in range(target.classes)
        if (of := stands_for == index).any()
    }
    weight = sum(shares[index] for index in distances)
    pulled = (target.x - found["shift"]) @ found["inverse"].T
    probabilities = softmax(pulled @ head["weight"] + head["bias"])
    mapped = probabilities @ labels
    own = probabilities * labels.T[target.label]
    own /= own.sum(axis=1, keepdims=True)
    slopes = (probabilities - own) @ head["weight"].T
    pulled_weight = found["inverse"].T @ head["weight"]
    apart = pulled_weight[:, :, None] - pulled_weight[:, None, :]
    return Published(
        source_loss=float(prior @ class_losses(head, source)),
        label_mismatch=float(-prior @ (labels * np.log(labels)).sum(axis=1)),
        wasserstein=sum(shares[index] * d for index, d in distances.items()) / weight,
        seen_constant=float(np.linalg.norm(slopes, axis=1).max()),
        proven_constant=float(np.linalg.norm(apart, axis=0).max()),
        target_loss=float(-np.log(mapped[np.arange(len(mapped)), target.label]).mean()),
        target_accuracy=float((mapped.argmax(axis=1) == target.label).mean()),
        every_class_has_source_rows=len(distances) == target.classes,
    )


# The comparison


def task_rows(frame: pl.DataFrame, task: str) -> TaskRows:
    """A task's rows, standardised by those to learn from."""
    rows = frame.filter(pl.col("task") == task)
    train = rows.filter(pl.col("split") == "train")
    test = rows.filter(pl.col("split") == "test")
    names = train["label"].unique().sort().to_list()
    learned = train["embedding"].to_numpy().astype(np.float64)
    mean, deviation = learned.mean(axis=0), learned.std(axis=0)
    deviation[deviation == 0] = 1

    def of(part: pl.DataFrame) -> Rows:
        x = (part["embedding"].to_numpy().astype(np.float64) - mean) / deviation
        label = np.array([names.index(name) for name in part["label"]])
        return Rows(x, label, len(names))

    return TaskRows(of(train), of(test))


def published(
    frame: pl.DataFrame, source: str, target: str, seed: int
) -> tuple[Published, float, float]:
    """What the algorithm reaches, and processor seconds of its head and its transforms."""
    random = np.random.default_rng(seed)
    old, new = task_rows(frame, source), task_rows(frame, target)
    kept: dict[str, Parameters] = {}

    def head() -> None:
        kept["head"] = fit_head(old.train, HeadSettings(), random)

    def transforms() -> None:
        steps = fit_transforms(kept["head"], old.train, new.train, TransformSettings(), random)
        for _, kept["found"] in steps:
            pass

    seconds = timed(head), timed(transforms)
    return evaluate(kept["head"], kept["found"], old.test, new.test), *seconds


def ours(frame: pl.DataFrame, source: str, target: str) -> tuple[dict[str, float], list[float]]:
    """Our bound with its defaults, and its processor seconds."""
    train = pl.col("split") == "train"
    tasks = [pt.task(where=pl.col("task") == task, fit=train) for task in (source, target)]
    call: Callable[[], pl.DataFrame] = partial(frame.select, pt.transfer_bound(*tasks).alias("b"))
    # The first call also loads code.
    bound = call()["b"][0]
    return bound, [timed(call) for _ in range(RUNS)]


def compare(frame: pl.DataFrame, pair: Pair, reference: Reference | None, seed: int) -> bool:
    """Print both sides, and say whether the value is within the tolerance of the reference."""
    model, source, target = pair
    theirs, head_seconds, seconds = published(frame, source, target, seed)
    bound, our_seconds = ours(frame, source, target)
    total = head_seconds + seconds
    trivial = bound["trivial_loss"]
    print(
        f"transfer_bound {model} {source} -> {target:13} ours {spread(our_seconds)} s"
        f"  published {total:.1f} s  published/ours {total / statistics.median(our_seconds):.0f}"
    )
    print(
        f"  ours       {bound['bound']:.3f}, certified {bound['certified']},"
        f" vacuous {bound['vacuous']}; target loss {bound['target_loss']:.3f}"
        f" (accuracy {bound['target_accuracy']:.3f}), trivial loss {trivial:.3f}"
    )
    print(
        f"  published  {theirs.value:.3f} = source loss {theirs.source_loss:.3f}"
        f" + label mismatch {theirs.label_mismatch:.3f}"
        f" + {theirs.seen_constant:.3f} x distance {theirs.wasserstein:.2f}"
        f"; {'' if theirs.value > trivial else 'not '}vacuous"
        f"; head {head_seconds:.1f} s, transforms {seconds:.1f} s"
    )
    print(
        f"             {'below' if theirs.value < theirs.target_loss else 'above'} the target loss"
        f" of its own head on the test rows, {theirs.target_loss:.3f}"
        f" (accuracy {theirs.target_accuracy:.3f})"
    )
    print(
        "             no bound: its constant is the largest gradient seen; with the least that"
        f" holds everywhere, {theirs.proven_constant:.3f}, it is {theirs.proven:.3f}"
    )
    if not theirs.every_class_has_source_rows:
        print("             no source class stands for one of the target's classes")
    sys.stdout.flush()
    if reference is None:
        return True
    difference = theirs.value / reference["bound"] - 1
    elsewhere = reference["head_cpu_s"] + reference["transform_cpu_s"]
    print(
        f"  reference  {reference['bound']:.3f} by another implementation, {elsewhere:.0f} s on"
        f" another machine; the value above differs by {100 * difference:+.1f} %",
        flush=True,
    )
    return abs(difference) <= TOLERANCE


def reference_values() -> dict[Pair, Reference]:
    figures = SHARED / "reference" / "published_algorithm.json"
    if not figures.exists():
        print("no shared/ beside the checkout: values are not compared with a reference")
        return {}
    rows = json.loads(figures.read_text())
    return {(row["model"], row["source"], row["target"]): row for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="every pair of the reference")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    require_one_thread()
    reference = reference_values()
    pairs = list(reference) if options.all else DEFAULT
    print(f"processor seconds, one thread; ours by its defaults, min / median / max of {RUNS} runs")
    agreed = []
    for pair in pairs:
        shared = SHARED / "embeddings" / f"{pair[0]}.parquet"
        path = shared if options.all else ROOT / "data" / shared.name
        frame = pl.read_parquet(path)
        agreed.append(compare(frame, pair, reference.get(pair), options.seed))
    if not all(agreed):
        sys.exit(f"a published value is further than {TOLERANCE:.0%} from its reference")


if __name__ == "__main__":
    main()
