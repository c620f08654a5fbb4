"""The linear probe against scikit-learn at equal objective, one thread each; prints ratios.

Each side gets the loosest of some tolerances with which its objective is within 1e-6 (relative) of
the least that is known; scikit-learn gets standardised features, ours standardises them itself.
Ours with its default is tighter.
"""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import polars_transferability as pt
from measure import spread, timed
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parent.parent
RUNS = 5
EQUAL = 1e-6
# The last counts as the minimum where no looser one reaches it.
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)
# Those that the probe tries, strongest first.
STRENGTHS = (10.0, 1.0, 0.1, 0.01, 0.001, 1e-4)
SET_ASIDE = 0.25


def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Embeddings (f32) and class numbers."""
    found = {}
    shared = ROOT.parent / "shared" / "embeddings" / "mobilenet_v2_1.0_224.parquet"
    for name, path, task in (
        ("LeNet", ROOT / "data" / "lenet-mnist.parquet", "fashion-mnist"),
        ("MobileNet", shared, "tiny-imagenet-a"),
    ):
        if not path.exists():
            print(f"no {path.name} beside the checkout: {name} is left out")
            continue
        rows = pl.read_parquet(path).filter(task=task, split="train")
        found[name] = rows["embedding"].to_numpy(), rows["label"].rank("dense").to_numpy() - 1
    rng = np.random.default_rng(0)
    n, d, k = 10_000, 1024, 100
    labels = np.arange(n) % k
    mixing = rng.normal(size=(d, d)) * np.arange(1, d + 1)[:, None] ** -0.5 * 4 / d**0.5
    means = 0.05 * rng.normal(size=(k, d))
    values = means[labels] + rng.normal(size=(n, d)) @ mixing + 0.5 * rng.normal(size=(n, d))
    found["synthetic"] = np.maximum(values, 0).astype(np.float32), labels
    return found


def objective(model: LogisticRegression, x: np.ndarray, y: np.ndarray, l2: float) -> float:
    loss = -model.predict_log_proba(x)[np.arange(len(y)), y].mean()
    return float(loss + l2 / 2 * (model.coef_**2).sum())


def fit_peer(x: np.ndarray, y: np.ndarray, l2: float, tolerance: float) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(C=1 / (l2 * len(y)), tol=tolerance, max_iter=20_000)
        return model.fit(x, y)


def our_objectives(values: np.ndarray, y: np.ndarray, l2: float) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/rows", f"{folder}/labels"]
        values.astype("<f4").tofile(paths[0])
        y.astype("<u4").tofile(paths[1])
        arguments = [*paths, values.shape[1], l2, *TOLERANCES]
        command = ["cargo", "bench", "--quiet", "--bench", "probe_objective", "--"]
        output = subprocess.run(
            [*command, *map(str, arguments)], check=True, capture_output=True, text=True, cwd=ROOT
        ).stdout
    return [float(line) for line in output.splitlines()]


def peer_objectives(x: np.ndarray, y: np.ndarray, l2: float) -> list[float]:
    return [objective(fit_peer(x, y, l2, t), x, y, l2) for t in TOLERANCES]


def loosest(objectives: list[float], least: float) -> float:
    """Tolerance with which the objective equals the least."""
    equal = [value <= least * (1 + EQUAL) for value in objectives]
    assert equal[-1], "not the same minimum"
    return TOLERANCES[equal.index(True)]


def cold_fit(x: np.ndarray, y: np.ndarray, l2: float) -> Callable[[], object]:
    objectives = peer_objectives(x, y, l2)
    return partial(fit_peer, x, y, l2, loosest(objectives, min(objectives)))


def report(what: str, **calls: Callable[[], object]) -> None:
    """The last is the peer."""
    times = {name: [] for name in calls}
    for _ in range(RUNS):
        for name, call in calls.items():
            times[name].append(timed(call))
    *sides, peer = times
    print(f"{what:40} {peer} {spread(times[peer])} s", flush=True)
    for name in sides:
        ratios = [b / a for a, b in zip(times[name], times[peer], strict=True)]
        print(f"  {name:38} {spread(times[name])} s  ratio {spread(ratios, 1)}", flush=True)


def main() -> None:
    print("linear probe, f64, processor seconds: min / median / max")
    for name, (values, y) in tables().items():
        n, d = values.shape
        frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.Array(pl.Float32, d)), "y": y})
        sd = values.std(axis=0, dtype=float)
        x = (values - values.mean(axis=0, dtype=float)) * np.where(
            sd > 0, 1 / np.maximum(sd, 1e-30), 0
        )
        size = f"{name} {n} x {d} x {y.max() + 1}"
        for l2 in (0.01, 0.001) if name == "LeNet" else (0.01,):
            both = our_objectives(values, y, l2), peer_objectives(x, y, l2)
            ours, theirs = (loosest(side, min(map(min, both))) for side in both)
            report(
                f"{size}, l2 {l2}",
                **{
                    f"ours, tolerance {ours:.0e}": probe(frame, l2=l2, tolerance=ours),
                    "ours, as by default": probe(frame, l2=l2),
                    f"scikit-learn, tol {theirs:.0e}": partial(fit_peer, x, y, l2, theirs),
                },
            )
        if name != "LeNet":
            continue  # Minutes, for the peer.
        # The path ends after the first strength that is worse than the one before.
        chosen = frame.select(pt.linear_probe("x", "y")).unnest("linear_probe")["l2"].item()
        tried = STRENGTHS[: STRENGTHS.index(chosen) + 2]
        kept = np.random.default_rng(0).random(n) >= SET_ASIDE
        fits = [cold_fit(x[kept], y[kept], l2) for l2 in tried] + [cold_fit(x, y, chosen)]

        def one_by_one(fits: list[Callable[[], object]] = fits) -> None:
            for fit in fits:
                fit()

        report(
            f"{size}, path of {len(tried)} and a last fit",
            **{"ours, as by default": probe(frame), "scikit-learn": one_by_one},
        )


def probe(frame: pl.DataFrame, **options: float) -> Callable[[], object]:
    return partial(frame.select, pt.linear_probe("x", "y", **options))


if __name__ == "__main__":
    main()
