"""Wrong answers to the assignment "delta" that students are known to give, and what each loses."""

from tests.submissions import WrongForm

RELEASED = "    # YOUR CODE HERE\n    raise NotImplementedError()\n"

LOCAL_GRADIENT = "def local_gradient(activation):\n"
NUMERICAL_GRADIENT = "def numerical_gradient(objective, params, step=6e-6):\n"
OUTPUT_DELTA = "def output_delta(x_hat, x):\n"
HIDDEN_DELTA = "def hidden_delta(activation, delta_out, decoder_weight):\n"
MODIFIED_DELTA = (
    "def modified_delta(activation, delta_out, decoder_weight, rho, sparsity_weight):\n"
)
SPARSE = "def sparse_loss_and_grad(params, x, rho, sparsity_weight, weight_decay):\n"
GRADIENT_ERRORS = "def gradient_errors(objective, params):\n"
DELTA_ERRORS = "def delta_errors(loss, params, x, first, second):\n"


def modified(
    mean="activation.mean(axis=0)",
    slope="-rho / rho_hat + (1 - rho) / (1 - rho_hat)",
    back="delta_out @ decoder_weight.T",
    result="activation * (1 - activation) * (back + sparsity_weight / m * slope)",
):
    """Return the source of a modified delta; the defaults are right."""
    return (
        MODIFIED_DELTA
        + f"""    m = len(activation)
    rho_hat = {mean}
    slope = {slope}
    back = {back}
    return {result}
"""
    )


def sparse(
    data="0.5 * np.sum((x_hat - x) ** 2) / m",
    kl="rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))",
    decay="0.5 * weight_decay * (np.sum(w1**2) + np.sum(w2**2))",
    weight="inputs.T @ delta + weight_decay * w",
    bias="delta.sum(axis=0)",
):
    """Return the source of a sparse loss and gradient; the defaults are right."""
    return (
        SPARSE
        + f"""    m = len(x)
    w1, w2 = params["encoder_weight"], params["decoder_weight"]
    b1, b2 = params["encoder_bias"], params["decoder_bias"]
    a = sigmoid(x @ w1 + b1)
    x_hat = sigmoid(a @ w2 + b2)
    rho_hat = a.mean(axis=0)
    kl = {kl}
    loss = {data} + sparsity_weight * np.sum(kl) + {decay}
    delta_out = output_delta(x_hat, x)
    delta_hidden = modified_delta(a, delta_out, w2, rho, sparsity_weight)

    def by_weight(inputs, delta, w):
        return {weight}

    def by_bias(delta, b):
        return {bias}

    return loss, {{
        "encoder_weight": by_weight(x, delta_hidden, w1),
        "encoder_bias": by_bias(delta_hidden, b1),
        "decoder_weight": by_weight(a, delta_out, w2),
        "decoder_bias": by_bias(delta_out, b2),
    }}
"""
    )


def numerical(quotient, put_back="value[index] = centre"):
    """Return the source of a gradient by differences for arrays and dicts."""
    return (
        NUMERICAL_GRADIENT
        + f"""    if not isinstance(params, dict):
        return numerical_gradient(lambda p: objective(p["it"]), {{"it": params}}, step)["it"]
    point = {{name: value.copy() for name, value in params.items()}}
    gradient = {{}}
    for name, value in point.items():
        gradient[name] = np.empty_like(value)
        for index in np.ndindex(value.shape):
            centre = value[index]
            here = objective(point)
            value[index] = centre + step
            above = objective(point)
            value[index] = centre - step
            below = objective(point)
            {put_back}
            gradient[name][index] = {quotient}
    return gradient
"""
    )


