# Goldens of the losses: reductions, ignored targets, label smoothing, class weights.
import torch.nn.functional as F

from golden_case import case, f64, i64, numbers

REDUCTIONS = ("none", "mean", "sum")


def losses():
    cases = []

    def add(kind, fn_name, logits, targets, ignore_index=-100, smoothing=None, weight=None):
        for reduction in REDUCTIONS:
            args = {"reduction": reduction, "ignore_index": ignore_index}
            if smoothing is not None:
                args["label_smoothing"] = smoothing
            inputs = {"logits" if fn_name == "cross_entropy" else "log_probs": logits,
                      "targets": i64(targets)}
            # The class weights are constants: they stand in args, not among the inputs.
            options = dict(args, weight=None if weight is None else f64(weight))
            if weight is not None:
                args["weight"] = weight
            suffix = f"/smoothing_{smoothing}" if smoothing else ""
            cases.append(case(f"{fn_name}/{kind}/{reduction}{suffix}", fn_name,
                              lambda x, t: getattr(F, fn_name)(x, t, **options), inputs, args))

    x, labels, some, none = numbers(3, 4), [1, 0, 2], [1, -100, 3], [-100] * 3
    extreme = f64([[1e4, -1e4, 0, 1], [-1e4, -1e4, -1e4, -1e4], [1e4, 1e4, 0, -1e4]])
    weight = [0.5, 1.0, 2.0, 0.25]
    for smoothing in (0.0, 0.1, 0.3):
        add("all_counted", "cross_entropy", x, labels, smoothing=smoothing)
        add("some_ignored", "cross_entropy", x, some, smoothing=smoothing)
    for smoothing in (0.0, 0.1):
        add("all_ignored", "cross_entropy", x, none, smoothing=smoothing)
        add("extreme", "cross_entropy", extreme, [1, 0, 0], smoothing=smoothing)
        # (B, T, C) = (2, 3, 4) flattened to (B T, C); the ignored id is a class of its own.
        add("b2_t3_flattened_ignore_0", "cross_entropy", numbers(6, 4, seed=2), [3, 0, 1, 0, 0, 2],
            ignore_index=0, smoothing=smoothing)
        add("weight_all_counted", "cross_entropy", x, labels, smoothing=smoothing, weight=weight)
        add("weight_some_ignored", "cross_entropy", x, some, smoothing=smoothing, weight=weight)
    for kind, targets in (("all_counted", labels), ("some_ignored", some), ("all_ignored", none)):
        add(kind, "nll_loss", x, targets)
    add("ignore_2", "nll_loss", x, labels, ignore_index=2)
    for reduction in REDUCTIONS:
        cases.append(case(f"mse_loss/{reduction}", "mse_loss",
                          lambda x, t: F.mse_loss(x, t, reduction=reduction),
                          {"x": numbers(2, 3), "target": numbers(2, 3, seed=3)},
                          {"reduction": reduction}))
    return cases
