"""What the scripts of the study make of results, on results that are planted."""

from __future__ import annotations

import doctest

import does_it_predict
import polars as pl
import pytest
import relatedness
from study import words

# Of two targets, three models and their accuracies.
ACCURACIES = {"cars": [0.5, 0.7, 0.9], "pets": [0.8, 0.6, 0.4]}


def planted(**values: dict[str, list[float]]) -> pl.DataFrame:
    """Rankers with the value of each model on each target."""
    rows = [
        ("score", ranker, target, model, value, accuracy)
        for ranker, of_targets in values.items()
        for target, of_models in of_targets.items()
        for model, value, accuracy in zip("abc", of_models, ACCURACIES[target], strict=True)
    ]
    columns = ["kind", "ranker", "target", "model", "value", "accuracy"]
    return pl.DataFrame(rows, schema=columns, orient="row")


RANKERS = planted(
    truth=ACCURACIES,
    wrong={target: [-value for value in of] for target, of in ACCURACIES.items()},
    constant={target: [0.5, 0.5, 0.5] for target in ACCURACIES},
)


def of_ranker(ranker: str) -> dict[str, object]:
    return does_it_predict.summary(RANKERS).row(by_predicate=pl.col("ranker") == ranker, named=True)


def test_a_ranker_that_is_the_truth_is_perfect_whatever_is_drawn() -> None:
    found = of_ranker("truth")
    assert (found["weighted_tau"], found["spearman"]) == pytest.approx((1, 1))
    assert (found["top_3_recall"], found["regret_at_1"]) == (1, 0)
    assert found["weighted_tau_targets"] == pytest.approx([1, 1])
    assert found["regret_at_1_models"] == [0, 0]


def test_a_ranker_that_has_all_models_equal_is_worth_a_random_choice() -> None:
    found = of_ranker("constant")
    assert found["weighted_tau"] == 0
    # The best model is 0.2 above the mean of the three on either target.
    assert found["regret_at_1"] == pytest.approx(20)


def test_a_difference_has_two_sides() -> None:
    mean, low, high = does_it_predict.difference(RANKERS, "truth", "wrong")
    assert mean == pytest.approx(2)
    assert low <= mean <= high
    turned = does_it_predict.difference(RANKERS, "wrong", "truth")
    assert turned == pytest.approx((-mean, -high, -low))


def related(**shares: float) -> pl.DataFrame:
    """Pairs, named by their source and target."""
    pairs = [(*pair.split("_to_"), share) for pair, share in shares.items()]
    return pl.DataFrame(pairs, schema=["source", "target", "share"], orient="row")


def test_pairs_that_are_the_same_in_both_directions_have_none() -> None:
    pairs = related(a_to_b=0.2, b_to_a=0.2, a_to_c=0.8, c_to_a=0.8, b_to_c=0.5, c_to_b=0.5)
    found = relatedness.asymmetry(pairs).row(0, named=True)
    assert (found["mean_difference"], found["explained"]) == (0, 0)


def test_pairs_that_differ_in_their_direction_only_are_all_direction() -> None:
    found = relatedness.asymmetry(related(a_to_b=0.2, b_to_a=0.6)).row(0, named=True)
    assert found["explained"] == pytest.approx(1)
    assert found["mean_difference"] == pytest.approx(0.4)
    assert (found["source"], found["target"], found["share"]) == ("a", "b", 0.2)


def test_a_relative_is_placed_among_the_sources_of_its_target() -> None:
    pairs = related(mnist_to_usps=0.3, fashion_to_usps=0.2, usps_to_mnist=0.1, fashion_to_mnist=0.4)
    found = relatedness.families(pairs)
    columns = ["target", "nearest_relative", "place", "sources", "by_chance"]
    assert found.select(columns).rows() == [
        ("mnist", "usps", 1, 2, 1.5),
        ("usps", "mnist", 2, 2, 1.5),
    ]


def test_words_are_as_their_examples_say() -> None:
    tried = doctest.testmod(words)
    assert tried.attempted
    assert not tried.failed
