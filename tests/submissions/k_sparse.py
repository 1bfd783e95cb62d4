"""Wrong answers to the assignment "k-sparse" that students are known to give, and their cost."""

from tests.submissions import WrongForm

UNANSWERED = "    # YOUR CODE HERE\n    raise NotImplementedError()\n"

PREACTIVATION = "def preactivation(params, x):\n"
SELECT = "def select(z, k):\n"
ACTIVATION = "def activation(z, chosen):\n"
LOSS = "def loss_and_delta(x_hat, x):\n"
HIDDEN = "def hidden_delta(z, chosen, delta_out, decoder_weight):\n"
GRADIENT = "def gradient(params, x, a, delta_hidden, delta_out):\n"
DEAD = "def dead_units(a):\n"
AUXILIARY = "def auxiliary_activation(z, dead, k):\n"
AUXILIARY_LOSS = "def auxiliary_loss(residual, a, decoder_weight):\n"


def select(sort_by="-z", axis=1, also=""):
    """Return the source of a choice by sorting; the defaults are right."""
    start = "order[:, :k]" if axis == 1 else "order[:k, :]"
    return (
        SELECT
        + f"""    order = np.argsort({sort_by}, axis={axis}, kind="stable")
    chosen = np.zeros(z.shape, dtype=bool)
    np.put_along_axis(chosen, {start}, True, axis={axis})
    return chosen{also}
"""
    )


def loss_and_delta(loss="0.5 * np.sum(error**2) / len(x)", delta="error / len(x)"):
    """Return the source of a loss and an output delta; the defaults are right."""
    return LOSS + f"    error = x_hat - x\n    return float({loss}), {delta}\n"


def hidden(mask):
    return HIDDEN + f"    return (delta_out @ decoder_weight.T) * {mask}\n"


def gradient(
    inputs='x - params["decoder_bias"]',
    encoder_bias="delta_hidden.sum(axis=0)",
    second='- params["encoder_weight"] @ delta_hidden.sum(axis=0)',
):
    """Return the source of the parameters' gradient; the defaults are right."""
    return (
        GRADIENT
        + f"""    return {{
        "encoder_weight": ({inputs}).T @ delta_hidden,
        "encoder_bias": {encoder_bias},
        "decoder_weight": a.T @ delta_out,
        "decoder_bias": delta_out.sum(axis=0) {second},
    }}
"""
    )


SELECT_THRESHOLD = (
    SELECT
    + """    smallest = np.sort(z, axis=1)[:, -k][:, None]
    return z >= smallest
"""
)

SELECT_LAST_OF_EQUAL = (
    SELECT
    + """    chosen = np.zeros(z.shape, dtype=bool)
    np.put_along_axis(chosen, np.argsort(z, axis=1, kind="stable")[:, -k:], True, axis=1)
    return chosen
"""
)

AUXILIARY_AMONG_ALL = (
    AUXILIARY
    + """    chosen = byhand.topk.select(z, min(k, z.shape[1]))
    return np.maximum(z, 0) * chosen * dead
"""
)

AUXILIARY_ALL_DEAD = (
    AUXILIARY
    + """    return np.maximum(z, 0) * dead
"""
)

AUXILIARY_TOO_FEW = (
    AUXILIARY
    + """    a = np.zeros_like(z)
    of_dead = z[:, dead]
    a[:, dead] = np.maximum(of_dead, 0) * byhand.topk.select(of_dead, k)
    return a
"""
)

AUXILIARY_NEGATIVE = (
    AUXILIARY
    + """    a = np.zeros_like(z)
    if np.any(dead):
        of_dead = z[:, dead]
        a[:, dead] = of_dead * byhand.topk.select(of_dead, min(k, int(dead.sum())))
    return a
"""
)

