"""How time and memory grow with rows, width and classes: a table and a picture, with exponents.

Each point is a process of its own on one thread. An exponent is the slope of a straight line
through the logarithms. Memory is that beyond the input; its exponent is left out where it stays
below what the process needs for anything (8 MiB).
"""

from __future__ import annotations

import re
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
from measure import in_child

HERE = Path(__file__).parent
START = (
    "<!-- no claim: seconds and memory depend on the machine; `make bench` writes this table -->"
)
END = "<!-- end of growth -->"
FLOOR = 8.0
# What is varied, over a decade, beside what stays. Rows are those of either side.
BOUND = {"n": 4000, "d": 128, "K_S": 10, "K_T": 10}
POINTS = {
    "transfer_bound": (
        BOUND,
        {
            "n": (2000, 6000, 20_000),
            "d": (64, 200, 640),
            "K_S": (10, 30, 100),
            "K_T": (2, 6, 20),
        },
    ),
    "wasserstein": (
        {"n": 1000, "d": 64},
        {"n": (400, 1300, 4000), "d": (32, 100, 320)},
    ),
    "linear_probe": (
        {"n": 5000, "d": 128, "K_S": 20},
        {"n": (2000, 6000, 20_000), "d": (64, 200, 640), "K_S": (10, 30, 100)},
    ),
    "logme": (
        {"n": 20_000, "d": 128, "K_S": 20},
        {"n": (5000, 16_000, 50_000), "d": (100, 300, 1000), "K_S": (10, 30, 100)},
    ),
}
# The algorithm's own, for large problems; see the README.
EXPECTED = {
    ("transfer_bound", "n"): "1 to 2.5",
    ("transfer_bound", "d"): "1 to 3",
    ("transfer_bound", "K_S"): "0 to 1",
    ("transfer_bound", "K_T"): "1 to 2",
    ("wasserstein", "n"): "2 to 3",
    ("wasserstein", "d"): "0 to 1",
    ("linear_probe", "n"): "1",
    ("linear_probe", "d"): "1 to 2",
    ("linear_probe", "K_S"): "1",
    ("logme", "n"): "1",
    ("logme", "d"): "2 to 3",
    ("logme", "K_S"): "0 to 1",
}

CHILD = """
import sys
import time
import numpy as np
import polars as pl
import polars_transferability as pt

call = sys.argv[1]
n, d, source_classes, target_classes = map(int, sys.argv[2:])
rng = np.random.default_rng(0)


def table(n, d, classes, task):
    label = np.arange(n) % classes
    values = rng.standard_normal((n, d), dtype=np.float32)
    values += rng.standard_normal((classes, d), dtype=np.float32)[label]
    values += np.float32(0.1) * rng.standard_normal((n, 1), dtype=np.float32)
    column = pl.Series(values, dtype=pl.Array(pl.Float32, d))
    frame = pl.DataFrame({"embedding": column, "label": label})
    return frame.with_columns(task=pl.lit(task), fit=pl.int_range(pl.len()) // classes % 5 != 0)


def tables(n, d, source_classes, target_classes):
    both = [table(n, d, source_classes, "source"), table(n, d, target_classes, "target")]
    return pl.concat(both, rechunk=True)


near = [pl.col("embedding").filter(pl.col("task") == side) for side in ("source", "target")]
expression = {
    "transfer_bound": lambda: pt.transfer_bound(
        *(pt.task(where=pl.col("task") == side, fit="fit") for side in ("source", "target"))
    ),
    "wasserstein": lambda: pt.wasserstein(*near),
    "linear_probe": lambda: pt.linear_probe("embedding", "label", l2=0.01),
    "logme": lambda: pt.logme("embedding", "label"),
}[call]()
if call in ("linear_probe", "logme"):
    frame, tiny = table(n, d, source_classes, "source"), table(20, 3, 2, "source")
else:
    frame, tiny = tables(n, d, source_classes, target_classes), tables(20, 3, 2, 2)
tiny.select(expression)
forget_peak()
start = time.process_time()
frame.select(expression)
print(time.process_time() - start, beyond())
"""


def exponent(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def measured() -> pl.DataFrame:
    rows = []
    for call, (fixed, varied) in POINTS.items():
        for variable, values in varied.items():
            for value in values:
                sizes = {"d": 0, "K_S": 2, "K_T": 2} | fixed | {variable: value}
                arguments = (sizes[name] for name in ("n", "d", "K_S", "K_T"))
                seconds, memory = in_child(CHILD, call, *arguments)
                rows.append((call, variable, value, seconds, memory))
    columns = ["call", "variable", "value", "seconds", "MiB"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def summary(points: pl.DataFrame) -> list[str]:
    lines = [
        "| call | grows | from, to | seconds | time exponent | the algorithm's | MiB | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (call, variable), group in points.group_by("call", "variable", maintain_order=True):
        x, seconds, memory = (group[name].to_list() for name in ("value", "seconds", "MiB"))
        large = [(a, b) for a, b in zip(x, memory, strict=True) if b > FLOOR]
        growth = f"{exponent(*map(list, zip(*large, strict=True))):.1f}" if len(large) > 2 else ""
        lines.append(
            f"| {call} | {variable} | {x[0]}, {x[-1]} | {seconds[0]:.3g}, {seconds[-1]:.3g} | "
            f"{exponent(x, seconds):.1f} | {EXPECTED[call, variable]} | "
            f"{memory[0]:.0f}, {memory[-1]:.0f} | {growth} |"
        )
    return lines


def picture(points: pl.DataFrame) -> alt.VConcatChart:
    variables = list(BOUND)
    rows = []
    for call in POINTS:
        charts = []
        for variable in variables:
            some = points.filter(call=call, variable=variable)
            if some.is_empty():
                continue
            long = some.unpivot(
                ["seconds", "MiB"], index="value", variable_name="of", value_name="y"
            )
            lines = (
                alt.Chart(long, title=f"{call}, {variable}")
                .mark_line(point=True)
                .encode(
                    alt.X("value:Q", title=variable)
                    .scale(type="log", nice=False)
                    .axis(values=some["value"].to_list(), format="~s"),
                    alt.Y("y:Q", title=None).scale(type="log"),
                    alt.Color("of:N", title=None, sort=["seconds", "MiB"]),
                )
            )
            charts.append(lines.properties(width=150, height=120))
        rows.append(alt.hconcat(*charts))
    return alt.vconcat(*rows)


def write(lines: list[str]) -> None:
    readme = HERE / "README.md"
    body = "\n".join([START, "", *lines, "", END])
    pattern = re.compile(f"{START}.*{END}", re.DOTALL)
    readme.write_text(pattern.sub(lambda _: body, readme.read_text()))


def main() -> None:
    points = measured()
    lines = summary(points)
    print("\n".join(lines))
    picture(points).save(HERE / "growth.svg")
    write(lines)


if __name__ == "__main__":
    main()
