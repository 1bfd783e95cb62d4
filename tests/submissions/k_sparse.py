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


def dead(formula):
    return DEAD + f"    return {formula}\n"


def auxiliary_loss(formula):
    return AUXILIARY_LOSS + f"    left = residual - a @ decoder_weight\n    return {formula}\n"


def gradient(
    inputs='x - params["decoder_bias"]',
    encoder_bias="delta_hidden.sum(axis=0)",
    second='- params["encoder_weight"] @ delta_hidden.sum(axis=0)',
    before="",
):
    """Return the source of the parameters' gradient; the defaults are right."""
    return (
        GRADIENT
        + before
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

SELECT_OF_BATCH = (
    SELECT
    + """    first = np.argsort(-z, axis=None, kind="stable")[: k * len(z)]
    chosen = np.zeros(z.shape, dtype=bool)
    chosen.flat[first] = True
    return chosen
"""
)

SELECT_PARTITION = (
    SELECT
    + """    chosen = np.zeros(z.shape, dtype=bool)
    first = np.argpartition(-z, k - 1, axis=1)[:, :k]
    np.put_along_axis(chosen, first, True, axis=1)
    return chosen
"""
)

SELECT_FIRST_OF_THRESHOLD = (
    SELECT
    + """    mask = z >= np.sort(z, axis=1)[:, -k][:, None]
    return mask & (np.cumsum(mask, axis=1) <= k)
"""
)


def select_one_by_one(left="z.copy()", taken="-np.inf"):
    """Return the source of a choice by k maxima; the defaults are right."""
    return (
        SELECT
        + f"""    left, rows = {left}, np.arange(len(z))
    chosen = np.zeros(z.shape, dtype=bool)
    for _ in range(k):
        j = left.argmax(axis=1)
        chosen[rows, j] = True
        left[rows, j] = {taken}
    return chosen
"""
    )


GRADIENT_WITHOUT_DECODER_BIAS = (
    GRADIENT
    + """    return {
        "encoder_weight": (x - params["decoder_bias"]).T @ delta_hidden,
        "encoder_bias": delta_hidden.sum(axis=0),
        "decoder_weight": a.T @ delta_out,
    }
"""
)

AUXILIARY_LIVING_AT_ZERO = (
    AUXILIARY
    + """    k = min(k, int(dead.sum()))
    if k == 0:
        return np.zeros_like(z)
    return select(z * dead, k) * np.maximum(z, 0)
"""
)

AUXILIARY_FARTHEST = (
    AUXILIARY
    + """    a = np.zeros_like(z)
    if np.any(dead):
        of_dead = z[:, dead]
        chosen = select(np.abs(of_dead), min(k, int(dead.sum())))
        a[:, dead] = np.maximum(of_dead, 0) * chosen
    return a
"""
)

AUXILIARY_THRESHOLD = (
    AUXILIARY
    + """    a = np.zeros_like(z)
    if np.any(dead):
        of_dead = z[:, dead]
        smallest = np.sort(of_dead, axis=1)[:, -min(k, int(dead.sum()))][:, None]
        a[:, dead] = np.where(of_dead >= smallest, np.maximum(of_dead, 0), 0)
    return a
"""
)

AUXILIARY_OF_BATCH = (
    AUXILIARY
    + """    a = np.zeros_like(z)
    if np.any(dead):
        of_dead = z[:, dead]
        most = min(k, int(dead.sum())) * len(z)
        smallest = np.sort(of_dead, axis=None)[-most]
        a[:, dead] = np.where(of_dead >= smallest, np.maximum(of_dead, 0), 0)
    return a
"""
)

AUXILIARY_AMONG_ALL = (
    AUXILIARY
    + """    chosen = select(z, min(k, z.shape[1]))
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
    if np.any(dead):
        of_dead = z[:, dead]
        first = np.argpartition(-of_dead, k - 1, axis=1)[:, :k]
        chosen = np.zeros(of_dead.shape, dtype=bool)
        np.put_along_axis(chosen, first, True, axis=1)
        a[:, dead] = np.maximum(of_dead, 0) * chosen
    return a
"""
)

AUXILIARY_NEGATIVE = (
    AUXILIARY
    + """    a = np.zeros_like(z)
    if np.any(dead):
        of_dead = z[:, dead]
        a[:, dead] = of_dead * select(of_dead, min(k, int(dead.sum())))
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
        "the decoder's bias taken off in place",
        {
            "preactivation": PREACTIVATION
            + '    x -= params["decoder_bias"]\n'
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
    WrongForm("the largest of the whole batch", {"select": SELECT_OF_BATCH}, {"test-select": 1}),
    WrongForm(
        "a partition, which is not stable", {"select": SELECT_PARTITION}, {"test-select-ties": 1}
    ),
    WrongForm(
        "the first k of those that pass a threshold",
        {"select": SELECT_FIRST_OF_THRESHOLD},
        {"test-select-ties": 1},
    ),
    WrongForm(
        "ties broken by a shift",
        {"select": select("-(z - 1e-4 * np.arange(z.shape[1]))")},
        {"test-select": 1},
    ),
    WrongForm(
        "ties broken by a small shift",
        {"select": select("-(z - 1e-9 * np.arange(z.shape[1]))")},
        {"test-select": 1},
    ),
    WrongForm("rounded first", {"select": select("-z.round(3)")}, {"test-select": 1}),
    WrongForm(
        "in single precision",
        {"select": select("-z.astype(np.float32)")},
        {"test-select": 1},
    ),
    WrongForm(
        "a finite number for what is taken",
        {"select": select_one_by_one(taken="-100")},
        {"test-select-negative": 1},
    ),
    WrongForm(
        "what is taken marked in z itself",
        {"select": select_one_by_one(left="z")},
        {"test-select": 1},
    ),
    WrongForm(
        "1 and 0 instead of booleans", {"select": select(also=".astype(int)")}, {"test-select": 1}
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
        "divided by the inputs instead of the samples, in both",
        {
            "loss-and-delta": loss_and_delta(
                loss="0.5 * np.sum(error**2) / x.shape[1]", delta="error / x.shape[1]"
            )
        },
        {"test-loss": 1, "test-output-delta": 1},
    ),
    WrongForm(
        "a list of loss and delta",
        {
            "loss-and-delta": LOSS
            + "    error = x_hat - x\n"
            + "    return [float(0.5 * np.sum(error**2) / len(x)), error / len(x)]\n"
        },
        {"test-loss": 1},
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
        "the hidden delta where choice and sign agree",
        {"hidden-delta": hidden("(chosen == (z > 0))")},
        {"test-hidden-mask": 1},
    ),
    WrongForm(
        "the hidden delta scaled up by the share that is chosen of a sample",
        {
            "hidden-delta": hidden(
                "(chosen & (z > 0)) / chosen.mean(axis=1, keepdims=True).clip(1e-9)"
            )
        },
        {"test-hidden-back": 1},
    ),
    WrongForm(
        "the hidden delta scaled down by the share that is chosen of all",
        {"hidden-delta": hidden("(chosen & (z > 0)) * chosen.mean()")},
        {"test-hidden-back": 1},
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
        {"test-hidden-back": 1},
    ),
    WrongForm(
        "the encoder's gradient from the raw input",
        {"gradient": gradient(inputs="x")},
        {"test-weights": 1},
    ),
    WrongForm(
        "the input centred in place",
        {"gradient": gradient(inputs="x", before='    x -= params["decoder_bias"]\n')},
        {"test-weights": 1},
    ),
    WrongForm(
        "the decoder's bias left out",
        {"gradient": GRADIENT_WITHOUT_DECODER_BIAS},
        {"test-biases": 1},
    ),
    WrongForm(
        "the encoder's bias as a row",
        {"gradient": gradient(encoder_bias="delta_hidden.sum(axis=0, keepdims=True)")},
        {"test-biases": 1},
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
        "dead if the share of samples is small",
        {"dead-units": dead("(a > 0).mean(axis=0) < 1e-4")},
        {"test-dead-units": 1},
    ),
    WrongForm(
        "dead if the sum is small",
        {"dead-units": dead("a.sum(axis=0) < 1e-12")},
        {"test-dead-units": 1},
    ),
    WrongForm(
        "dead if all entries are small",
        {"dead-units": dead("~(a > 1e-12).any(axis=0)")},
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
        "of the dead the farthest from 0",
        {"auxiliary-activation": AUXILIARY_FARTHEST},
        {"test-auxiliary": 1},
    ),
    WrongForm(
        "a threshold among the dead",
        {"auxiliary-activation": AUXILIARY_THRESHOLD},
        {"test-auxiliary": 1},
    ),
    WrongForm(
        "the largest dead ones of the whole batch",
        {"auxiliary-activation": AUXILIARY_OF_BATCH},
        {"test-auxiliary": 1},
    ),
    WrongForm(
        "0 in the place of the living",
        {"auxiliary-activation": AUXILIARY_LIVING_AT_ZERO},
        {"test-auxiliary-edge": 1},
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
        {"auxiliary-loss": auxiliary_loss("np.sum(left**2) / len(residual)")},
        {"test-auxiliary-loss": 1},
    ),
    WrongForm(
        "the auxiliary loss divided by the inputs",
        {"auxiliary-loss": auxiliary_loss("0.5 * np.sum(left**2) / residual.shape[1]")},
        {"test-auxiliary-loss": 1},
    ),
]

# Right answers of another shape, and right ones that call an earlier function with a mistake.
OTHER_FORMS = [
    WrongForm(
        "the losses as arrays without dimension",
        {
            "loss-and-delta": loss_and_delta().replace("float(", "np.array("),
            "auxiliary-loss": auxiliary_loss("np.array(0.5 * np.sum(left**2) / len(left))"),
        },
        {},
    ),
    WrongForm("k maxima one by one", {"select": select_one_by_one()}, {}),
    WrongForm(
        "the living at minus infinity, chosen by a wrong choice and a wrong activation",
        {
            "select": select("z"),
            "activation": ACTIVATION + "    return z * chosen\n",
            "auxiliary-activation": AUXILIARY
            + "    asked = np.where(dead, z, -np.inf)\n"
            + "    return activation(np.where(dead, z, 0.0), select(asked, min(k, len(dead))))\n",
        },
        {
            "test-select": 1,
            "test-select-negative": 1,
            "test-select-ties": 1,
            "test-activation": 1,
        },
    ),
    WrongForm(
        "the auxiliary loss by a loss without its half",
        {
            "loss-and-delta": loss_and_delta(loss="np.sum(error**2) / len(x)"),
            "auxiliary-loss": AUXILIARY_LOSS
            + "    return loss_and_delta(a @ decoder_weight, residual)[0]\n",
        },
        {"test-loss": 1},
    ),
]

PARTIAL = [
    *OTHER_FORMS,
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