WRONG_FORMS = [
    # --- the penalty's part of the hidden delta ---
    WrongForm(
        "the slide's bracket, which closes before the penalty",
        {
            "modified-delta": modified(
                result="activation * (1 - activation) * back + sparsity_weight / m * slope"
            )
        },
        {"test-modified-bracket": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "an extra 1/m on the penalty",
        {
            "modified-delta": modified(
                result="activation * (1 - activation) * (back + sparsity_weight / m**2 * slope)"
            )
        },
        {"test-modified-one-over-m": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "no 1/m on the penalty, though the output delta has one",
        {
            "modified-delta": modified(
                result="activation * (1 - activation) * (back + sparsity_weight * slope)"
            )
        },
        {"test-modified-one-over-m": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "an extra 1/m on the whole hidden delta",
        {
            "modified-delta": modified(
                result="activation * (1 - activation) * (back + sparsity_weight / m * slope) / m"
            )
        },
        {"test-modified-plain": 1.0, "test-modified-one-over-m": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "the penalty divided by the number of hidden units",
        {
            "modified-delta": modified(
                result="activation * (1 - activation) * (back + sparsity_weight * slope"
                " / activation.shape[1])"
            )
        },
        {"test-modified-one-over-m": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "KL reversed in the delta",
        {
            "modified-delta": modified(
                slope="np.log(rho_hat / rho) - np.log((1 - rho_hat) / (1 - rho))"
            )
        },
        {"test-modified-direction": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "KL reversed in the delta and in the loss, so that the own check passes",
        {
            "modified-delta": modified(
                slope="np.log(rho_hat / rho) - np.log((1 - rho_hat) / (1 - rho))"
            ),
            "sparse-loss-and-grad": sparse(
                kl="rho_hat * np.log(rho_hat / rho)"
                " + (1 - rho_hat) * np.log((1 - rho_hat) / (1 - rho))"
            ),
        },
        {"test-modified-direction": 1.0, "test-loss": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "the slope of KL with the opposite sign",
        {"modified-delta": modified(slope="rho / rho_hat - (1 - rho) / (1 - rho_hat)")},
        {"test-modified-direction": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "KL per sample",
        {"modified-delta": modified(mean="activation")},
        {"test-modified-mean": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "KL per sample in the loss",
        {
            "sparse-loss-and-grad": sparse(
                kl="rho * np.log(rho / a) + (1 - rho) * np.log((1 - rho) / (1 - a))"
            )
        },
        {"test-loss": 1.0},
    ),
    WrongForm(
        "the mean over the units instead of the batch",
        {"modified-delta": modified(mean="activation.mean(axis=1, keepdims=True)")},
        {"test-modified-mean": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "one mean over units and batch",
        {"modified-delta": modified(mean="activation.mean()")},
        {"test-modified-mean": 1.0, "test-together": 1.0},
    ),
    # --- the way back through the decoder ---
    WrongForm(
        "the decoder's weight for its transpose, where the shapes allow it",
        {
            "hidden-delta": HIDDEN_DELTA
            + "    return activation * (1 - activation) * (delta_out @ decoder_weight)\n",
            "modified-delta": modified(back="delta_out @ decoder_weight"),
        },
        {"test-hidden-delta": 0.5, "test-modified-plain": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "the plain hidden delta without the slope",
        {"hidden-delta": HIDDEN_DELTA + "    return delta_out @ decoder_weight.T\n"},
        {"test-hidden-delta": 0.5},
    ),
    WrongForm(
        "the mean taken again in the plain hidden delta",
        {
            "hidden-delta": HIDDEN_DELTA + "    slope = activation * (1 - activation)\n"
            "    return slope * (delta_out @ decoder_weight.T) / len(activation)\n"
        },
        {"test-hidden-delta": 0.5},
    ),
    WrongForm(
        "the sigmoid applied to an activation",
        {
            "local-gradient": LOCAL_GRADIENT
            + "    return sigmoid(activation) * (1 - sigmoid(activation))\n"
        },
        {"test-local-gradient": 1.0},
    ),
    # --- the output delta ---
    WrongForm(
        "no 1/m in the output delta: the delta of a sum, the loss of a mean",
        {"output-delta": OUTPUT_DELTA + "    return (x_hat - x) * x_hat * (1 - x_hat)\n"},
        {"test-output-mean": 1.0, "test-together": 2.0},
    ),
    WrongForm(
        "the output delta of a mean over all entries",
        {"output-delta": OUTPUT_DELTA + "    return (x_hat - x) * x_hat * (1 - x_hat) / x.size\n"},
        {"test-output-mean": 1.0, "test-together": 2.0},
    ),
    WrongForm(
        "the output delta divided by the number of inputs",
        {
            "output-delta": OUTPUT_DELTA
            + "    return (x_hat - x) * x_hat * (1 - x_hat) / x.shape[1]\n"
        },
        {"test-output-mean": 1.0, "test-together": 2.0},
    ),
    WrongForm(
        "the output delta with the opposite sign",
        {"output-delta": OUTPUT_DELTA + "    return (x - x_hat) * x_hat * (1 - x_hat) / len(x)\n"},
        {"test-output-delta": 1.0, "test-together": 2.0},
    ),
    WrongForm(
        "the output delta without the slope",
        {"output-delta": OUTPUT_DELTA + "    return (x_hat - x) / len(x)\n"},
        {"test-output-delta": 1.0, "test-together": 2.0},
    ),
    WrongForm(
        "the slope of the data in the output delta",
        {"output-delta": OUTPUT_DELTA + "    return (x_hat - x) * x * (1 - x) / len(x)\n"},
        {"test-output-delta": 1.0, "test-together": 2.0},
    ),
    # --- the whole ---
    WrongForm(
        "the mean per sample and once more at the end",
        {
            "sparse-loss-and-grad": sparse(
                weight="inputs.T @ delta / m + weight_decay * w", bias="delta.mean(axis=0)"
            )
        },
        {"test-together": 2.0},
    ),
    WrongForm(
        "the other bookkeeping, right in itself: the mean at the end, a bare weight before it",
        {
            "output-delta": OUTPUT_DELTA + "    return (x_hat - x) * x_hat * (1 - x_hat)\n",
            "modified-delta": modified(
                result="activation * (1 - activation) * (back + sparsity_weight * slope)"
            ),
            "sparse-loss-and-grad": sparse(
                weight="inputs.T @ delta / m + weight_decay * w", bias="delta.mean(axis=0)"
            ),
        },
        {"test-output-mean": 1.0, "test-modified-one-over-m": 1.0},
    ),
    WrongForm(
        "a mean in the gradient of the biases",
        {"sparse-loss-and-grad": sparse(bias="delta.mean(axis=0)")},
        {"test-together": 1.0},
    ),
    WrongForm(
        "weight decay on the biases as well, in the gradient",
        {"sparse-loss-and-grad": sparse(bias="delta.sum(axis=0) + weight_decay * b")},
        {"test-decay": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "weight decay on the biases as well, in loss and gradient",
        {
            "sparse-loss-and-grad": sparse(
                decay="0.5 * weight_decay * sum(np.sum(p**2) for p in params.values())",
                bias="delta.sum(axis=0) + weight_decay * b",
            )
        },
        {"test-decay": 1.0, "test-together": 1.0},
    ),
    WrongForm(
        "weight decay without the half in the loss",
        {"sparse-loss-and-grad": sparse(decay="weight_decay * (np.sum(w1**2) + np.sum(w2**2))")},
        {"test-decay": 1.0},
    ),
    WrongForm(
        "the loss of a sum, the delta of a mean",
        {"sparse-loss-and-grad": sparse(data="0.5 * np.sum((x_hat - x) ** 2)")},
        {"test-loss": 1.0},
    ),
    # --- the check ---
    WrongForm(
        "forward instead of central differences",
        {"numerical-gradient": numerical("(above - here) / step")},
        {"test-central": 1.0},
    ),
    WrongForm(
        "an entry that is not put back",
        {"numerical-gradient": numerical("(above - below) / (2 * step)", put_back="pass")},
        {"test-dict": 1.0},
    ),
    WrongForm(
        "the distance relative to the numerical gradient",
        {
            "gradient-errors": GRADIENT_ERRORS
            + """    gradient = objective(params)[1]
    numerical = numerical_gradient(lambda p: objective(p)[0], params)
    return {
        name: np.linalg.norm(gradient[name] - numerical[name]) / np.linalg.norm(numerical[name])
        for name in params
    }
"""
        },
        {"test-gradient-errors": 1.0},
    ),
    WrongForm(
        "a delta that carries its mean, averaged once more by the judge",
        {
            "delta-errors": DELTA_ERRORS
            + """    right = numerical_gradient(loss, params)
    right = np.append(right["encoder_weight"].ravel(), right["encoder_bias"])
    found = []
    for delta in (first, second):
        g = np.append((x.T @ delta).ravel(), delta.sum(axis=0)) / len(x)
        found.append(np.linalg.norm(g - right) / max(np.linalg.norm(g), np.linalg.norm(right)))
    return tuple(found)
"""
        },
        {"test-delta-errors": 1.0},
    ),
    WrongForm(
        "a judge that looks at the biases only",
        {
            "delta-errors": DELTA_ERRORS
            + """    right = numerical_gradient(loss, params)["encoder_bias"]
    found = []
    for delta in (first, second):
        g = delta.sum(axis=0)
        found.append(np.linalg.norm(g - right) / max(np.linalg.norm(g), np.linalg.norm(right)))
    return tuple(found)
"""
        },
        {"test-delta-errors": 1.0},
    ),
]

PARTIAL = [
    WrongForm(
        "up to the plain hidden delta, the rest as released",
        {
            "modified-delta": MODIFIED_DELTA + RELEASED,
            "sparse-loss-and-grad": SPARSE + RELEASED,
            "gradient-errors": GRADIENT_ERRORS + RELEASED,
            "delta-errors": DELTA_ERRORS + RELEASED,
        },
        {
            "test-modified-plain": 1.0,
            "test-modified-bracket": 1.0,
            "test-modified-mean": 1.0,
            "test-modified-one-over-m": 1.0,
            "test-modified-direction": 1.0,
            "test-loss": 1.0,
            "test-decay": 1.0,
            "test-together": 2.0,
            "test-gradient-errors": 1.0,
            "test-delta-errors": 1.0,
        },
    ),
    WrongForm(
        "no differences of their own; the two judges borrow aelib's, as the text allows",
        {
            "numerical-gradient": NUMERICAL_GRADIENT + RELEASED,
            "gradient-errors": GRADIENT_ERRORS
            + """    gradient = objective(params)[1]
    numerical = checks.numerical_gradient(objective, params)
    size = np.linalg.norm
    return {
        name: size(gradient[name] - numerical[name])
        / max(size(gradient[name]), size(numerical[name]))
        for name in params
    }
""",
            "delta-errors": DELTA_ERRORS
            + """    right = checks.numerical_gradient(loss, params)
    right = np.vstack([right["encoder_weight"], right["encoder_bias"]])
    found = []
    for delta in (first, second):
        g = np.vstack([x.T @ delta, delta.sum(axis=0)])
        found.append(np.linalg.norm(g - right) / max(np.linalg.norm(g), np.linalg.norm(right)))
    return tuple(found)
""",
        },
        {"test-central": 1.0, "test-dict": 1.0},
    ),
    WrongForm(
        "differences for an array, none for a dict",
        {
            "numerical-gradient": NUMERICAL_GRADIENT
            + """    point, gradient = params.copy(), np.empty_like(params)
    for index in np.ndindex(point.shape):
        centre = point[index]
        point[index] = centre + step
        above = objective(point)
        point[index] = centre - step
        below = objective(point)
        point[index] = centre
        gradient[index] = (above - below) / (2 * step)
    return gradient
"""
        },
        {"test-dict": 1.0, "test-gradient-errors": 1.0, "test-delta-errors": 1.0},
    ),
]