WRONG_FORMS = [
    WrongForm(
        "the decoder's bias not taken off the input",
        {
            "preactivation": PREACTIVATION
            + '    return x @ params["encoder_weight"] + params["encoder_bias"]\n'
        },
        {"test-preactivation": 1},
    ),
    WrongForm(
        "the farthest from 0 instead of the largest",
        {"select": select("-np.abs(z)")},
        {"test-select-negative": 1},
    ),
    WrongForm(
        "only what is above 0 is chosen",
        {"select": select(also=" & (z > 0)")},
        {"test-select-negative": 1},
    ),
    WrongForm(
        "a threshold, which lets all equal ones pass",
        {"select": SELECT_THRESHOLD},
        {"test-select-ties": 1},
    ),
    WrongForm("of equal ones the last", {"select": SELECT_LAST_OF_EQUAL}, {"test-select-ties": 1}),
    WrongForm(
        "the k largest of each column",
        {"select": select(axis=0)},
        {"test-select": 1, "test-select-negative": 1, "test-select-ties": 1},
    ),
    WrongForm(
        "the k smallest",
        {"select": select("z")},
        {"test-select": 1, "test-select-negative": 1, "test-select-ties": 1},
    ),
    WrongForm(
        "no ReLU after the choice",
        {"activation": ACTIVATION + "    return z * chosen\n"},
        {"test-activation": 1},
    ),
    WrongForm(
        "the choice forgotten in the activation",
        {"activation": ACTIVATION + "    return np.maximum(z, 0)\n"},
        {"test-activation": 1},
    ),
    WrongForm(
        "the half of the loss missing",
        {"loss-and-delta": loss_and_delta(loss="np.sum(error**2) / len(x)")},
        {"test-loss": 1},
    ),
    WrongForm(
        "the mean over all values",
        {"loss-and-delta": loss_and_delta(loss="0.5 * np.mean(error**2)")},
        {"test-loss": 1},
    ),
    WrongForm(
        "the sum over the samples, in both",
        {"loss-and-delta": loss_and_delta(loss="0.5 * np.sum(error**2)", delta="error")},
        {"test-loss": 1, "test-output-delta": 1},
    ),
    WrongForm(
        "the slope of a sigmoid in the output delta",
        {"loss-and-delta": loss_and_delta(delta="error * x_hat * (1 - x_hat) / len(x)")},
        {"test-output-delta": 1},
    ),
    WrongForm(
        "the hidden delta without the choice",
        {"hidden-delta": hidden("(z > 0)")},
        {"test-hidden-mask": 1},
    ),
    WrongForm(
        "the hidden delta without the ReLU",
        {"hidden-delta": hidden("chosen")},
        {"test-hidden-relu": 1},
    ),
    WrongForm(
        "the hidden delta of a linear layer",
        {"hidden-delta": hidden("1.0")},
        {"test-hidden-mask": 1, "test-hidden-relu": 1},
    ),
    WrongForm(
        "the hidden delta divided by m once more",
        {"hidden-delta": hidden("(chosen & (z > 0)) / len(z)")},
        {"test-hidden-back": 1},
    ),
    WrongForm(
        "the slope of a sigmoid in the hidden delta",
        {"hidden-delta": hidden("z * (1 - z) * (chosen & (z > 0))")},
        {"test-hidden-back": 1, "test-hidden-mask": 1, "test-hidden-relu": 1},
    ),
    WrongForm(
        "the encoder's gradient from the raw input",
        {"gradient": gradient(inputs="x")},
        {"test-weights": 1},
    ),
    WrongForm(
        "the decoder's bias without its second place",
        {"gradient": gradient(second="")},
        {"test-biases": 1},
    ),
    WrongForm(
        "the second place with the wrong sign",
        {"gradient": gradient(second='+ params["encoder_weight"] @ delta_hidden.sum(axis=0)')},
        {"test-biases": 1},
    ),
    WrongForm(
        "the mean taken again in the encoder's bias",
        {"gradient": gradient(encoder_bias="delta_hidden.mean(axis=0)")},
        {"test-biases": 1},
    ),
    WrongForm(
        "dead samples instead of dead units",
        {"dead-units": DEAD + "    return ~np.any(a > 0, axis=1)\n"},
        {"test-dead-units": 1},
    ),
    WrongForm(
        "dead if the mean is small",
        {"dead-units": DEAD + "    return a.mean(axis=0) < 1e-3\n"},
        {"test-dead-units": 1},
    ),
    WrongForm(
        "chosen among all, then the dead ones",
        {"auxiliary-activation": AUXILIARY_AMONG_ALL},
        {"test-auxiliary": 1},
    ),
    WrongForm(
        "all dead units at once",
        {"auxiliary-activation": AUXILIARY_ALL_DEAD},
        {"test-auxiliary": 1},
    ),
    WrongForm(
        "fewer dead units than k not thought of",
        {"auxiliary-activation": AUXILIARY_TOO_FEW},
        {"test-auxiliary-edge": 1},
    ),
    WrongForm(
        "no ReLU in the second chance",
        {"auxiliary-activation": AUXILIARY_NEGATIVE},
        {"test-auxiliary-edge": 1},
    ),
    WrongForm(
        "the half of the auxiliary loss missing",
        {
            "auxiliary-loss": AUXILIARY_LOSS
            + "    left = residual - a @ decoder_weight\n"
            + "    return float(np.sum(left**2) / len(residual))\n"
        },
        {"test-auxiliary-loss": 1},
    ),
]

PARTIAL = [
    WrongForm(
        "only the forward pass",
        {
            "hidden-delta": HIDDEN + UNANSWERED,
            "gradient": GRADIENT + UNANSWERED,
            "dead-units": DEAD + UNANSWERED,
            "auxiliary-activation": AUXILIARY + UNANSWERED,
            "auxiliary-loss": AUXILIARY_LOSS + UNANSWERED,
        },
        {
            "test-hidden-back": 1,
            "test-hidden-mask": 1,
            "test-hidden-relu": 1,
            "test-weights": 1,
            "test-biases": 2,
            "test-dead-units": 1,
            "test-auxiliary": 1,
            "test-auxiliary-edge": 1,
            "test-auxiliary-loss": 1,
        },
    ),
]
