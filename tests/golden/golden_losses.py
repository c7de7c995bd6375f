# Makes the goldens of the losses: reductions, ignored targets, label smoothing, class weights.
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
            # The class weights are constants, so they are in args and not among the inputs.
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
        # (B, T, C) = (2, 3, 4) flattened to (B T, C); the ignored id is a class too.
        add("b2_t3_flattened_ignore_0", "cross_entropy", numbers(6, 4, seed=2), [3, 0, 1, 0, 0, 2],
            ignore_index=0, smoothing=smoothing)
        add("weight_all_counted", "cross_entropy", x, labels, smoothing=smoothing, weight=weight)
        add("weight_some_ignored", "cross_entropy", x, some, smoothing=smoothing, weight=weight)
    for kind, targets in (("all_counted", labels), ("some_ignored", some), ("all_ignored", none)):
        add(kind, "nll_loss", x, targets)
    add("ignore_2", "nll_loss", x, labels, ignore_index=2)
    add("weight", "nll_loss", x, some, weight=weight)
    return cases + pointwise()


def pointwise():
    """Losses of numbers.  The differences are below, above and equal to beta and delta."""
    cases = []

    def add(kind, fn_name, inputs, **options):
        for reduction in REDUCTIONS:
            # Constant tensors are in args and not among the inputs.
            given = {key: f64(value) if isinstance(value, list) else value
                     for key, value in options.items()}
            cases.append(case(f"{fn_name}{kind}/{reduction}", fn_name,
                              lambda x, t: getattr(F, fn_name)(x, t, reduction=reduction, **given),
                              inputs, {"reduction": reduction, **options}))

    pair = {"x": numbers(2, 3), "target": numbers(2, 3, seed=3)}
    near = {"x": f64([-2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0]), "target": f64([0.0] * 9)}
    add("", "mse_loss", pair)
    add("", "l1_loss", pair)
    for width in (0.5, 1.0):
        add(f"/beta_{width}", "smooth_l1_loss", near, beta=width)
        add(f"/delta_{width}", "huber_loss", near, delta=width)
    # No case has d = 0: there this version of PyTorch gives |d| the slope -1, and l1_loss 0.
    add("/beta_0", "smooth_l1_loss", pair, beta=0.0)
    logits = {"logits": f64([[-30.0, -1.5, 0.0], [0.5, 2.0, 30.0], [800.0, -800.0, 3.0]]),
              "targets": f64([[0.0, 1.0, 0.5], [0.25, 0.0, 1.0], [1.0, 0.0, 0.75]])}
    add("", "binary_cross_entropy_with_logits", logits)
    add("/weight", "binary_cross_entropy_with_logits", logits, weight=[0.5, 1.0, 2.0])
    add("/pos_weight", "binary_cross_entropy_with_logits", logits, pos_weight=[0.5, 1.0, 3.0])
    log_probs = F.log_softmax(numbers(2, 4), -1)
    probs = F.softmax(numbers(2, 4, seed=5), -1)
    add("", "kl_div", {"log_probs": log_probs, "targets": probs}, log_target=False)
    add("/log_target", "kl_div", {"log_probs": log_probs, "targets": probs.log()}, log_target=True)
    return cases
