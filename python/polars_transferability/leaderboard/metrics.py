"""Metrics of leaderboards by name: of which less is better, and which is the main one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from polars_transferability._arguments import letters, near_name
from polars_transferability._door import door
from polars_transferability.leaderboard.wording import quoted

# Words that say of a metric that less of it is better, whatever else its name says.
_LOWER = {
    *("error", "err", "errors", "loss", "wer", "cer", "ter", "eer", "der", "perplexity", "ppl"),
    *("mse", "rmse", "mae", "mape", "nll", "entropy", "fid", "brier", "ece", "latency"),
    *("bpb", "bpc", "distance", "regret", "toxicity", "hallucination"),
}
# Words that say that more of it is better. Digits at their end do not count: top1, ndcg10.
_HIGHER = {
    *("accuracy", "acc", "accuracies", "top", "f", "fscore", "score", "map", "mrr", "ndcg", "hit"),
    *("auc", "auroc", "auprc", "ap", "precision", "recall", "specificity", "sensitivity", "hits"),
    *("spearman", "pearson", "kendall", "kendalltau", "correlation", "matthews", "mcc", "kappa"),
    *("measure", "vmeasure", "nmi", "ari", "iou", "miou", "dice", "r2", "em", "match", "pass"),
    *("bleu", "sacrebleu", "rouge", "rougel", "rougelsum", "meteor", "chrf", "comet", "cider"),
    *("bertscore", "psnr", "ssim", "elo", "winrate", "similarity", "success"),
}
# How the name of a metric begins that is another turned round.
_COMPLEMENT = re.compile(
    r"\s*((1|100)?\s*[-\N{MINUS SIGN}]|(neg|negative|negated|inv|inverse|inverted)[\W_])",
    re.IGNORECASE,
)
# Main metrics, the first of them first, as `letters` spells them. `main_score` is what MTEB calls
# the metric that it ranks by, which is nDCG at 10 for retrieval.
_MAIN = (
    *("mainscore", "accuracy", "acc", "top1", "top1accuracy", "top1acc", "score", "ndcgat10"),
    *("ndcg10", "wer", "worderrorrate"),
)


def is_lower_better(metric: str) -> bool | None:
    """Return whether less of a metric is better, as its name says; None if that is not known.

    Examples
    --------
    >>> is_lower_better("Word Error Rate"), is_lower_better("ndcg_at_10")
    (True, False)
    >>> is_lower_better("1-WER"), is_lower_better("neg_loss")
    (False, False)
    >>> is_lower_better("glow") is None
    True
    """
    words = re.findall(r"[a-z]+\d*", metric.casefold())
    words += [word.rstrip("0123456789") for word in words]
    if _LOWER.intersection(words):
        # As in 1-WER, of which more is better.
        return _COMPLEMENT.match(metric) is None
    return False if _HIGHER.intersection(words) else None


def main_metric(metrics: Collection[str]) -> str | None:
    """Return the metric to take of several, if one is the main one by its name.

    Examples
    --------
    >>> main_metric(["F1", "Accuracy"]), main_metric(["f1", "mcc"])
    ('Accuracy', None)
    """
    return metric_named(_MAIN, metrics)


def metric_named(wanted: Sequence[str], metrics: Collection[str]) -> str | None:
    """Return the first of the wanted metrics that there is; case and punctuation do not count.

    Examples
    --------
    >>> metric_named(["macro f1", "f1"], ["F1", "accuracy"])
    'F1'
    """
    spelled = {letters(metric): metric for metric in reversed(list(metrics))}
    return next((spelled[one] for one in map(letters, wanted) if one in spelled), None)


@dataclass(frozen=True)
class Metrics:
    """Metrics that the caller names.

    Attributes
    ----------
    wanted
        Those to take, the first that a target has; None: its only or its main one.
    higher, lower
        Those of which more, or less, is better, whatever their names say.
    """

    wanted: Sequence[str] | None = None
    higher: Sequence[str] = ()
    lower: Sequence[str] = ()

    def chosen(self, metrics: Collection[str], whose: str) -> str | None:
        """Return the metric to take of several; None if none of the wanted ones is there."""
        if self.wanted is not None:
            return metric_named(self.wanted, metrics)
        found = main_metric(metrics) if len(metrics) > 1 else next(iter(metrics))
        if found is None:
            msg = f"{whose} has several metrics, {quoted(metrics)}; choose one with {door().metric}"
            raise ValueError(msg)
        return found

    def refuse_unknown(self, metrics: Collection[str], whose: str) -> None:
        """Raise ValueError if a wanted metric is nowhere."""
        for name in self.wanted or ():
            if metric_named([name], metrics) is None:
                near = near_name(name, metrics)
                msg = f"{whose}: no metric '{name}'{near}; there are {quoted(metrics)}"
                raise ValueError(msg)

    def is_lower_better(self, metric: str) -> bool | None:
        """Return whether less of a metric is better, by what the caller says or by its name."""
        for names, is_lower in ((self.lower, True), (self.higher, False)):
            if metric_named(names, [metric]) is not None:
                return is_lower
        return is_lower_better(metric)

    def turned(self, metrics: Collection[str], whose: str) -> list[str]:
        """Return the metrics of which less is better; raise ValueError if that is not known."""
        known = {metric: self.is_lower_better(metric) for metric in metrics}
        if unknown := [metric for metric, is_lower in known.items() if is_lower is None]:
            msg = (
                f"{whose}: it is not known whether more of {quoted(unknown)} is better; "
                f"say so with {door().direction}"
            )
            raise ValueError(msg)
        return [metric for metric, is_lower in known.items() if is_lower]
